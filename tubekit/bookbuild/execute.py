"""Run one notebook through papermill, or reuse the run that had exactly the same ingredients."""

import ast
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tubekit._extras import extra
from tubekit.bookbuild.key import code_key, run_key
from tubekit.bookbuild.layout import BuildError, Layout
from tubekit.bookbuild.memory import PeakMemory

with extra("book", __name__):
    import jupytext
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbformat import NotebookNode

CELL_TIMEOUT_SECONDS = {"smoke": 1200, "laptop": 4 * 3600, "full": 7 * 24 * 3600}
RUNS_KEPT = 3


@dataclass(frozen=True)
class Run:
    """One good execution of a notebook."""

    notebook: str
    key: str
    profile: str
    seconds: float
    peak_memory_mb: float
    finished: str
    passport: dict[str, Any]
    folder: str
    cached: bool = False

    @property
    def executed(self) -> NotebookNode:
        """The notebook with its outputs."""
        return nbformat.read(Path(self.folder) / "executed.ipynb", as_version=4)


def execute(
    source: Path,
    layout: Layout,
    chosen: Mapping[str, Any] | None = None,
    *,
    profile: str = "smoke",
    offline: bool = False,
) -> Run:
    """Execute ``source`` unless a run with the same cache key exists.

    Args:
        source: MyST notebook with one cell tagged ``parameters``.
        layout: folders; runs are kept in ``layout.cache``.
        chosen: other notebook parameters, e.g. ``{"seed": 1, "device": "cuda"}``.
        profile: value of the parameter ``profile``.
        offline: tell the kernel not to download (``TUBEKIT_OFFLINE=1``).
    Raises:
        BuildError: a cell failed (the message names notebook, cell, line and error), or the
            notebook left no passport. Nothing is stored as a good run then.
    """
    notebook = read(source)
    defaults = parameter_defaults(notebook, source)
    parameters = {"profile": profile, **(chosen or {})}
    if unknown := sorted(set(parameters) - set(defaults)):
        raise BuildError(
            f"{source.name} has no parameter {', '.join(unknown)}; its parameters cell sets "
            f"{', '.join(defaults)}"
        )
    home = layout.cache / source.stem
    code = code_key(notebook, {**defaults, **parameters}, layout)
    folder = home / _name(profile, run_key(code, layout, offline=offline))
    if (folder / "run.json").is_file():
        facts = json.loads((folder / "run.json").read_text())
        os.utime(folder)
        return Run(**{**facts, "folder": str(folder), "cached": True})
    changed = {k: v for k, v in parameters.items() if v != defaults[k]}
    work = home / "running"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with PeakMemory() as memory:
        began = time.perf_counter()
        _papermill(notebook, source, work, changed, profile, offline)
        seconds = time.perf_counter() - began
    # The run may have downloaded data: what it leaves on the machine is what it has used.
    key = run_key(code, layout, offline=offline)
    folder = home / _name(profile, key)
    run = Run(
        notebook=source.stem,
        key=key,
        profile=profile,
        seconds=round(seconds, 1),
        peak_memory_mb=round(memory.megabytes, 1),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        passport=_passport(work / "passport.json", source),
        folder=str(folder),
    )
    facts = {k: v for k, v in asdict(run).items() if k not in ("folder", "cached")}
    (work / "run.json").write_text(json.dumps(facts, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(work, folder)
    _forget_old_runs(home, profile)
    return run


def _name(profile: str, key: str) -> str:
    return f"{profile}-{key[:16]}"


def read(source: Path) -> NotebookNode:
    """Read a MyST notebook and give it the kernel of this environment."""
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def parameter_defaults(notebook: NotebookNode, source: Path) -> dict[str, Any]:
    """The literal assignments of the cell tagged ``parameters``."""
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise BuildError(
            f"{source.name} needs exactly one cell tagged `parameters`, found {len(tagged)}; "
            "tag the cell that sets profile, seed and device"
        )
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(tagged[0].source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _papermill(
    notebook: NotebookNode,
    source: Path,
    work: Path,
    parameters: Mapping[str, Any],
    profile: str,
    offline: bool,
) -> None:
    import papermill  # 1 s to import, not needed for a cached run

    nbformat.write(notebook, work / "source.ipynb")
    environment = {
        "TUBEKIT_PASSPORT": str(work / "passport.json"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, not the user's own
        "PYTHONHASHSEED": "0",
        # Pages that show the command line mean the one of this environment.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    if offline:
        environment["TUBEKIT_OFFLINE"] = "1"
    try:
        with _environment(environment):
            papermill.execute_notebook(
                work / "source.ipynb",
                work / "executed.ipynb",
                parameters=dict(parameters),
                cwd=source.parent,
                progress_bar={"desc": source.stem},
                execution_timeout=CELL_TIMEOUT_SECONDS[profile],
            )
    except papermill.PapermillExecutionError as error:
        kept = _keep(work)
        raise BuildError(_failure(error, source, kept)) from error
    except (CellTimeoutError, DeadKernelError) as error:
        kept = _keep(work)
        cells = [c for c in nbformat.read(kept, as_version=4).cells if c.cell_type == "code"]
        started = sum(bool(c.metadata["papermill"].get("start_time")) for c in cells)
        reason = str(error).strip().splitlines()[0]
        raise BuildError(
            f"{source.name}, code cell {started}: {reason}\nthe notebook as far as it ran: {kept}"
        ) from error


def _keep(work: Path) -> Path:
    """Move what ran to a place where the next attempt does not delete it."""
    kept = work.parent / "failed.ipynb"
    os.replace(work / "executed.ipynb", kept)
    return kept


def _failure(error: Any, source: Path, kept: Path) -> str:
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    found = re.search(r"(?:Cell )?In\[\d+\], line (\d+)", trace)
    lines = error.source.splitlines()
    number = int(found[1]) if found else 1
    line = lines[number - 1].strip() if number <= len(lines) else ""
    return (
        f"{source.name}, code cell {error.exec_count}, line {number}: `{line}`\n"
        f"{error.ename}: {error.evalue}\n"
        f"the notebook as far as it ran: {kept}"
    )


def _passport(path: Path, source: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BuildError(
            f"{source.name} ran but wrote no passport; end it with a cell that calls "
            "passport.finish()"
        )
    return json.loads(path.read_text())


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _forget_old_runs(home: Path, profile: str) -> None:
    runs = sorted(home.glob(f"{profile}-*/run.json"), key=lambda path: path.parent.stat().st_mtime)
    for path in runs[:-RUNS_KEPT]:
        shutil.rmtree(path.parent)
