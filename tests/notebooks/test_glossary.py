"""Every term of the glossary is a link where a page first uses it, and nowhere else in the page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "book" / "glossary.md"
PAGES = sorted({*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.md")} - {GLOSSARY})
LINK = re.compile(r"\{term\}`(?:[^`<]*<(?P<target>[^`>]+)>|(?P<plain>[^`<]+))`")
FENCE = re.compile(r"(?P<marks>`{3,}|~{3,}|:{3,})(?P<directive>\{[\w-]+\})?")
# Directives whose body is prose; other fences hold code, data or a caption.
PROSE = {"{admonition}", "{exercise}", "{note}", "{solution}", "{tip}", "{warning}"}
# What is no running text, in the order in which it is taken out; links to terms stay.
NOT_PROSE = (
    r"\A---\n.*?^---$",
    r"^:[\w-]+:.*?$|^#+ .*?$|^\([\w-]+\)=$|^    .*?$",
    r"\$\$.*?\$\$(?: \([\w-]+\))?|\$[^$\n]+\$",
    r"^\*\*Paper\.\*\*.*?$",  # the title of a paper
    r"(?:\{[\w:]+\})?`[^`]*`|\[[^\]]*\]\([^)]*\)|<[^>\s]+>",
)
# Words of the glossary in another meaning.
OTHER_MEANINGS = r"(?:mixed|half) precision|gradient scaler"


def entries() -> dict[str, str]:
    """Each name in the glossary with the first name of its entry."""
    body = re.search(r"^```\{glossary\}\n(.*?)^```", GLOSSARY.read_text("utf-8"), re.M | re.S)[1]
    found = {}
    for block in re.split(r"\n\n(?=\S)", body):
        names = [line for line in block.splitlines() if line and not line.startswith(" ")]
        found |= dict.fromkeys(names, names[0])
    return found


ENTRIES = entries()
LOWER = {name.lower(): entry for name, entry in ENTRIES.items()}


def pattern(name: str) -> str:
    """A name in either number, with either case of its first letter, with hyphens or blanks."""
    words = r"[\s-]+".join(map(re.escape, re.sub("s$", "", name).split()))
    start = f"(?i:{words})" if " " in name else f"(?i:{words[0]}){words[1:]}"
    return rf"\b{start}(?:e?s)?\b"


BY_LENGTH = sorted(ENTRIES, key=len, reverse=True)
# Longest first, so that "Skeleton Recall" is neither a skeleton nor a recall.
WORD = re.compile(
    rf"(?i:\b{OTHER_MEANINGS}\b)|{LINK.pattern}|"
    + "|".join(rf"(?P<n{i}>{pattern(name)})" for i, name in enumerate(BY_LENGTH))
)


def blank(text: str) -> str:
    return text if LINK.fullmatch(text) else re.sub(r"\S", " ", text)


def prose(text: str) -> str:
    """The text with everything blanked that is no running text, so that places stay the same."""
    open_fences: list[tuple[str, bool]] = []
    lines = []
    for line in text.split("\n"):
        fence = FENCE.match(line)
        in_prose = not open_fences or open_fences[-1][1]
        lines.append(line if in_prose and not fence else blank(line))
        if fence and open_fences and line.strip() == open_fences[-1][0]:
            open_fences.pop()
        elif fence and in_prose:
            open_fences.append((fence["marks"], fence["directive"] in PROSE))
    text = "\n".join(lines)
    for each in NOT_PROSE:
        text = re.sub(each, lambda match: blank(match[0]), text, flags=re.M | re.S)
    return text


def uses(text: str) -> list[tuple[str, int, bool]]:
    """Entry, place, and whether it is a link, of each use of a term in running text."""
    found = []
    for match in WORD.finditer(prose(text)):
        target = match["target"] or match["plain"]
        if target:
            found.append((LOWER.get(target.lower(), target), match.start(), True))
        elif match.lastgroup:
            found.append((ENTRIES[BY_LENGTH[int(match.lastgroup[1:])]], match.start(), False))
    return found


def faults(text: str) -> list[str]:
    first: dict[str, bool] = {}
    found = []
    for entry, at, is_link in uses(text):
        line = text.count("\n", 0, at) + 1
        if is_link and entry not in ENTRIES.values():
            found.append(f"line {line}: {entry!r} is not in the glossary")
        elif is_link and first.get(entry):
            found.append(f"line {line}: {entry!r} is a link already above; take this one out")
        elif not is_link and entry not in first:
            found.append(f"line {line}: the first {entry!r} is no link; write {{term}}`...`")
        first[entry] = first.get(entry, False) or is_link
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_terms_are_links_at_their_first_use(page: Path) -> None:
    assert faults(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A skeleton.", ["line 1: the first 'Skeleton' is no link; write {term}`...`"]),
        ("Thin.\nTwo centre-\nlines.", ["line 2: the first 'Centre line'"]),
        ("A {term}`skeleton`, a skeleton.", []),
        ("A {term}`skeleton`, a {term}`skeletons <Skeleton>`.", ["line 1: 'Skeleton' is a link"]),
        ("A {term}`skelton`.", ["line 1: 'skelton' is not in the glossary"]),
        ("A skeleton, a {term}`skeleton`.", ["line 1: the first 'Skeleton'"]),
        ("The {term}`BD <Branches detected>` and the branches detected.", []),
        ("{term}`Skeleton Recall` has no {term}`recall` of its own.", []),
        ("# Skeletons\n\n`skeleton`, {ref}`skeleton <a>`, [skeleton](b), $skeleton$", []),
        ("```{figure} a.png\n:alt: b\n\nA skeleton\n```", []),
        ("```\nskeleton\n```\nA seed.\n```\nrecall\n```", ["line 4: the first 'Seed'"]),
        ("```{exercise} Skeleton\n:label: a\n\nA seed.\n```", ["line 4: the first 'Seed'"]),
        (":::{admonition} Skeleton\nA seed.\n:::\nA patch.", ["line 2: the first", "line 4: the"]),
        ("Half precision.", []),
    ],
)
def test_the_walk_reads_prose_only(text: str, found: list[str]) -> None:
    assert len(faults(text)) == len(found)
    for fault, start in zip(faults(text), found, strict=True):
        assert fault.startswith(start)


def test_the_glossary_knows_other_names() -> None:
    assert ENTRIES["HD"] == "Hausdorff distance"
    assert len(set(ENTRIES.values())) > 50
