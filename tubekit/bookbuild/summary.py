"""The table at the end of a build."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tubekit.bookbuild.execute import Run
from tubekit.bookbuild.layout import Layout
from tubekit.bookbuild.pages import data_used, duration


def show(runs: Sequence[Run], layout: Layout, seconds: float, console: Console) -> None:
    """Print per notebook the time, memory, data and verdicts, then the page to open."""
    table = Table(title=f"The book, profile {runs[0].profile}, built in {duration(seconds)}")
    table.add_column("Notebook")
    table.add_column("Seconds", justify="right")
    table.add_column("Peak memory", justify="right")
    table.add_column("Data")
    table.add_column("Verdicts")
    for run in runs:
        verdicts = ", ".join(f"{k}: {v}" for k, v in run.passport["verdicts"].items())
        table.add_row(
            run.notebook,
            f"{run.seconds:.0f}{' (reused)' if run.cached else ''}",
            f"{run.peak_memory_mb:,.0f} MB",
            data_used(run).replace(", ", "\n"),
            verdicts.replace(", ", "\n") or "none",
        )
    console.print(table)
    console.print(f"Open {layout.html / 'index.html'}, or run `make serve`.", soft_wrap=True)
