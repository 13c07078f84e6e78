from pathlib import Path

import pytest

from tests.own.scenes import KINDS, quick, write
from tubekit.own import train

# What is asked of each kind, so that every step of the preparation is used by one of them.
ASKED = {
    "grey": {"loss": "srl", "scale": 0.75, "vesselness": "bright"},
    "colour": {"loss": "dice_ce", "window": (40.0, 150.0), "group_pattern": "^([a-z])_"},
    "volume": {"loss": "cldice", "spacing": (2.0, 1.2, 1.1)},
}


@pytest.fixture(scope="session", params=KINDS)
def trained(request, tmp_path_factory) -> Path:
    """A folder with ``images``, ``labels`` and ``model``, of each kind of image."""
    root = write(tmp_path_factory.mktemp(request.param), request.param)
    train(root / "images", root / "labels", root / "model", quick(**ASKED[request.param]))
    return root


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    return write(tmp_path, "grey")
