from pathlib import Path

import pytest

from tests.evaluation.scenes import write_case
from tubekit.evaluation import folder


@pytest.fixture
def drawn() -> None:
    """Asked for by tests that look at the pictures of cases; the others need not wait for them."""


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch) -> None:
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(folder, "case_picture", lambda pairs, options: ("data:,", "a picture"))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a", "b with spaces", "c")):
        write_case(tmp_path, name, seed)
    return tmp_path
