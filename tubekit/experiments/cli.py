"""The command `tubekit run`, and `tubekit predict` with a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from tubekit._extras import extra

Device = Annotated[str, typer.Option(help="cpu, cuda or auto")]


def run_command(
    chapter: Annotated[str, typer.Argument(help="chapter, e.g. skeleton_recall")],
    profile: Annotated[str, typer.Option(help="smoke, laptop or full")] = "laptop",
    only: Annotated[str, typer.Option(help="run only recipes whose id contains this")] = "",
    device: Device = "auto",
    precision: Annotated[
        str | None, typer.Option(help="32-true, bf16-mixed or auto [default: the recipe's]")
    ] = None,
    part: Annotated[
        str, typer.Option(help="i/n: the i-th of n processes sharing the work")
    ] = "0/1",
    steps: Annotated[int, typer.Option(help="shorten each run; 0 keeps the recipe")] = 0,
    seeds: Annotated[int, typer.Option(help="use only the first seeds; 0 keeps the recipe")] = 0,
    results: Annotated[
        Path | None,
        typer.Option(help="of the records [default: book/results of a checkout, else results]"),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="list what would run")] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="list the records that other sources have made")
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="although the library has uncommitted changes")
    ] = False,
) -> None:
    """Run every recipe that has no record yet; stop and restart at will."""
    import dataclasses

    from tubekit._folders import written_results

    with extra("all", "tubekit run"):
        from tubekit.experiments.queue import pending, work
        from tubekit.experiments.queue import stale as stale_records
        from tubekit.experiments.recipes import recipes

    index, _, parts = part.partition("/")
    if not (index.isdigit() and parts.isdigit() and int(index) < int(parts)):
        raise ValueError(f"part must look like 0/4 with the first number smaller, got {part!r}")
    root = results or written_results()
    chosen = [r for r in recipes(chapter, profile) if only in r.id]  # type: ignore[arg-type]
    if steps:
        chosen = [r.shortened(steps=steps) for r in chosen]
    if seeds:
        chosen = [dataclasses.replace(r, seeds=r.seeds[:seeds]) for r in chosen]
    if stale:
        for recipe, seed in stale_records(chosen, root):
            print(f"{recipe.id} seed {seed}")
        return
    # Every part sees the same list, so that parts never overlap when one starts later.
    jobs = [(r, s) for r in chosen for s in r.seeds][int(index) :: int(parts)]
    waiting = {(r.id, s) for r, s in pending(chosen, root)}
    jobs = [(r, s) for r, s in jobs if (r.id, s) in waiting]
    if dry_run:
        for recipe, seed in jobs:
            print(f"{recipe.id} seed {seed}")
        print(f"{len(jobs)} runs to do")
        return
    failures = work(jobs, root=root, device=device, precision=precision, allow_dirty=allow_dirty)
    if failures:
        raise ValueError(f"{len(failures)} of {len(jobs)} runs failed:\n" + "\n".join(failures))


def predict_command(
    recipe_id: Annotated[str, typer.Argument(metavar="MODEL", help="e.g. table-2/retina/srl")],
    image: Annotated[
        Path, typer.Argument(metavar="IN", help="an image of the kind that the recipe trains on")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="label map to write, .png or .nii.gz")
    ],
    chapter: Annotated[str, typer.Option(help="chapter of the recipe, e.g. skeleton_recall")],
    profile: Annotated[str, typer.Option(help="smoke, laptop or full")] = "smoke",
    seed: Annotated[int, typer.Option(help="of the training")] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="file of kept weights, instead of training")
    ] = None,
    device: Device = "auto",
) -> None:
    """Segment an image with the network of a recipe of the book; the first call may train it."""
    with extra("all", "tubekit predict"):
        from tubekit.experiments.prediction import predict_file
        from tubekit.experiments.recipes import recipe

    found = recipe(chapter, profile, recipe_id)  # type: ignore[arg-type]
    predict_file(found, image, output, seed=seed, device=device, kept=weights, say=print)
    print(f"wrote {output}")
