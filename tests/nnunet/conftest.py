"""These tests run in an environment of their own: ``make nnunet``."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from .project import command, environment, write_dataset

collect_ignore_glob = [] if find_spec("nnunetv2") else ["test_*.py"]


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A project with one data set, planned and preprocessed by nnU-Net's own command."""
    folder = tmp_path_factory.mktemp("nnunet")
    write_dataset(folder / "raw" / "Dataset901_Tubes")
    said = command(
        folder,
        *("nnUNetv2_plan_and_preprocess", "-d", 901, "-c", "2d", "3d_fullres", "-np", 1),
        "--verify_dataset_integrity",
    )
    assert "verify_dataset_integrity Done" in said
    return folder


@pytest.fixture
def trainer(root, monkeypatch):
    """``trainer(name, configuration)`` as the command builds it, loading data in this process.

    With other entries of dataset.json than the preprocessing saw it loads none.
    """
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    for name, value in environment(root).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    folder = root / "preprocessed" / "Dataset901_Tubes"

    def build(name, configuration="3d_fullres", **description):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  # nnU-Net draws from NumPy's global generator
        plans = json.loads((folder / "nnUNetPlans.json").read_text()) | {"continue_training": False}
        dataset = json.loads((folder / "dataset.json").read_text()) | description
        found = recursive_find_trainer_class_by_name(name)
        made = found(plans, configuration, 0, dataset, torch.device("cpu"))
        made.initialize()
        if not description:
            made.dataloader_train, made.dataloader_val = made.get_dataloaders()
        return made

    return build
