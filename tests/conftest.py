"""Shared fixtures. jaxtyping annotations are enforced here, in tests only."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import config, install_import_hook

import tests.checker  # noqa: F401  # the hook below finds it by name

install_import_hook("tubekit", "tests.checker.typechecker").__enter__()

ROOT = Path(__file__).resolve().parents[1]
ORACLES = Path(os.environ.get("TUBEKIT_ORACLES", ROOT.parent / "shared" / "oracles"))
MIRROR = Path(os.environ.get("TUBEKIT_MIRROR", ROOT.parent / "shared" / "data"))
SAMPLES = Path(
    os.environ.get("TUBEKIT_UPSTREAM_SAMPLES", ROOT.parent / "shared" / "upstream_samples")
)


@pytest.fixture(scope="session")
def oracle():
    """``oracle("betti")`` loads recorded arrays; without them a test is skipped."""
    opened: dict[str, np.lib.npyio.NpzFile] = {}

    def load(name: str) -> np.lib.npyio.NpzFile:
        path = ORACLES / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"recorded reference arrays not found: {path}; set TUBEKIT_ORACLES")
        return opened.setdefault(name, np.load(path))

    return load


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder with the published data sets; tests are skipped where it is absent."""
    if not MIRROR.is_dir():
        pytest.skip(f"data mirror not found: {MIRROR}; set TUBEKIT_MIRROR")
    return MIRROR


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def unchecked(monkeypatch) -> None:
    """Annotations do not refuse wrong types first, as for everyone who only uses the package."""
    monkeypatch.setattr(config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def _seeded_torch() -> None:
    torch.manual_seed(0)
