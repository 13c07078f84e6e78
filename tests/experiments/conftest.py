"""Runs of the tests are trials: their sources need not be committed."""

import pytest


@pytest.fixture(autouse=True)
def named_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUBEKIT_COMMIT", "test")
