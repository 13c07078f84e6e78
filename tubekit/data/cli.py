"""``tubekit data list | fetch | verify``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # so that the help of the command line loads no arrays
    from tubekit.data.fetch import Reasons

app = typer.Typer(help="Data sets: what is known, what is here, what is intact.")

# For the estimate of ``fetch``: a slow line, and what every address costs beside its bytes.
BYTES_A_SECOND = 2e6
SECONDS_A_REQUEST = 0.1

Names = Annotated[list[str] | None, typer.Argument(help="Data sets; none means all.")]


@app.command("list")
def list_() -> None:
    """Show every data set: access, licence, and how many cases are on this machine."""
    from rich.console import Console
    from rich.table import Table

    from tubekit.data.integrity import IntegrityError
    from tubekit.data.manifest import known_names, load_manifest
    from tubekit.data.resolved import DataUnavailable, resolve

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
        Path | None, typer.Option(help="Unpack this zip or tar into the one data set's cache.")
    ] = None,
) -> None:
    """Find, download and verify data sets. Exit code 1 when an open one is unavailable.

    What a broken download left behind is used when the command runs again.
    """
    from tubekit.data.archive import ArchiveError, extract
    from tubekit.data.fetch import fetch_all
    from tubekit.data.integrity import IntegrityError
    from tubekit.data.places import cache_folder, open_manifest

    chosen = _known(names)
    if archive is not None:
        if len(chosen) != 1:
            typer.echo("--archive needs the name of one data set", err=True)
            raise typer.Exit(2)
        try:
            extract(archive, cache_folder(open_manifest(chosen[0])))
        except (ArchiveError, OSError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    _announce(chosen)
    failed = False
    for name in chosen:
        manifest = open_manifest(name)
        try:
            ready, reasons = fetch_all(name)
        except OSError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        typer.echo(f"{name}: {ready} files ready, {len(reasons)} not here")
        for reason in _grouped(reasons):
            typer.echo(f"  {reason}", err=True)
        if not ready and manifest.obtain:
            typer.echo(f"  {manifest.obtain}", err=True)
        damaged = any(isinstance(reason, IntegrityError) for reason in reasons.values())
        # What only its reader can obtain is not a failure of the command.
        failed = failed or ((damaged or not ready) and not manifest.obtain)
    raise typer.Exit(int(failed))


def _announce(names: list[str]) -> None:
    """Say before anything is downloaded how much it is, and how long it may take."""
    from tubekit.data.fetch import plan
    from tubekit.data.places import network_is_off

    plans = [plan(name) for name in names]
    files, size = sum(p.files for p in plans), sum(p.bytes for p in plans)
    if not files:
        return
    if network_is_off():
        typer.echo(f"{files} files are missing; TUBEKIT_OFFLINE forbids to download them")
        return
    sets = sum(p.files > 0 for p in plans)
    seconds = size / BYTES_A_SECOND + sum(p.downloads for p in plans) * SECONDS_A_REQUEST
    typer.echo(
        f"{files} files of {sets} data set{'s' * (sets > 1)} are missing: {size / 1e6:.1f} MB "
        f"to download, about {max(1, round(seconds / 60))} min at {BYTES_A_SECOND / 1e6:g} MB/s"
    )


def _grouped(reasons: "Reasons") -> list[str]:
    """One line per reason: how many files, why, and the first of them."""
    files: dict[str, list[str]] = {}
    for path, error in reasons.items():
        files.setdefault(error.reason, []).append(path)
    return [f"{len(f)} files: {reason} (first {f[0]})" for reason, f in files.items()]


@app.command()
def verify(names: Names = None) -> None:
    """Check every listed file on this machine by SHA-256. Exit code 1 when one is damaged."""
    from collections import Counter

    from tubekit.data.verification import verify as verify_files

    damaged = False
    for name in _known(names):
        states: Counter[str] = Counter()
        for file, state in verify_files(name):
            if state in ("ok", "missing", "no hash listed"):
                states[state] += 1
            else:
                states["damaged"] += 1
                typer.echo(f"{file.case_id or file.path} {file.role}: {state}", err=True)
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
