"""Data come from the mirror, and nothing is written to the user's cache."""

import pytest


@pytest.fixture(autouse=True)
def _places(monkeypatch, mirror, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
