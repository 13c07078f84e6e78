"""Small folders of predictions and labels, and ways to evaluate them."""

import csv
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from tubekit import cli
from tubekit.data.encode import write_label
from tubekit.evaluation.files import Options
from tubekit.evaluation.folder import evaluate_folder

SPACING = (2.0, 0.5, 0.5)


def tube(seed: int, shape: tuple[int, ...] = (6, 12, 14)) -> np.ndarray:
    mask = np.zeros(shape, int)
    mask[..., 4 + seed % 3 : 7 + seed % 3, 2:12] = 1
    return mask


def write_case(root: Path, name: str, seed: int = 0) -> None:
    label = tube(seed)
    pred = label.copy()
    pred[..., 2 : 4 + seed] = 0
    write_label(root / "labels" / f"{name}.nii.gz", label, SPACING)
    write_label(root / "preds" / f"{name}.nii.gz", pred, SPACING)


def run(root: Path, options: Options | None = None, **more):
    options = options or Options(from_header=True)
    return evaluate_folder(root / "preds", root / "labels", root / "out", options, **more)


def command(root: Path, *words: str):
    arguments = ["evaluate", str(root / "preds"), str(root / "labels"), *words]
    return CliRunner().invoke(cli.app, [*arguments, "--output", str(root / "out"), "--jobs", "1"])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
