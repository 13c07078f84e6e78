"""What a run measured, gathered into its record; steps count through all stages."""

from collections.abc import Iterator, Sequence

from torch import nn

from tubekit.experiments.data import Split
from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import Record
from tubekit.experiments.sources import sources_of
from tubekit.training import FitResult
from tubekit.training.objective import RESERVED


def make_record(
    recipe: Recipe,
    seed: int,
    split: Split,
    fitted: Sequence[FitResult],
    cases: dict[str, dict[str, float | None]],
    network: nn.Module,
    device: str,
) -> Record:
    """Gather what the run measured; steps count through all stages."""
    last = fitted[-1]
    before = sum(stage.steps_done for stage in fitted[:-1])
    rows = list(_rows(fitted))
    every = max(1, len(rows) // 100)
    named = {name: None for row in rows for name in row}  # a term may be switched on late
    terms = [name for name in named if name not in RESERVED]
    return Record(
        recipe=recipe.to_dict(),
        digest=recipe.digest,
        seed=seed,
        source=split.source,
        training_cases=[c.id for c in split.train],
        validation_cases=[c.id for c in split.validation],
        groups={c.id: split.groups[c.id] for c in split.test},
        cases=cases,
        parameters=sum(p.numel() for p in network.parameters()),
        steps_done=before + last.steps_done,
        stopped_by=last.stopped_by,
        best_step=before + (last.best_step or last.steps_done),
        history=[_pair(row, "loss") for row in rows[::every]],
        terms={name: [_pair(row, name) for row in rows[::every] if name in row] for name in terms},
        validation=[_pair(row, "validation") for row in rows if row["validation"] is not None],
        seconds_training=round(sum(stage.seconds for stage in fitted), 2),
        seconds_total=0.0,
        peak_memory_mb=round(max(stage.peak_memory_mb for stage in fitted), 1),
        device=device_name(device),
        precision=last.precision,
        versions=versions(),
        commit=commit(),
        sources=sources_of(recipe),
        finished=now(),
    )


def _rows(fitted: Sequence[FitResult]) -> Iterator[dict[str, float | None]]:
    before = 0
    for stage in fitted:
        for row in stage.history:
            yield row | {"step": before + int(row["step"] or 0)}
        before += stage.steps_done


def _pair(row: dict[str, float | None], name: str) -> tuple[int, float]:
    return int(row["step"] or 0), round(row[name] or 0.0, 5)
