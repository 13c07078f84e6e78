"""``tubekit evaluate``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tubekit._extras import extra
from tubekit._machine import cores


def evaluate_command(
    predictions: Annotated[
        Path, typer.Argument(help="folder of NIfTI, PNG or TIFF label maps, or of such folders")
    ],
    labels: Annotated[Path, typer.Argument(help="folder of true label maps of the same names")],
    spacing_from_header: Annotated[
        bool, typer.Option("--spacing-from-header", help="mm per voxel as each label file says")
    ] = False,
    spacing: Annotated[
        str, typer.Option(help="mm per voxel in array order (z,y,x), e.g. 1,0.5,0.5")
    ] = "",
    classes: Annotated[
        int | None, typer.Option(min=1, help="number of foreground classes [default: 1]")
    ] = None,
    label_list: Annotated[
        str, typer.Option("--labels", help="only these classes, e.g. 1,2,15; others are background")
    ] = "",
    names: Annotated[
        str, typer.Option(help="of the classes: background,artery,... or a JSON file")
    ] = "",
    ignore: Annotated[
        int | None, typer.Option(help="label value of voxels that do not count, e.g. 255")
    ] = None,
    empty: Annotated[
        str, typer.Option(help="both masks empty: nan (counted, in no mean) or perfect (Dice 1)")
    ] = "nan",
    penalty_mm: Annotated[
        float | None,
        typer.Option(help="missing predictions count as empty, with this as their distances"),
    ] = None,
    layout: Annotated[
        str, typer.Option(help="case, case/class, class/case, or auto where there is no doubt")
    ] = "auto",
    tolerance_mm: Annotated[
        list[float] | None, typer.Option(help="of the surface Dice; may be repeated [default: 1]")
    ] = None,
    output: Annotated[Path, typer.Option(help="folder of the results")] = Path("evaluation"),
    jobs: Annotated[int, typer.Option(help="processes; 0 takes your share of the processors")] = 0,
) -> None:
    """Measure a folder of predictions: cases.csv, tidy.csv, summary.csv and report.html.

    Stop and restart at will: finished cases are kept. Exit code 1 when a case has no result.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from tubekit.evaluation.files import Options
    from tubekit.evaluation.names import class_names
    from tubekit.evaluation.pairs import PER_CLASS

    with extra("evaluate", "tubekit evaluate"):
        from tubekit.evaluation.facts import listed
        from tubekit.evaluation.folder import evaluate_folder

    if spacing and spacing_from_header:
        raise ValueError(
            "expected --spacing or --spacing-from-header, got both; leave one of them out"
        )
    if label_list and classes is not None:
        raise ValueError("expected --classes or --labels, got both; leave one of them out")
    called = class_names(names) if names else {}
    if ignore is None:  # as nnU-Net marks it
        ignore = next((k for k, name in called.items() if name == "ignore"), None)
    called = {k: name for k, name in called.items() if k != ignore}
    options = Options(
        classes=classes or (layout not in PER_CLASS and max(called, default=1)) or 1,
        labels=_numbers("labels", label_list, int) if label_list else None,
        names=called,
        ignore=ignore,
        empty=empty,
        penalty_mm=penalty_mm,
        layout=layout,
        spacing=_numbers("spacing", spacing, float) if spacing else None,
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
            jobs=jobs or cores(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for failure in found.failures:
        typer.echo(f"{failure.name}: {failure.reason}", err=True)
    typer.echo(
        f"{len(found.results)} cases measured, {len(found.failures)} without a result: "
        f"{found.report}"
    )
    if found.ghosts:
        typer.echo(f"in no prediction and no label: class {listed(found.ghosts)}")
    if found.failures:
        raise typer.Exit(1)


def _numbers(name: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        example = "1,2,15" if kind is int else "1,0.5,0.5"
        raise ValueError(
            f"{name} must be numbers with commas between them, got {text!r}; e.g. {example}"
        ) from None
