"""A resumable queue: runs what has no valid record yet, one after the other."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import RESULTS, read_record, record_path, write_record
from tubekit.experiments.run import run


def pending(recipes: Iterable[Recipe], root: Path = RESULTS) -> list[tuple[Recipe, int]]:
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
    root: Path = RESULTS,
    device: str = "auto",
    precision: str = "auto",
) -> list[str]:
    """Run the jobs in order; return one line for each that failed.

    A killed run leaves its checkpoint and continues from it; a failed one does not stop the rest.
    """
    failures = []
    for done, (recipe, seed) in enumerate(jobs, start=1):
        name = f"[{done}/{len(jobs)}] {recipe.id} seed {seed}"
        checkpoint = root / ".unfinished" / f"{recipe.digest[:16]}-{seed}.pt"
        try:
            record, _, _ = run(
                recipe, seed, device=device, precision=precision, checkpoint=checkpoint
            )
        except (ValueError, RuntimeError, FloatingPointError) as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            print(failures[-1], flush=True)
            continue
        write_record(record, root)
        checkpoint.unlink(missing_ok=True)
        score = sum(v["dice"] or 0.0 for v in record.cases.values()) / len(record.cases)
        seconds = f"{record.seconds_training:.0f} of {record.seconds_total:.0f} s training"
        print(f"{name}: Dice {score:.3f}, {record.steps_done} steps, {seconds}", flush=True)
    return failures
