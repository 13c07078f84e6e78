"""Phantoms in nnU-Net's folders, and nnU-Net's commands on them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

from tubekit.interop.nnunet import TRAINERS
from tubekit.phantoms import phantom_cases

HERE = Path(__file__).parent
SIZE = (32, 40, 40)
LABELS = {"background": 0, "trunk": 1, "branches": 2}


def environment(root: Path) -> dict[str, str]:
    """nnU-Net's folders below ``root``, its trainers in two folders, one worker of each kind."""
    return {
        **{f"nnUNet_{part}": str(root / part) for part in ("raw", "preprocessed", "results")},
        "nnUNet_extTrainer": os.pathsep.join([str(TRAINERS), str(HERE / "trainers")]),
        "nnUNet_n_proc_DA": "1",
        "nnUNet_def_n_proc": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE / "torchvision_on_cpu"),
    }


def command(root: Path, name: str, *arguments: object) -> str:
    """Run a command of the released package as a user does, and return what it printed."""
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *map(str, arguments)],
        env=os.environ | environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def write_dataset(folder: Path) -> None:
    """Five vessel trees to train on and one to predict."""
    for number, case in enumerate(phantom_cases("vascular", 6, 3, size=SIZE, classes=2)):
        part = "Tr" if number < 5 else "Ts"
        _write(folder / f"images{part}" / f"case_{number}_0000.nii.gz", case.image[0])
        _write(folder / f"labels{part}" / f"case_{number}.nii.gz", case.label.astype(np.uint8))
    description = {
        "channel_names": {"0": "MR"},
        "labels": LABELS,
        "numTraining": 5,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # NIfTI stores x first.
    nib.save(nib.Nifti1Image(array.T, np.eye(4)), path)
