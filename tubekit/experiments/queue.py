"""A resumable queue: runs what has no valid record yet, one after the other."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tubekit.experiments.environment import commit
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import (
    Record,
    read_record,
    read_records,
    record_path,
    write_record,
)
from tubekit.experiments.run import checkpoint_of, further_records, run
from tubekit.experiments.sources import sources_of


def pending(recipes: Iterable[Recipe], root: Path) -> list[tuple[Recipe, int]]:
    """Runs without a record, or whose record belongs to an older recipe.

    Raises:
        ValueError: a record is cut short; the message names the file.
    """
    jobs = []
    for recipe in recipes:
        for seed in recipe.seeds:
            path = record_path(recipe.id, recipe.chapter, recipe.profile, seed, root)
            found = read_record(path) if path.is_file() else None
            if found is None or found.trial or not recipe.made(found.recipe):
                jobs.append((recipe, seed))
    return jobs


def work(
    jobs: Sequence[tuple[Recipe, int]],
    *,
    root: Path,
    device: str = "auto",
    precision: str | None = None,
    allow_dirty: bool = False,
) -> list[str]:
    """Run the jobs in order; return one line for each that failed.

    A killed run leaves its checkpoint and continues from it, as long as the library's sources are
    the same; a failed one does not stop the rest. A cell that stands in several tables is trained
    once and its records are copied.

    Args:
        jobs: recipes and seeds.
        root: folder of the records.
        device: ``cpu``, ``cuda`` or ``auto``.
        precision: ``None`` for the recipe's.
        allow_dirty: run although the library has uncommitted changes; no table shows the records.
    Raises:
        ValueError: the library has uncommitted changes.
    """
    if jobs and not allow_dirty and commit().endswith("+"):
        raise ValueError(
            "expected a library without uncommitted changes, so that the numbers can be made "
            "again, got some; commit them, or pass --allow-dirty for a trial"
        )
    failures = []
    for done, (recipe, seed) in enumerate(jobs, start=1):
        name = f"[{done}/{len(jobs)}] {recipe.id} seed {seed}"
        if same := twins(recipe, seed, root):
            for record in same:
                write_record(record, root)
            print(f"{name}: the same run as in another table", flush=True)
            continue
        run_name = f"{recipe.digest[:16]}-{sources_of(recipe)[:8]}-{seed}"
        checkpoint = root / ".unfinished" / f"{run_name}.pt"
        try:
            options = {"device": device, "precision": precision, "checkpoint": checkpoint}
            trained = run(recipe, seed, kept=True, **options)  # type: ignore[arg-type]
            others = further_records(trained, recipe, device)
        except (ValueError, RuntimeError, FloatingPointError) as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            print(failures[-1], flush=True)
            continue
        record = trained.record
        for made in (*others, record):  # the run's own record last: it marks the job as done
            write_record(made, root)
        for stage in recipe.stages:
            checkpoint_of(checkpoint, stage).unlink(missing_ok=True)
        values = [v["dice"] or 0.0 for v in record.cases.values() if "dice" in v]
        score = f"Dice {sum(values) / len(values):.3f}, " if values else ""
        seconds = f"{record.seconds_training:.0f} of {record.seconds_total:.0f} s training"
        print(f"{name}: {score}{record.steps_done} steps, {seconds}", flush=True)
    return failures


def twins(recipe: Recipe, seed: int, root: Path) -> list[Record]:
    """Records of an equal run under another name, renamed to ``recipe``; further test sets first.

    Equal means the same call and seed, and all metrics of ``recipe`` measured.
    """
    found: dict[str, Record] = {}
    for record in read_records(recipe.chapter, recipe.profile, root):
        if record.seed == seed and recipe.made(record.recipe):
            own = record.recipe["data_name"]
            renamed = recipe.to_dict() | {"data_name": own}
            found[own] = record.model_copy(update={"recipe": renamed})
    tested = found[recipe.data_name].cases if recipe.data_name in found else {}
    if not set(recipe.metrics) <= {name for values in tested.values() for name in values}:
        return []
    return sorted(found.values(), key=lambda r: r.recipe["data_name"] == recipe.data_name)


def stale(recipes: Iterable[Recipe], root: Path) -> list[tuple[Recipe, int]]:
    """Runs whose record was made by other sources than today's, or does not say by which."""
    jobs = []
    for recipe in recipes:
        for seed in recipe.seeds:
            path = record_path(recipe.id, recipe.chapter, recipe.profile, seed, root)
            if path.is_file() and read_record(path).sources != sources_of(recipe):
                jobs.append((recipe, seed))
    return jobs
