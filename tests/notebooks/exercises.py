"""Exercises of a notebook: the cell to fill in, the printed solution, and the cells it needs."""

import ast
import contextlib
import io
import re
import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jupytext

from tubekit.bookbuild.teach import SOLUTION

LABEL = re.compile(r"\{exercise\}[^\n]*\n:label: (\S+)")
CODE = re.compile(r"(?:^    [^\n]*\n|^\n(?=    ))+", re.M)


class Exercise(NamedTuple):
    """One exercise; ``cell`` is empty where nothing is to be filled in."""

    label: str
    cell: str
    solution: str
    before: tuple[str, ...]


def exercises(source: Path) -> Iterator[Exercise]:
    """All of a notebook, in order, with the code cells before them."""
    notebook = jupytext.read(source)
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    solutions = {
        match["argument"].strip(): "\n".join(
            re.sub("^    ", "", block, flags=re.M) for block in CODE.findall(match["body"])
        )
        for match in SOLUTION.finditer(text)
    }
    labels, filled, before = [], {}, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            labels += LABEL.findall(cell.source)
        elif cell.cell_type == "code" and "exercise" in cell.metadata.get("tags", []):
            filled[labels[-1]] = cell.source
        elif cell.cell_type == "code":
            before.append(cell.source)
    for label in labels:
        yield Exercise(label, filled.get(label, ""), solutions[label], tuple(before))


def answered(cell: str, solution: str) -> str:
    """The exercise with its stubs, ``answer = ...`` and ``return ...``, replaced."""
    tree = ast.parse(cell)
    stubs = [node for node in tree.body if _is_stub(node)]
    assert stubs, "an exercise has something to fill in"
    tree.body = [node for node in tree.body if node not in stubs]
    first = stubs[0].lineno
    head = ast.unparse(ast.Module([n for n in tree.body if n.lineno < first], []))
    rest = ast.unparse(ast.Module([n for n in tree.body if n.lineno > first], []))
    return f"{head}\n{solution}\n{rest}"


def _is_stub(node: ast.stmt) -> bool:
    last = node.body[-1] if isinstance(node, ast.FunctionDef) else node
    value = getattr(last, "value", None)
    kinds = isinstance(last, ast.Assign | ast.Return)
    return kinds and isinstance(value, ast.Constant) and value.value is ...


def needed(code: str, before: tuple[str, ...]) -> list[str]:
    """The cells whose names ``code`` uses, and those that they use in turn."""
    wanted, chosen = _used(code), []
    for cell in reversed(before):
        if wanted & _bound(cell):
            chosen.append(cell)
            wanted = wanted - _bound(cell) | _used(cell)
    return chosen[::-1]


def _used(code: str) -> set[str]:
    """Names that must be there before ``code`` runs."""

    def walk(table: symtable.SymbolTable, top: bool) -> Iterator[str]:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                yield symbol.get_name()
        for inner in table.get_children():
            yield from walk(inner, False)

    return set(walk(symtable.symtable(code, "cell", "exec"), True)) - _bound(code)


def _bound(code: str) -> set[str]:
    table = symtable.symtable(code, "cell", "exec")
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def said(code: str, names: dict[str, Any]) -> str:
    """What running ``code`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "<exercise>", "exec"), names)
    return out.getvalue()
