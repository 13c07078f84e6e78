"""Every equation leads to its function and back."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LABEL = re.compile(r"^\$\$ \((eq-[a-z0-9-]+)\)|^:label: (eq-[a-z0-9-]+)", re.M)
LINE = re.compile(r"^\s*Equation: (.*)$", re.M)
ROLE = re.compile(r":eq:`(eq-[a-z0-9-]+)`")
# Definitions and derived results that no single function computes.
DEFINITION_ONLY = {"eq-skeleton-recall-gradient"}


def chapters() -> list[Path]:
    return [*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md")]


def labels() -> set[str]:
    found = (LABEL.findall(path.read_text(encoding="utf-8")) for path in chapters())
    return {one or other for pairs in found for one, other in pairs}


def named_by_functions() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in ROOT.glob("tubekit/**/*.py"))
    return {label for text in sources for label in ROLE.findall(text)}


def test_every_function_names_an_equation_that_a_chapter_has() -> None:
    assert named_by_functions() - labels() == set()


def test_every_equation_of_a_chapter_is_named_by_a_function() -> None:
    assert labels() - named_by_functions() - DEFINITION_ONLY == set()


def test_the_list_of_definitions_is_not_stale() -> None:
    assert labels() >= DEFINITION_ONLY
    assert not DEFINITION_ONLY & named_by_functions()


def test_every_equation_line_has_the_form_that_links() -> None:
    for path in ROOT.glob("tubekit/**/*.py"):
        for line in LINE.findall(path.read_text(encoding="utf-8")):
            assert ROLE.search(line), f"{path.name}: {line}"


def test_every_chapter_links_to_the_functions_of_its_equations() -> None:
    """Beside a labelled equation stands at least one link into the library."""
    for path in ROOT.glob("notebooks/*.md"):
        text = path.read_text(encoding="utf-8")
        if LABEL.search(text):
            assert re.search(r"\{py:(func|class)\}`", text), path.name
