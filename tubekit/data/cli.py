"""``tubekit data list | fetch | verify``."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Data sets: what is known, what is here, what is intact.")

Names = Annotated[list[str] | None, typer.Argument(help="Data sets; none means all.")]


@app.command("list")
def list_() -> None:
    """Show every data set: access, licence, and how many cases are on this machine."""
    from rich.console import Console
    from rich.table import Table

    from tubekit.data.fetch import DataUnavailable, IntegrityError, resolve
    from tubekit.data.manifest import known_names, load_manifest

    table = Table("name", "title", "access", "licence", "cases here", "listed")
    for name in known_names():
        manifest = load_manifest(name)
        try:
            here = str(len(resolve(name, offline=True).files))
        except DataUnavailable:
            here = "0"
        except IntegrityError as error:
            here = f"damaged: {error}"
        listed = str(len(manifest.cases) or "-")
        table.add_row(name, manifest.title, manifest.access, manifest.licence.name, here, listed)
    Console().print(table)


@app.command()
def fetch(
    names: Names = None,
    archive: Annotated[
        Path | None, typer.Option(help="Unpack this zip or tar into the data set's cache folder.")
    ] = None,
) -> None:
    """Find, download and verify data sets. Exit code 1 when an open one is unavailable."""
    from tubekit.data.archive import ArchiveError, extract
    from tubekit.data.decode import ReadError
    from tubekit.data.fetch import DataUnavailable, IntegrityError, resolve
    from tubekit.data.manifest import load_manifest
    from tubekit.data.storage import cache_root

    failed = False
    for name in _known(names):
        manifest = load_manifest(name)
        try:
            if archive is not None:
                extract(archive, cache_root() / "data" / manifest.folder)
            found = resolve(name)
            typer.echo(f"{name}: {len(found.files)} cases ready, {len(found.unavailable)} not here")
        except (DataUnavailable, IntegrityError, ArchiveError, ReadError, OSError) as error:
            typer.echo(str(error), err=True)
            # What only its reader can obtain is not a failure of the command.
            failed = failed or archive is not None or not manifest.obtain
    raise typer.Exit(int(failed))


@app.command()
def verify(names: Names = None) -> None:
    """Check every listed file on this machine by SHA-256. Exit code 1 when one is damaged."""
    from collections import Counter

    from tubekit.data.fetch import verify as verify_files

    damaged = False
    for name in _known(names):
        states: Counter[str] = Counter()
        for file, state in verify_files(name):
            if state in ("ok", "missing", "no hash listed"):
                states[state] += 1
            else:
                states["damaged"] += 1
                typer.echo(f"{file.case_id} {file.role}: {state}", err=True)
        damaged = damaged or states["damaged"] > 0
        counts = ", ".join(f"{n} {state}" for state, n in states.items()) or "no files listed"
        typer.echo(f"{name}: {counts}")
    raise typer.Exit(int(damaged))


def _known(names: list[str] | None) -> list[str]:
    """All data sets, or the given ones; unknown names end the command."""
    from tubekit.data.manifest import known_names

    known = known_names()
    for name in names or []:
        if name not in known:
            typer.echo(f"no data set {name!r}; known: {', '.join(known)}", err=True)
            raise typer.Exit(2)
    return names or known
