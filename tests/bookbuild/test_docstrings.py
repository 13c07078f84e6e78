"""The extension that lets docstrings use the notation of the code."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "book" / "_ext" / "docstrings.py"
spec = importlib.util.spec_from_file_location("docstrings", PATH)
docstrings = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docstrings)


def test_stars_and_bars_are_escaped_outside_literals() -> None:
    escape = docstrings.escape
    assert escape("image (c *s) and ``(c *s)``") == r"image (c \*s) and ``(c *s)``"
    assert escape("|P - G| and :eq:`a|b`") == r"\|P - G\| and :eq:`a|b`"
    assert escape("2 * 3, a*b, **bold**") == "2 * 3, a*b, **bold**"
    assert escape(r"\*s") == r"\*s"


def test_closing_lines_become_paragraphs() -> None:
    lines = ["Raises:", "    ValueError: no.", "Reference: A,", "    B.", "", "After", "  kept"]
    assert docstrings.with_closing_paragraphs(lines) == [
        "Raises:",
        "    ValueError: no.",
        "",
        "**Reference.** A,",
        "B.",
        "",
        "After",
        "  kept",
    ]
