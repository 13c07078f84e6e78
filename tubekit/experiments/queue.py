"""A resumable queue: runs what has no valid record yet, one after the other."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import (
    Record,
    read_record,
    read_records,
    record_path,
    write_record,
)
from tubekit.experiments.run import further_records, run


def pending(recipes: Iterable[Recipe], root: Path) -> list[tuple[Recipe, int]]:
    """Runs without a record, or whose record belongs to an older recipe.

    Raises:
        ValueError: a record is cut short; the message names the file.
    """
    jobs = []
    for recipe in recipes:
        for seed in recipe.seeds:
            path = record_path(recipe.id, recipe.chapter, recipe.profile, seed, root)
            if not path.is_file() or read_record(path).digest != recipe.digest:
                jobs.append((recipe, seed))
    return jobs


def work(
    jobs: Sequence[tuple[Recipe, int]],
    *,
    root: Path,
    device: str = "auto",
    precision: str = "auto",
) -> list[str]:
    """Run the jobs in order; return one line for each that failed.

    A killed run leaves its checkpoint and continues from it; a failed one does not stop the rest.
    A cell that stands in several tables is trained once and its records are copied.
    """
    failures = []
    for done, (recipe, seed) in enumerate(jobs, start=1):
        name = f"[{done}/{len(jobs)}] {recipe.id} seed {seed}"
        if same := twins(recipe, seed, root):
            for record in same:
                write_record(record, root)
            print(f"{name}: the same run as in another table", flush=True)
            continue
        checkpoint = root / ".unfinished" / f"{recipe.digest[:16]}-{seed}.pt"
        try:
            record, network, split = run(
                recipe, seed, device=device, precision=precision, checkpoint=checkpoint
            )
            others = further_records(record, network, split, recipe, device)
        except (ValueError, RuntimeError, FloatingPointError) as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            print(failures[-1], flush=True)
            continue
        for made in (*others, record):  # the run's own record last: it marks the job as done
            write_record(made, root)
        checkpoint.unlink(missing_ok=True)
        score = sum(v["dice"] or 0.0 for v in record.cases.values()) / len(record.cases)
        seconds = f"{record.seconds_training:.0f} of {record.seconds_total:.0f} s training"
        print(f"{name}: Dice {score:.3f}, {record.steps_done} steps, {seconds}", flush=True)
    return failures


def twins(recipe: Recipe, seed: int, root: Path) -> list[Record]:
    """Records of an equal run under another name, renamed to ``recipe``; further test sets first.

    Equal means the same digest and seed, and all metrics of ``recipe`` measured.
    """
    found: dict[str, Record] = {}
    for record in read_records(recipe.chapter, recipe.profile, root):
        if (record.digest, record.seed) == (recipe.digest, seed):
            own = record.recipe["data_name"]
            renamed = recipe.to_dict() | {"data_name": own}
            found[own] = record.model_copy(update={"recipe": renamed})
    tested = found[recipe.data_name].cases if recipe.data_name in found else {}
    if not set(recipe.metrics) <= {name for values in tested.values() for name in values}:
        return []
    return sorted(found.values(), key=lambda r: r.recipe["data_name"] == recipe.data_name)
