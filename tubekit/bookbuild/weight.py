"""Leave out of the site what no page uses: style rules and icons."""

import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from tubekit._extras import extra

with extra("book", __name__):
    from fontTools import subset

# A rule or a block: what stands before the brace, and what stands between the braces.
Block = tuple[str, str | None]
CLASS = re.compile(r"\.((?:\\.|[\w-])+)")
CHOICE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")
NESTING = ("@media", "@supports", "@container", "@layer")

# Escaped or as a character: where icon fonts keep their signs.
ICON = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")
# Style sheets below this are left alone.
WORTH_IT = 10_000


def lighten(site: Path) -> None:
    """Purge the style sheets, and cut the icon fonts down to the icons in use."""
    static = site / "_static"
    scripts = (p for p in static.rglob("*.js") if "mathjax" not in p.parts)
    used = words(map(_read, site.rglob("*.html")), map(_read, scripts))
    icons: set[int] = set()
    for sheet in static.rglob("*.css"):
        css = _read(sheet)
        if len(css) > WORTH_IT:
            # The fonts below are rewritten in the one form that needs no further package.
            css = re.sub(r'url\([^)]*\.woff2\) format\("woff2"\),', "", purged(css, used))
            sheet.write_text(css, encoding="utf-8")
        icons.update(int(code, 16) if code else ord(sign) for code, sign in ICON.findall(css))
    for font in static.rglob("webfonts/*"):
        if font.suffix == ".ttf":
            wanted = ",".join(f"{icon:x}" for icon in sorted(icons))
            subset.main([str(font), f"--output-file={font}", f"--unicodes={wanted}"])
        else:
            font.unlink()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def words(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Every class of a page, and every word of a script, since scripts give classes, too."""
    found: set[str] = set()
    for page in pages:
        for classes in re.findall(r'class="([^"]*)"', page):
            found.update(classes.split())
    for script in scripts:
        found.update(re.findall(r"[\w-]+", script))
    return found


def purged(css: str, used: Set[str]) -> str:
    """A style sheet without the rules that need a class outside ``used``.

    What stands in ``:not()``, ``:is()`` and the like is an alternative and never needed.
    """
    kept = []
    for head, body in _blocks(re.sub(r"/\*.*?\*/", "", css, flags=re.S)):
        if body is None or (head.startswith("@") and not head.startswith(NESTING)):
            kept.append(head + ("" if body is None else f"{{{body}}}"))
        elif head.startswith("@"):
            if inner := purged(body, used):
                kept.append(f"{head}{{{inner}}}")
        elif selectors := [s for s in _split(head) if _needed(s) <= used]:
            kept.append(f"{','.join(selectors)}{{{body}}}")
    return "".join(kept)


def _needed(selector: str) -> set[str]:
    return {name for name in CLASS.findall(CHOICE.sub("", selector)) if "\\" not in name}


def _split(selectors: str) -> list[str]:
    """At the commas outside brackets."""
    return [s.strip() for s in re.split(r",(?![^(\[]*[)\]])", selectors)]


def _blocks(css: str) -> Iterator[Block]:
    """Rules and at-rules in order; statements such as ``@import`` have no body."""
    start = depth = brace = 0
    for found in re.finditer(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{};]", css):
        sign = found[0]
        if sign == "{":
            brace = brace if depth else found.start()
            depth += 1
        elif sign == "}":
            depth -= 1
            if not depth:
                yield css[start:brace].strip(), css[brace + 1 : found.start()]
                start = found.end()
        elif sign == ";" and not depth:
            yield css[start : found.end()].strip(), None
            start = found.end()
