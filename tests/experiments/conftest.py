"""Runs of the tests are trials: their sources need not be committed, nor their weights be kept."""

from pathlib import Path

import pytest

from tubekit.experiments import weights


@pytest.fixture(autouse=True)
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TUBEKIT_COMMIT", "test")
    monkeypatch.setattr(weights, "cache_root", lambda: tmp_path / "cache")
