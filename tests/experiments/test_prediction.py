"""`tubekit predict` with a recipe: prepared as in training, and brought back to the image."""

import nibabel
import numpy as np
import pytest
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from tests.experiments.test_runs import tiny
from tubekit import cli
from tubekit.chapters import chapter as room
from tubekit.chapters.harmonyseg.liver import liver_split
from tubekit.data import load_cases
from tubekit.experiments import prediction
from tubekit.experiments import run as runs
from tubekit.experiments.data import phantom_split, window_of
from tubekit.experiments.prediction import predict_file, preparation_of
from tubekit.experiments.preparation import Preparation
from tubekit.phantoms import phantom_cases
from tubekit.types import Case, Spec

AFFINE = np.array([[-0.7, 0, 0.1, 90], [0, -0.7, 0, 110], [0.1, 0, 2.0, -300], [0, 0, 0, 1.0]])

SMALL = Spec(phantom_split, name="fundus", size=(96, 96), train=1, validation=1, test=1)


@pytest.fixture
def shown(monkeypatch, tmp_path) -> list[Case]:
    """What the network is shown; it answers with the bright voxels of the first channel."""
    seen: list[Case] = []

    def answer(network, case, recipe, device):
        seen.append(case)
        return (case.image[0] > 100).astype(np.uint8)

    monkeypatch.setattr(prediction, "_network", lambda *_: nn.Identity())
    monkeypatch.setattr(runs, "predict", answer)
    return seen


def photograph(path, height: int, width: int) -> np.ndarray:
    """A bright rectangle whose borders lie on even pixels."""
    values = np.zeros((height, width, 3), np.uint8)
    values[40:120, 60:160] = 200
    Image.fromarray(values).save(path)
    return values[..., 0] > 100


@pytest.mark.parametrize(("size", "half"), [((200, 240), (100, 120)), ((201, 241), (101, 121))])
def test_half_the_resolution_and_back(shown, tmp_path, size, half) -> None:
    truth = photograph(tmp_path / "eye.png", *size)
    chosen = room("skeleton_recall").recipe("smoke", "table-2/retina/srl")
    predict_file(chosen, tmp_path / "eye.png", tmp_path / "out.png")
    assert shown[0].image.shape == (3, *half)
    assert shown[0].spacing == (2.0, 2.0)
    written = np.array(Image.open(tmp_path / "out.png"))
    assert written.shape == size
    assert np.array_equal(written > 0, truth)


def test_vesselness_is_appended_as_in_training(shown, tmp_path) -> None:
    photograph(tmp_path / "eye.png", 160, 200)
    chosen = next(
        r
        for r in room("harmonyseg").recipes("smoke")
        if r.data.kwargs.get("vesselness") == "retina"
    )
    predict_file(chosen, tmp_path / "eye.png", tmp_path / "out.png")
    case = shown[0]
    assert (case.image.shape, case.derived) == ((4, 80, 100), 1)
    assert case.image[3].max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("chapter", "name", "grid", "spacing"),
    [
        ("skeleton_recall", "table-2/vesselnn/ce_dice", (12, 20, 22), (2.0025, 1.4, 1.4142)),
        ("harmonyseg", "hvs", (12, 14, 16), (2.0, 2.0, 2.0)),
    ],
)
def test_volumes_lie_where_they_lay(shown, tmp_path, chapter, name, grid, spacing) -> None:
    volume = np.zeros((44, 40, 12), np.float32)
    volume[10:30, 8:28, 2:8] = 150
    nibabel.save(nibabel.Nifti1Image(volume, AFFINE), tmp_path / "a.nii.gz")
    chosen = next(r for r in room(chapter).recipes("smoke") if r.id == name or r.data_name == name)
    predict_file(chosen, tmp_path / "a.nii.gz", tmp_path / "out.nii.gz")
    assert shown[0].image.shape[1:] == grid
    assert shown[0].spacing == pytest.approx(spacing, rel=1e-3)
    written = nibabel.load(tmp_path / "out.nii.gz")
    assert written.shape == (44, 40, 12)
    np.testing.assert_allclose(written.affine, AFFINE, atol=1e-4)
    found, truth = np.asarray(written.dataobj) > 0, volume > 100
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8


def test_every_recipe_has_a_preparation_and_phantoms_are_prepared_by_it() -> None:
    for chapter in ("skeleton_recall", "harmonyseg"):
        for chosen in room(chapter).recipes("smoke"):
            made = preparation_of(chosen.data, len(chosen.predictor.kwargs["patch_size"]))
            kept = {k: v for k, v in chosen.data.kwargs.items() if hasattr(made, k)}
            if chosen.data.target is liver_split:
                kept |= {"spacing_mm": (2.0,) * 3, "window": window_of("ircad01")}
            assert made == Preparation(**kept), chosen.id
    options = {"window": (0.2, 0.6), "vesselness": "vascular"}
    data = Spec(
        phantom_split, name="vascular", size=(16, 24, 24), train=1, validation=1, test=1, **options
    )
    trained = data.build(seed=0).train[0]
    raw = phantom_cases("vascular", 1, 1000, size=(16, 24, 24))[0]
    prepared = preparation_of(data, 3).apply(raw)
    assert np.array_equal(prepared.image, trained.image)
    assert (prepared.derived, prepared.spacing) == (trained.derived, trained.spacing)


def test_published_images_are_prepared_as_in_training(mirror, monkeypatch) -> None:
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    for name in ("retina", "vesselnn"):
        chosen = room("skeleton_recall").recipe("smoke", f"table-2/{name}/ce_dice")
        trained = chosen.data.build(seed=0).train[0]
        raws = [c for s in ("train", "val", "test") for c in _cases(chosen.data.kwargs["name"], s)]
        raw = next(case for case in raws if case.id == trained.id)
        prepared = preparation_of(chosen.data, raw.image.ndim - 1).apply(raw)
        assert np.array_equal(prepared.image, trained.image)
        assert prepared.spacing == trained.spacing


def _cases(name: str, split: str) -> list[Case]:
    try:
        return load_cases(name, split)
    except ValueError:
        return []


def test_trained_once_and_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))
    image = tmp_path / "a.png"
    Image.fromarray(np.arange(80 * 96, dtype=np.uint8).reshape(80, 96)).save(image)
    kept = tiny(data=SMALL, metrics=("dice",))
    steps: list[int] = []
    fit = runs.fit

    def counted(update, batches, **options):
        result = fit(update, lambda i: steps.append(i) or batches(i), **options)
        return result

    def tests(network, cases, *_):
        assert not cases, "nobody asked for the test cases"
        return {}

    monkeypatch.setattr(runs, "fit", counted)
    monkeypatch.setattr(runs, "test", tests)
    said: list[str] = []
    for name in ("one.png", "two.png"):
        predict_file(kept, image, tmp_path / name, device="cpu", say=said.append)
        assert steps == [0, 1]
    assert said[0] == "t/fundus/srl is trained on 1 cases (phantom)"
    assert said[1].startswith("t/fundus/srl: weights of ")
    assert [p.name.split("-")[1] for p in (tmp_path / "cache/networks").glob("*.pt")] == ["phantom"]
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    predict_file(kept.train_differently(steps=3), image, tmp_path / "three.png", device="cpu")
    assert steps == [0, 1, 0, 1, 2]


def test_an_image_of_another_kind_is_refused(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))
    photograph(tmp_path / "eye.png", 128, 160)
    output = tmp_path / "out.png"

    def fit(*_, **__):
        raise AssertionError("trained before the image was refused")

    monkeypatch.setattr(runs, "fit", fit)
    with pytest.raises(ValueError, match=r"expected an image with 1 channel\(s\) for t/fundus/srl"):
        predict_file(
            tiny(data=SMALL, metrics=("dice",)), tmp_path / "eye.png", output, device="cpu"
        )
    chosen = room("skeleton_recall").recipe("smoke", "table-2/canal/srl")
    with pytest.raises(ValueError, match="expected an image with 3 axes for table-2/canal/srl"):
        predict_file(chosen, tmp_path / "eye.png", output, device="cpu")
    assert not output.exists()


def test_the_command_takes_a_recipe_with_its_chapter(shown, tmp_path) -> None:
    photograph(tmp_path / "eye.png", 200, 240)
    words = ["predict", "table-2/retina/srl", tmp_path / "eye.png", tmp_path / "out.png"]
    done = CliRunner().invoke(cli.app, [*map(str, words), "--chapter=skeleton_recall"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.png").is_file()
    assert len(shown) == 1
    done = CliRunner().invoke(cli.app, list(map(str, words)))
    assert "no readable model.json" in str(done.exception)
