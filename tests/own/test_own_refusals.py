"""Whatever does not fit is refused in one sentence, before anything is written."""

import json
import shutil

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from tests.own.scenes import AFFINE, contents, quick, write
from tubekit.own import Settings, load, predict, train
from tubekit.own.folder import find_entries, split_entries


def save_png(path, array):
    Image.fromarray(array).save(path)


def label_missing(root):
    (root / "labels" / "a_2.png").unlink()


def label_as_jpeg(root):
    path = root / "labels" / "a_2.png"
    Image.open(path).save(path.with_suffix(".jpg"))
    path.unlink()


def label_of_another_size(root):
    save_png(root / "labels" / "a_2.png", np.zeros((30, 40), np.uint8))


def one_class(root):
    for path in (root / "labels").iterdir():
        save_png(path, np.zeros(Image.open(path).size[::-1], np.uint8))


def smoothed(root):
    ramp = np.arange(30 * 44).reshape(30, 44) % 256
    save_png(root / "labels" / "a_1.png", ramp.astype(np.uint8))


def colourful_label(root):
    array = np.zeros((30, 44, 3), np.uint8)
    array[..., 0] = 200
    save_png(root / "labels" / "a_1.png", array)


def one_in_colour(root):
    save_png(root / "images" / "b_1.png", np.zeros((34, 44, 3), np.uint8))


def transparent(root):
    array = np.zeros((30, 44, 4), np.uint8)
    array[:9, :9, 3] = 255
    save_png(root / "images" / "a_1.png", array)


def cut_short(root):
    path = root / "images" / "a_2.png"
    path.write_bytes(path.read_bytes()[:60])


def two_of_a_name(root):
    Image.open(root / "images" / "a_1.png").save(root / "images" / "a_1.tif")


def no_images(root):
    shutil.rmtree(root / "images")
    (root / "images").mkdir()


def no_folder(root):
    shutil.rmtree(root / "labels")


def foreign_folder(root):
    (root / "m").mkdir()
    (root / "m" / "thesis.doc").write_text("mine")


def file_in_the_way(root):
    (root / "m").write_text("mine")


def nothing(root):
    pass


REFUSED = [
    (label_missing, {}, "expected a label of the same name .* got none for a_2; draw it"),
    (label_as_jpeg, {}, "got none for a_2"),
    (label_of_another_size, {}, r"a_2\.png: expected the image's grid \(32, 44\), got \(30, 40\)"),
    (one_class, {}, "expected a background and at least one class in the labels, got the value 0"),
    (smoothed, {}, "expected at most 64 different label values, got 256"),
    (colourful_label, {}, r"a_1\.png: expected one class index per voxel, got a colour picture"),
    (
        one_in_colour,
        {},
        r"b_1\.png: expected 2 axes and 1 channel\(s\) as in a_1\.png",
    ),
    (transparent, {}, r"a_1\.png: expected an opaque picture"),
    (cut_short, {}, r"a_2\.png: expected a complete \.png file"),
    (two_of_a_name, {}, r"expected one file of the name a_1, got a_1\.png, a_1\.tif"),
    (no_images, {}, "expected images .* got none"),
    (no_folder, {}, "expected a folder, got .*labels"),
    (foreign_folder, {}, "expected a new or empty folder for the model, got .* with other files"),
    (file_in_the_way, {}, "expected a folder for the model, got the file"),
    (nothing, {"patch": 20}, r"patch must have 2 sizes, multiples of \(8, 8\) .* got \(20, 20\)"),
    (nothing, {"patch": (16, 16, 16)}, r"patch must have 2 sizes, .* got \(16, 16, 16\)"),
    (nothing, {"patch": 8}, "at least twice that"),
    (nothing, {"spacing": (1.0, 1.0, 1.0)}, "one positive value per axis"),
    (nothing, {"spacing": (1.0, 1.0)}, r"a_1\.png.*expected a voxel size in the image"),
    (
        nothing,
        {"group_pattern": "^x([0-9])"},
        "to find a patient in every name, got nothing",
    ),
    (nothing, {"group_pattern": "(_)"}, "expected at least two patients"),
]


@pytest.mark.parametrize(("damage", "changes", "says"), REFUSED)
def test_training_refuses_and_writes_nothing(grey, damage, changes, says, monkeypatch):
    damage(grey)
    before = contents(grey)
    monkeypatch.setattr("tubekit.own.training.fit", lambda *a, **k: pytest.fail("training began"))
    with pytest.raises((ValueError, OSError), match=says):
        train(grey / "images", grey / "labels", grey / "m", quick(**changes))
    assert contents(grey) == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"loss": "mse"}, "loss must be one of 'dice_ce', 'srl'"),
        ({"network": "resnet"}, "network must be one of"),
        ({"vesselness": "grey"}, "vesselness must be one of"),
        ({"steps": 5, "minutes": 2.0}, "expected steps or minutes"),
        ({"steps": 0}, "steps must be positive"),
        ({"minutes": float("nan")}, "minutes must be positive"),
        ({"patch": (16, -1)}, r"patch\[1\] must be positive"),
        ({"validation": 1.0}, r"validation must lie in \[0, 1\)"),
        ({"window": (3.0, 2.0)}, "expected a window LOW HIGH"),
        ({"scale": 0.0}, "scale must lie in"),
        ({"scale": 0.5, "spacing": (1.0, 1.0)}, "expected a spacing or a scale"),
        ({"group_pattern": "^[0-9]+"}, "expected one group in the pattern, got 0"),
        ({"group_pattern": "^([0-9+"}, "expected a regular expression"),
        ({"seed": -1}, "seed must lie in"),
    ],
)
def test_settings_out_of_range(changes, says):
    with pytest.raises(ValueError, match=says):
        Settings(**changes)


def test_hrnet_is_for_pictures_only(tmp_path):
    root = write(tmp_path, "volume")
    before = contents(root)
    with pytest.raises(ValueError, match="expected images in 2-D for the network hrnet, got 3"):
        train(root / "images", root / "labels", root / "m", quick(network="hrnet"))
    assert contents(root) == before


def test_a_label_elsewhere_is_refused(tmp_path):
    root = write(tmp_path, "volume")
    path = root / "labels" / "b_1.nii.gz"
    array = np.asarray(nibabel.load(path).dataobj)
    moved = AFFINE.copy()
    moved[0, 3] += 3
    nibabel.save(nibabel.Nifti1Image(array, moved), path)
    with pytest.raises(
        ValueError, match=r"b_1\.nii\.gz: expected the place of the grid it belongs to"
    ):
        train(root / "images", root / "labels", root / "m", quick())


def test_a_folder_that_cannot_be_written_is_an_error_before_training(grey, monkeypatch):
    (grey / "file").write_text("")
    monkeypatch.setattr("tubekit.own.training.fit", lambda *a, **k: pytest.fail("training began"))
    before = contents(grey)
    with pytest.raises(OSError, match="file"):
        train(grey / "images", grey / "labels", grey / "file" / "m", quick())
    assert contents(grey) == before


def other_image(trained, tmp_path):
    """An image of another kind than the model's."""
    if trained.name.startswith("grey"):
        save_png(tmp_path / "in.png", np.zeros((20, 20, 3), np.uint8))
        return tmp_path / "in.png", r"expected a 2-D image with 1 channel\(s\), got 2 axes and 3"
    if trained.name.startswith("colour"):
        save_png(tmp_path / "in.png", np.zeros((20, 20), np.uint8))
        return tmp_path / "in.png", r"expected a 2-D colour image with 3 channel\(s\), got 2 axes"
    pages = [Image.fromarray(np.zeros((20, 20), np.uint8)) for _ in range(6)]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    return tmp_path / "in.tif", r"expected a voxel size in the image, since .* \(2\.0, 1\.2, 1\.1\)"


def test_an_image_of_another_kind_is_refused_before_any_work(trained, tmp_path, monkeypatch):
    path, says = other_image(trained, tmp_path)
    model = load(trained / "model")
    folder = tmp_path / "mixed"
    shutil.copytree(trained / "images", folder)
    shutil.copy(path, folder / f"z{path.suffix}")
    before = contents(tmp_path)
    monkeypatch.setattr("tubekit.own.model.predict_probs", lambda *a, **k: pytest.fail("work"))
    suffix = ".nii.gz" if model.preparation.dimensions == 3 else ".png"
    for source, target in ((path, f"x{suffix}"), (folder, "out")):
        with pytest.raises(ValueError, match=says):
            predict(model, source, tmp_path / target)
    with pytest.raises(ValueError, match=f"ends in {suffix}"):
        predict(model, sorted((trained / "images").iterdir())[0], tmp_path / "x.bmp")
    if suffix == ".png":
        with pytest.raises(ValueError, match="which is one of them; write to another folder"):
            predict(model, trained / "images", trained / "images")
    with pytest.raises(ValueError, match="expected a folder or an image"):
        predict(model, tmp_path / "absent.png", tmp_path / "x.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"expected images .* got none"):
        predict(model, tmp_path / "empty", tmp_path / "out")
    (tmp_path / "empty").rmdir()
    with pytest.raises(ValueError, match="expected a folder for the label maps"):
        predict(model, trained / "images", path)
    assert contents(tmp_path) == before


def test_a_damaged_model_is_one_clear_error(trained, tmp_path):
    def again(name: str):
        return shutil.copytree(trained / "model", tmp_path / name)

    with pytest.raises(ValueError, match=r"expected a trained model in .*nowhere"):
        load(tmp_path / "nowhere")
    cut = again("cut")
    (cut / "model.json").write_text("{")
    with pytest.raises(ValueError, match="expected a trained model"):
        load(cut)
    for number, text in enumerate(("[]", '{"format": 2}')):
        (cut / "model.json").write_text(text)
        with pytest.raises(ValueError, match=f"expected format 1, got {('None', '2')[number]}"):
            load(cut)
    lacking = again("lacking")
    (lacking / "weights.pt").unlink()
    swapped = again("swapped")
    torch.save({}, swapped / "weights.pt")
    edited = again("edited")
    card = json.loads((edited / "model.json").read_text())
    card["training"]["settings"]["width"] = 4
    (edited / "model.json").write_text(json.dumps(card))
    strange = again("strange")
    card["preparation"]["extra"] = 1
    (strange / "model.json").write_text(json.dumps(card))
    for folder in (lacking, swapped, edited, strange):
        with pytest.raises(ValueError, match=r"expected a complete model in .* got a damaged one"):
            load(folder)


def test_patients_stay_together_and_equal_seeds_split_equally(tmp_path):
    names = tuple(f"{patient:02}_{side}" for patient in range(8) for side in ("l", "r"))
    write(tmp_path, "grey", names)
    entries = find_entries(tmp_path / "images", tmp_path / "labels", "^([0-9]+)_")
    seen = set()
    for seed in range(6):
        train_side, other_side = split_entries(entries, 0.25, seed)
        assert len(other_side) == 4
        assert sorted([*train_side, *other_side]) == entries
        assert not {e.group for e in train_side} & {e.group for e in other_side}
        assert split_entries(entries, 0.25, seed) == (train_side, other_side)
        seen.add(tuple(e.name for e in other_side))
    assert len(seen) > 2
    assert len(split_entries(entries, 0.01, 0)[1]) == 2
    assert len(split_entries(entries, 0.99, 0)[0]) == 2


def test_a_class_that_only_validation_shows_is_refused(tmp_path):
    root = write(tmp_path, "volume")
    for path in (root / "labels").iterdir():
        if path.name != "c_1.nii.gz":
            array = np.asarray(nibabel.load(path).dataobj)
            nibabel.save(nibabel.Nifti1Image(np.where(array == 7, 3, array), AFFINE), path)
    entries = find_entries(root / "images", root / "labels")
    seed = next(s for s in range(99) if split_entries(entries, 0.34, s)[1][0].name == "c_1")
    with pytest.raises(ValueError, match=r"found \[7\] in none of them; choose another seed"):
        train(root / "images", root / "labels", root / "m", quick(seed=seed))
