"""Collect everything the site is made of as one mapping from path to content, and write it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tubekit._extras import extra
from tubekit.bookbuild import api, pages
from tubekit.bookbuild.config import sphinx_configuration
from tubekit.bookbuild.entry_picture import entry_picture
from tubekit.bookbuild.execute import Run, read
from tubekit.bookbuild.layout import Layout
from tubekit.bookbuild.parts import TITLE, WHOLE, Part, contents, split, title_cell

with extra("book", __name__):
    import nbformat
    from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

Files = dict[str, bytes]
NOT_PAGES = ("results", "_build", "__pycache__")


def assemble(layout: Layout, runs: Sequence[Run]) -> Files:
    """All source files of the site: pages, executed notebooks, what is generated, sources.

    Notebooks keep the path they have in the repository (``notebooks/NN_name``), so that the
    theme's links to Binder and Colab fit; a long one is cut into ``parts``. The library lies under
    ``_src/tubekit`` for ``literalinclude``, the notebook sources under ``_downloads_src`` for the
    download links.
    """
    files: Files = {}
    for path in _below(layout.book):
        if path.relative_to(layout.book).parts[0] not in NOT_PAGES:
            files[path.relative_to(layout.book).as_posix()] = path.read_bytes()
    for path in _below(layout.sources):
        if path.suffix in (".py", ".toml"):
            name = path.relative_to(layout.sources).as_posix()
            files[f"_src/tubekit/{name}"] = path.read_bytes()
    files["_src/constraints.txt"] = layout.pins.read_bytes()
    chapters: dict[str, list[Part]] = {}
    for run in runs:
        source = layout.notebooks / f"{run.notebook}.md"
        notebook = with_outputs(read(source), run.executed)
        parts = chapters[f"notebooks/{run.notebook}"] = split(notebook, f"notebooks/{run.notebook}")
        if len(parts) > 1:
            files[f"{WHOLE}/{run.notebook}.ipynb"] = nbformat.writes(notebook).encode()
        for part in parts:
            add_header(part.notebook, run, layout)
            files[f"{part.address}.ipynb"] = nbformat.writes(part.notebook).encode()
        for suffix in (".md", ".ipynb"):
            pair = source.with_suffix(suffix)
            if pair.is_file():
                files[f"_downloads_src/{pair.name}"] = pair.read_bytes()
    for name, text in {**pages.generated(layout, runs, chapters), **api.generated(layout)}.items():
        files[name] = text.encode()
    files["_toc.yml"] = contents(files["_toc.yml"].decode(), chapters).encode()
    files["_static/entry.png"] = entry_picture()
    files["conf.py"] = sphinx_configuration(layout).encode()
    return files


def with_outputs(fresh: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """The prose of ``fresh`` with the outputs of ``executed``.

    A run is reused after a sentence was edited, so the prose must come from the source. The cell
    that papermill injected stays after the parameters cell: it says what the run was given.
    """
    outputs = iter([c for c in executed.cells if c.cell_type == "code" and not _injected(c)])
    injected = [cell for cell in executed.cells if _injected(cell)]
    cells = []
    for cell in fresh.cells:
        if cell.cell_type == "code":
            done = next(outputs)
            cell.outputs, cell.execution_count = joined(done.outputs), done.execution_count
            _hand_over_alt_text(cell)
            cells.extend(_badges_apart(cell))
        cells.append(cell)
        if "parameters" in cell.metadata.get("tags", []):
            cells.extend(injected)
    for number, cell in enumerate(cells):
        cell.id = (
            f"cell-{number}"  # a notebook is read with random ones, and equal pages would differ
        )
    fresh.cells = cells
    return fresh


def _badges_apart(cell: NotebookNode) -> list[NotebookNode]:
    """Move badges above the cell of a figure: MyST-NB gives each output its caption and name."""
    badges = [output for output in cell.outputs if "text/html" in output.get("data", {})]
    if not badges or "figure" not in cell.metadata.get("mystnb", {}):
        return []
    cell.outputs = [output for output in cell.outputs if output not in badges]
    return [new_code_cell(outputs=badges, metadata={"tags": ["remove-input"]})]


def joined(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Printed text in one piece: a command's comes in pieces that end anywhere in a line."""
    whole: list[NotebookNode] = []
    for output in outputs:
        last = whole[-1] if whole else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            whole.append(output)
    return whole


def _hand_over_alt_text(cell: NotebookNode) -> None:
    """Copy the alt text of a picture to the cell, the only place where MyST-NB reads it."""
    for output in cell.outputs:
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt


def add_header(notebook: NotebookNode, run: Run, layout: Layout) -> None:
    """Insert the line with what was run and the downloads below the title."""
    titled = title_cell(notebook, run.notebook)
    downloads = " ".join(
        f"{{download}}`{suffix} </_downloads_src/{run.notebook}{suffix}>`"
        for suffix in (".ipynb", ".md")
        if (layout.notebooks / f"{run.notebook}{suffix}").is_file()
    )
    line = (
        f"Last run {run.finished[:10]}, profile **{run.profile}**, {pages.duration(run.seconds)}, "
        f"{run.peak_memory_mb / 1000:.1f} GB of memory ({{ref}}`status <status>`). "
        f"Download: {downloads}. {launch_links(run.notebook, layout)}"
    )
    box = f"\n\n```{{div}} run-line\n{line}\n```\n{phantom_note(run)}"
    titled.source = TITLE.sub(lambda found: found[0] + box, titled.source, count=1)


def phantom_note(run: Run) -> str:
    """What the page shows in place of real data that were not there, as a box; else nothing."""
    absent = dict.fromkeys(filter(None, (d.get("in_place_of") for d in run.passport["data"])))
    if not absent:
        return ""
    return (
        "\n```{div} phantom-badge\n**Phantoms.** This page was built without the files of "
        f"{', '.join(absent)}. Synthetic images stand in for them; numbers and pictures that say "
        "otherwise in the text are those of the real data.\n```\n"
    )


def launch_links(notebook: str, layout: Layout) -> str:
    """Markdown links that open the notebook on Binder and Colab."""
    repository = layout.repository
    owner = repository.removeprefix("https://github.com/")
    path = f"notebooks/{notebook}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{owner}/main?urlpath=lab/tree/{path}"
    colab = f"https://colab.research.google.com/github/{owner}/blob/main/{path}"
    return f"Open it on [Binder]({binder}) or [Colab]({colab})."


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode())
        total.update(files[name])
    return total.hexdigest()


def sync(files: Mapping[str, bytes], folder: Path) -> None:
    """Make ``folder`` hold exactly ``files``; leave unchanged files untouched."""
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in _below(folder):
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()


def _below(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )


def _injected(cell: NotebookNode) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])
