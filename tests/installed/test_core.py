"""The library as a wheel with the packages of its core and no more, away from the checkout.

Run without the other tests' configuration, which needs more packages: ``make installed``.
"""

import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

import tubekit

CORE = ("losses", "metrics", "geometry", "networks", "phantoms", "data", "types")


def command(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "tubekit", *words.split()],
        capture_output=True,
        text=True,
        cwd=folder,
    )


def test_it_is_the_wheel() -> None:
    assert "site-packages" in tubekit.__file__
    assert tubekit.__version__[0].isdigit()
    assert "checkout" not in tubekit.__version__


def test_one_loss_and_one_metric() -> None:
    phantom = tubekit.phantoms.vascular_phantom((32, 32, 32))
    mask = phantom.case.label > 0
    target = torch.from_numpy(mask.astype(np.int64))[None, None]
    tube = torch.from_numpy(tubekit.geometry.tubed_skeleton(mask).astype(np.int64))[None, None]
    logits = torch.zeros(target.shape, requires_grad=True)
    loss = tubekit.losses.SkeletonRecallLoss()(logits, target, tube=tube)
    loss.backward()
    assert logits.grad is not None
    assert bool((logits.grad[tube == 1] < 0).all())
    assert tubekit.metrics.cldice(mask, mask) == 1
    assert tubekit.metrics.hd95(mask, mask) == 0


def test_every_module_imports_or_says_what_to_type() -> None:
    refused = {}
    for module in pkgutil.walk_packages(tubekit.__path__, "tubekit.", onerror=lambda name: None):
        if module.name == "tubekit.__main__":
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            refused[module.name] = error
    for name, error in refused.items():
        assert type(error).__name__ == "MissingExtra", (name, error)
        assert 'type: pip install "thin-tubes[' in str(error)
        assert name.split(".")[1] not in CORE
    assert "tubekit.training" in refused


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--version", f"tubekit {tubekit.__version__}, torch {version('torch')}, Python"),
        ("data list", "chase_db1"),
        ("data verify drive", "drive: "),
    ],
)
def test_commands_that_need_no_extra(words: str, says: str, tmp_path: Path) -> None:
    done = command(words, tmp_path)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("book", "got an installation without them; type: git clone https://"),
        ("serve", "got an installation without them; type: git clone https://"),
        ("teach course", "got an installation without them; type: git clone https://"),
        ("ledger", "tubekit ledger needs the package "),
        ("evaluate a b", "tubekit evaluate needs the package "),
        ("run skeleton_recall", "tubekit run needs the package "),
        ("bench", "tubekit bench needs the package "),
        ("cost", "tubekit cost needs the package "),
    ],
)
def test_others_are_one_line(words: str, says: str, tmp_path: Path) -> None:
    done = command(words, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
