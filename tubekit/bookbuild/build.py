"""`make book`: execute every notebook, stage the sources, render them, finish the site."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from tubekit.bookbuild.execute import Run, execute
from tubekit.bookbuild.layout import PROFILES, BuildError, Layout
from tubekit.bookbuild.parts import whole_downloads
from tubekit.bookbuild.site import finish
from tubekit.bookbuild.stage import assemble, digest, sync
from tubekit.bookbuild.summary import show


def build(
    layout: Layout,
    parameters: Mapping[str, Any] | None = None,
    *,
    profile: str = "smoke",
    offline: bool = False,
    console: Console | None = None,
) -> list[Run]:
    """Build the book; a second call with nothing changed does almost nothing.

    Args:
        layout: where to read and write.
        parameters: further notebook parameters, e.g. ``{"seed": 1}``.
        profile: smoke, laptop or full.
        offline: never use the network.
        console: where progress is written.
    Returns:
        One run per notebook, in reading order.
    Raises:
        BuildError: a notebook failed, or a page has an error or a warning.
    """
    if profile not in PROFILES:
        raise BuildError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
    console = console or Console()
    began = time.perf_counter()
    sources = layout.notebook_sources()
    runs = []
    for number, source in enumerate(sources, 1):
        console.print(f"[bold]\\[{number}/{len(sources)}][/bold] {source.name}, profile {profile}")
        run = execute(source, layout, parameters, profile=profile, offline=offline)
        console.print("      unchanged, run reused" if run.cached else f"      {run.seconds:.0f} s")
        runs.append(run)
    render(layout, runs, console)
    show(runs, layout, time.perf_counter() - began, console)
    return runs


def render(layout: Layout, runs: list[Run], console: Console) -> None:
    """Stage and render the pages, unless exactly these pages were rendered before."""
    files = assemble(layout, runs)
    stamp, wanted = layout.build / "digest", digest(files)
    if stamp.is_file() and stamp.read_text() == wanted and (layout.html / "index.html").is_file():
        console.print("pages unchanged")
        return
    stamp.unlink(missing_ok=True)
    staged = layout.build / "src"
    sync(files, staged)
    console.print(f"rendering {sum(name.endswith(('.md', '.ipynb')) for name in files)} pages")
    sphinx(staged, layout)
    whole_downloads(staged, layout.html)
    finish(layout.html)
    stamp.write_text(wanted)


def sphinx(staged: Path, layout: Layout) -> None:
    """Render with every warning an error, as Jupyter Book does with ``-W -n --keep-going``.

    Without ``-E`` a page that failed once would count as done in the next call.
    """
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-E", "-W", "-n", "--keep-going", "-q"]
    command += ["-d", str(layout.build / "doctrees"), str(staged), str(layout.html)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"the pages have errors or warnings:\n{done.stdout}{done.stderr}")
