"""Chromium for tests, with WebGL in software and nothing that calls home."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

PROGRAM = os.environ.get("TUBEKIT_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; it is closed at the end."""
    assert PROGRAM, "expected Chromium, found none; install it or set TUBEKIT_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        yield browser
        browser.close()


def pixels(png: bytes) -> np.ndarray:
    """RGB of a screenshot (h w 3), as whole numbers that can be subtracted."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
