"""`tubekit train|predict|evaluate|data|run|cost|bench|book|ledger|teach|serve`."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tubekit._extras import MissingExtra

# What a user can cause and mend; anything else is a fault of the library and shows its trace.
USER_ERRORS = (ValueError, KeyError, OSError, RuntimeError, MissingExtra)
# These commands live beside the code they start, and read their arguments there, `--help` included.
PASSED_ON = {"ignore_unknown_options": True}
Words = Annotated[list[str] | None, typer.Argument(metavar="...")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Segmentation of thin tubes and small organs: the library and the book.",
)


def show_version(wanted: bool) -> bool:
    """Print the versions that a report of a fault should name, and stop."""
    if not wanted:
        return wanted
    import platform
    from importlib.metadata import version

    from tubekit import __version__

    print(f"tubekit {__version__}, torch {version('torch')}, Python {platform.python_version()}")
    raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show versions and exit.", callback=show_version)
    ] = False,
) -> None:
    """Options of every command; ``main`` reads ``--debug`` itself."""


@app.command(context_settings=PASSED_ON, add_help_option=False)
def data(words: Words = None) -> None:
    """List, fetch and verify data sets."""
    load("tubekit.data.cli", "app")(words or [], prog_name="tubekit data")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def run(words: Words = None) -> None:
    """Run the recipes of a chapter that have no record yet."""
    load("tubekit.experiments.cli", "run_command")(words or [], prog_name="tubekit run")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def cost(words: Words = None) -> None:
    """Measure time and memory of a training step, loss by loss."""
    load("tubekit.benchmarks.cli", "cost_command")(words or [], prog_name="tubekit cost")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def bench(words: Words = None) -> None:
    """Measure every instrument against its peer."""
    load("tubekit.benchmarks.cli", "bench_command")(words or [], prog_name="tubekit bench")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def train(words: Words = None) -> None:
    """Train a network on a folder of your own images."""
    load("tubekit.own.cli", "train_command")(words or [], prog_name="tubekit train")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def predict(words: Words = None) -> None:
    """Segment your own images with a network that `tubekit train` has saved, or of a recipe."""
    # A recipe is known by its chapter; all else is the folder of a model.
    chapter = any(word.partition("=")[0] == "--chapter" for word in words or [])
    module = "tubekit.experiments.cli" if chapter else "tubekit.own.cli"
    load(module, "predict_command")(words or [], prog_name="tubekit predict")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def evaluate(words: Words = None) -> None:
    """Measure a folder of predictions against their labels."""
    load("tubekit.evaluation.cli", "evaluate_command")(words or [], prog_name="tubekit evaluate")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def ledger(words: Words = None) -> None:
    """Print the claims ledger."""
    load("tubekit.evidence.cli", "ledger_command")(words or [], prog_name="tubekit ledger")


@app.command(context_settings=PASSED_ON, add_help_option=False)
def new(words: Words = None) -> None:
    """Start a chapter: tubekit new chapter NAME --title TITLE --citation KEY."""
    what, *more = words or ["--help"]
    if what not in ("chapter", "--help"):
        raise ValueError(f"expected 'new chapter', got {what!r}; nothing else can be made yet")
    command = load("tubekit.chapters.new", "chapter_command")
    command(more or ["--help"], prog_name="tubekit new chapter")


def load(module: str, name: str) -> typer.Typer:
    """A command beside the code it starts, imported only when it is called.

    So `tubekit --help` does not wait for torch.
    """
    found: Any = getattr(importlib.import_module(module), name)
    if isinstance(found, typer.Typer):
        return found
    holder = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    holder.command()(found)
    return holder


@app.command()
def book(
    profile: Annotated[str, typer.Option(help="smoke, laptop or full")] = "smoke",
    offline: Annotated[bool, typer.Option(help="never use the network")] = False,
    seed: Annotated[int | None, typer.Option(help="instead of the notebooks' own")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto")] = None,
) -> None:
    """Execute the notebooks and build the pages."""
    from tubekit.bookbuild.layout import checkout

    layout = checkout()  # first: without one there is no use in the packages of the build
    from tubekit.bookbuild.build import build

    chosen = {"seed": seed, "device": device}
    given = {name: value for name, value in chosen.items() if value is not None}
    build(layout, given, profile=profile, offline=offline)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="of this machine")] = 8000,
    browser: Annotated[bool, typer.Option(help="open the first page")] = True,
) -> None:
    """Show the built book in a browser."""
    from tubekit.bookbuild import serve as server
    from tubekit.bookbuild.layout import checkout

    server.serve(checkout(), port, browser=browser)


@app.command()
def teach(
    target: Annotated[Path, typer.Argument(help="new folder")],
    instructor: Annotated[
        bool, typer.Option("--instructor/--student", help="with or without solutions")
    ] = False,
) -> None:
    """Export notebooks and quizzes for a course."""
    from tubekit.bookbuild.layout import checkout

    layout = checkout()
    from tubekit.bookbuild.teach import export

    for path in export(layout, target, solutions=instructor):
        print(path)


def main() -> None:
    """Entry point: a user's mistake is one line, not a trace."""
    try:
        app()
    except USER_ERRORS as error:
        if "--debug" in sys.argv:
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {text}", file=sys.stderr)
        sys.exit(1)
