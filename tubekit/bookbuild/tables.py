"""Tables and links as HTML, for pages that are generated."""

import html
from collections.abc import Iterable, Sequence


def table(header: Iterable[str], rows: Iterable[Sequence[str]], label: str) -> str:
    """An HTML table that scrolls inside its own box; cells are HTML already."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    title = html.escape(label)
    return (
        f'<div class="wide-table" role="region" aria-label="{title}" tabindex="0">\n'
        f'<table class="table">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n</div>"
    )


def link(address: str, text: str) -> str:
    """An HTML link."""
    return f'<a class="reference internal" href="{html.escape(address)}">{html.escape(text)}</a>'
