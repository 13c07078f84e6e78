"""From two folders to predictions that `tubekit evaluate` takes, for each kind of image."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import tubekit
from tests.own.scenes import AFFINE, lines, quick, write
from tubekit import cli
from tubekit.data import read_image
from tubekit.own import Model, load, predict, train
from tubekit.own.folder import find_entries
from tubekit.own.images import read_cases
from tubekit.own.training import scores


def command(*words: object) -> str:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def stored(path: Path) -> np.ndarray:
    return read_image(path)[0][0]


def test_every_image_gets_a_map_on_its_grid_and_evaluate_takes_it(trained, tmp_path):
    out = tmp_path / "out"
    command("predict", trained / "model", trained / "images", out)
    for image in sorted((trained / "images").iterdir()):
        made = stored(out / image.name)
        assert made.shape == stored(image).shape
        assert set(np.unique(made)) <= set(load(trained / "model").values)
    volumes = trained.name.startswith("volume")
    header = ["--spacing-from-header"] if volumes else []
    classes = ["--classes", 7] if volumes else []
    for more in ([], header):
        shown = command(
            "evaluate", out, trained / "labels", "--output", tmp_path / f"report{len(more)}",
            "--jobs", 1, *classes, *more,
        )  # fmt: skip
        assert "4 cases measured, 0 without a result" in shown
    if volumes:
        made = nibabel.load(out / "a_1.nii.gz")
        assert np.allclose(made.affine, AFFINE, atol=1e-4)


def test_the_card_says_what_was_done(trained):
    card = json.loads((trained / "model" / "model.json").read_text())
    assert sorted([*card["train"], *card["validation"]]) == ["a_1", "a_2", "b_1", "c_1"]
    assert card["values"] == ([0, 3, 7] if trained.name.startswith("volume") else [0, 255])
    assert list(card["validation_dice"]) == [str(v) for v in card["values"][1:]]
    assert card["steps_done"] == 6
    assert card["versions"]["torch"] == torch.__version__
    assert sorted(path.name for path in (trained / "model").iterdir()) == [
        "model.json",
        "weights.pt",
    ]
    torch.load(trained / "model" / "weights.pt", weights_only=True)
    if trained.name.startswith("colour"):  # both images of patient a are on one side
        assert len({card["patients"][name] for name in card["validation"]}) == 1
        groups = [{card["patients"][n] for n in card[side]} for side in ("train", "validation")]
        assert not groups[0] & groups[1]


def validation_again(root: Path) -> None:
    """The saved model on the validation files finds what the training has reported."""
    model = load(root / "model")
    card = model.facts
    chosen = [
        entry
        for entry in find_entries(root / "images", root / "labels")
        if entry.name in card["validation"]
    ]
    cases = list(read_cases(chosen, model.values))
    assert scores(model, cases) == card["validation_dice"]
    for case, entry in zip(cases, chosen, strict=True):
        assert case.label is not None
        found = model(entry.image)
        for k, value in enumerate(model.values[1:], 1):
            pair = found == value, case.label == k
            overlap = 2 * (pair[0] & pair[1]).sum() / (pair[0].sum() + pair[1].sum())
            if len(cases) == 1:
                assert overlap == pytest.approx(card["validation_dice"][str(value)])


def test_prediction_is_what_validation_saw(trained):
    validation_again(trained)


def test_file_array_and_probabilities_agree(trained, tmp_path):
    model = load(trained / "model")
    path = sorted((trained / "images").iterdir())[0]
    image, spacing = read_image(path)
    out = tmp_path / path.name
    predict(model, path, out, probabilities=True)
    label = stored(out).astype(np.uint8)
    assert (model(path) == label).all()
    assert (model(image, spacing) == label).all()
    assert (model(np.moveaxis(image, 0, -1), spacing) == label).all()
    if len(image) == 1:
        assert (model(image[0], spacing) == label).all()
    with np.load(tmp_path / f"{path.name.partition('.')[0]}.npz") as kept:
        probs, values = kept["probabilities"], kept["values"]
    assert (values[probs.argmax(0)] == label).all()
    assert probs.sum(0) == pytest.approx(1, abs=1e-5)
    assert (model.probabilities(path) == probs).all()


# What prediction may forget of each kind of image's preparation.
FORGOTTEN = {
    "grey": [{"scale": 1.0}, {"sigmas_mm": (4.0, 5.0)}],
    "colour": [{"window": None}],
    "volume": [{"spacing": None}],
}


def test_a_forgotten_step_is_noticed(trained, monkeypatch):
    validation_again(trained)
    honest = load
    kind = next(kind for kind in FORGOTTEN if trained.name.startswith(kind))
    for changes in FORGOTTEN[kind]:

        def forgetting(folder: Path, changes: dict = changes) -> Model:
            made = honest(folder)
            made.preparation = dataclasses.replace(made.preparation, **changes)
            return made

        with monkeypatch.context() as patch:
            patch.setitem(validation_again.__globals__, "load", forgetting)
            with pytest.raises(AssertionError):
                validation_again(trained)


def test_load_is_part_of_the_package_and_imported_when_used(trained):
    model = tubekit.load(trained / "model")
    assert model.patch == load(trained / "model").patch
    assert (model.network.training, model.device) == (False, "cpu")
    code = "import sys, tubekit; print('torch' in sys.modules, 'tubekit.own' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tubekit.nothing  # noqa: B018


def test_more_training_finds_the_bars(tmp_path):
    """Not only the path: forty steps find most of what there is."""
    root = write(tmp_path, "grey")
    model = train(root / "images", root / "labels", root / "m", quick(steps=40, width=4))
    assert model.facts["validation_dice"]["255"] > 0.8
    found = model(root / "images" / "a_1.png") > 0
    truth = lines(0, found.shape) > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8
