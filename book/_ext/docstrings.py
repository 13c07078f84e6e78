"""Let docstrings use the notation of the code, and set their last lines apart.

In reStructuredText ``(b c *s)`` opens an emphasis and ``|x|`` a substitution. Docstrings here mean
them literally, so both are escaped outside double backticks and roles. The lines ``Equation:`` and
``Reference:`` that end a docstring become paragraphs of their own.
"""

import re

from sphinx.application import Sphinx

LITERAL = re.compile(r"(``.*?``|:[\w:]+:`[^`]*`)")
CLOSING = re.compile(r"(Equation|Reference): (.*)")


def escape(line: str) -> str:
    """Escape stars before a name and vertical bars outside literals and roles."""
    parts = LITERAL.split(line)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"(?<![\\*\w])\*(?=\w)(?!\*)", r"\\*", parts[index])
        parts[index] = re.sub(r"(?<!\\)\|", r"\\|", parts[index])
    return "".join(parts)


def with_closing_paragraphs(lines: list[str]) -> list[str]:
    """Separate the closing lines and take back the indentation of what continues them."""
    result: list[str] = []
    closing = False
    for line in lines:
        found = CLOSING.match(line)
        if found:
            result += ["", f"**{found[1]}.** {found[2]}"]
        else:
            result.append(line.strip() if closing else line)
        closing = bool(found) or (closing and line.startswith(" "))
    return result


def _before_napoleon(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    # Napoleon would take the closing lines into the section above them.
    lines[:] = with_closing_paragraphs(lines)


def _after_napoleon(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    # Napoleon adds the types of attributes, which hold stars, too.
    code = False
    for index, line in enumerate(lines):
        # A doctest is shown as it is, up to the next empty line.
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if not code:
            lines[index] = escape(line)


def _skip(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave out the fields of named tuples: the class's own text describes them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _before_napoleon, priority=100)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=900)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
