"""``tubekit evaluate``."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tubekit._extras import extra


def evaluate_command(
    predictions: Annotated[Path, typer.Argument(help="folder of NIfTI, PNG or TIFF label maps")],
    labels: Annotated[Path, typer.Argument(help="folder of true label maps of the same names")],
    spacing_from_header: Annotated[
        bool, typer.Option("--spacing-from-header", help="mm per voxel as each label file says")
    ] = False,
    spacing: Annotated[
        str, typer.Option(help="mm per voxel in array order (z,y,x), e.g. 1,0.5,0.5")
    ] = "",
    classes: Annotated[int, typer.Option(min=1, help="number of foreground classes")] = 1,
    tolerance_mm: Annotated[
        list[float] | None, typer.Option(help="of the surface Dice; may be repeated [default: 1]")
    ] = None,
    output: Annotated[Path, typer.Option(help="folder of the results")] = Path("evaluation"),
    jobs: Annotated[int, typer.Option(help="processes; 0 takes all processors")] = 0,
) -> None:
    """Measure a folder of predictions and write cases.csv, summary.csv and report.html.

    Stop and restart at will: finished cases are kept. Exit code 1 when a case has no result.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from tubekit.evaluation.files import Options

    with extra("evaluate", "tubekit evaluate"):
        from tubekit.evaluation.folder import evaluate_folder

    if spacing and spacing_from_header:
        raise ValueError(
            "expected --spacing or --spacing-from-header, got both; leave one of them out"
        )
    options = Options(
        classes=classes,
        spacing=_numbers(spacing) if spacing else None,
        from_header=spacing_from_header,
        tolerances_mm=tuple(tolerance_mm or (1.0,)),
    )
    columns = (TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("cases", total=None)
        found = evaluate_folder(
            predictions,
            labels,
            output,
            options,
            jobs=jobs or os.cpu_count() or 1,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for failure in found.failures:
        typer.echo(f"{failure.name}: {failure.reason}", err=True)
    typer.echo(
        f"{len(found.results)} cases measured, {len(found.failures)} without a result: "
        f"{found.report}"
    )
    if found.failures:
        raise typer.Exit(1)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"spacing must be numbers with commas between them, got {text!r}; e.g. 1,0.5,0.5"
        ) from None
