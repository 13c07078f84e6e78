"""The released nnU-Net with the book's trainers, by its commands: plan, train, predict."""

import ast
import importlib.metadata
import json

import nibabel as nib
import numpy as np
import pytest

from tubekit.interop.nnunet import TRAINERS

from .project import LABELS, SIZE, command


@pytest.mark.parametrize(
    ("name", "configuration"),
    [("ShortSkeletonRecall", "3d_fullres"), ("ShortBoth", "2d")],
)
def test_train_and_predict_with_the_commands(name, configuration, root):
    said = command(root, "nnUNetv2_train", 901, configuration, 0, "-tr", name, "-device", "cpu")
    assert f"Using trainer '{name}' from" in said
    losses = [float(line.split()[-1]) for line in said.splitlines() if "train_loss" in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    folder = root / "results" / "Dataset901_Tubes" / f"{name}__nnUNetPlans__{configuration}"
    assert (folder / "fold_0" / "checkpoint_final.pth").is_file()
    step = json.loads((folder / "fold_0" / "debug.json").read_text())
    assert "LossSum" in step["loss"]
    images = root / "raw" / "Dataset901_Tubes" / "imagesTs"
    command(
        root,
        *("nnUNetv2_predict", "-d", 901, "-c", configuration, "-f", 0, "-tr", name),
        *("-i", images, "-o", root / name, "-device", "cpu", "--disable_tta"),
        *("-npp", 1, "-nps", 1),
    )
    predicted = nib.load(root / name / "case_5.nii.gz")
    assert predicted.shape == SIZE[::-1]
    assert set(np.unique(predicted.dataobj)) <= set(LABELS.values())
    assert [path.name for path in (root / name).glob("*.nii.gz")] == ["case_5.nii.gz"]


@pytest.mark.parametrize("file", ["tubekit_trainers.py", "more_trainers.py"])
def test_the_files_of_the_book_have_under_twenty_lines(file):
    source = (TRAINERS / file).read_text()
    lines = {n.lineno for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)} - {1}
    assert len(lines) < 20


def test_the_released_package_is_the_one_the_book_names():
    assert importlib.metadata.version("nnunetv2") == "2.8.1"
