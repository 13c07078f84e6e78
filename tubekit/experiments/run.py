"""Run one recipe with one seed: split, train, predict, measure, record."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from tubekit.data import PatchSampler, normalise
from tubekit.data.targets import MAPS
from tubekit.experiments.data import Split
from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.evaluate import evaluate
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import Record
from tubekit.inference import predict_label
from tubekit.metrics import dice
from tubekit.training import FitResult, deterministic, fit, resolve_device
from tubekit.types import Case


def run(
    recipe: Recipe,
    seed: int,
    *,
    device: str = "auto",
    precision: str = "auto",
    checkpoint: Path | Callable[[Split], Path] | None = None,
    tested: bool = True,
    progress: bool = False,
) -> tuple[Record, nn.Module, Split]:
    """Train and test. The network comes back with its best validation weights.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``.
        precision: ``32-true``, ``bf16-mixed`` or ``auto``.
        checkpoint: a file to resume from and to write to; or what names it, once the data are
            known and before anything is trained.
        tested: measure the test cases; else the record has none.
        progress: show a bar.
    """
    began = time.perf_counter()
    device = resolve_device(device)
    split: Split = recipe.data.build(seed=seed)
    kept = checkpoint(split) if callable(checkpoint) else checkpoint
    with deterministic(seed):
        network = build_network(recipe, split)
    loss = recipe.loss.build()
    sampler = PatchSampler(
        split.train,
        recipe.patch_size,
        recipe.batch_size,
        # The loop itself supplies what is no target map: the image, or logits of mixed images.
        maps=tuple(name for name in loss.needs if name in MAPS),
        foreground_fraction=recipe.foreground_fraction,
        mirror_axes=recipe.mirror_axes,
        when=recipe.maps_when,
        seed=seed,
    )
    fitted = fit(
        network,
        loss,
        sampler.batch,
        steps=recipe.steps,
        optimizer=recipe.optimizer,
        precision=precision,
        device=device,
        checkpoint=kept,
        validate=validation_score(recipe, split, device),
        validate_every=max(1, recipe.steps // recipe.validations),
        seed=seed,
        progress=progress,
    )
    asked = split.test if tested else []
    cases = test(network, asked, recipe, split.classes, device, recipe.metrics)
    record = make_record(recipe, seed, split, fitted, cases, network, device)
    record.seconds_total = round(time.perf_counter() - began, 2)
    return record, network, split


def test(
    network: nn.Module,
    cases: Sequence[Case],
    recipe: Recipe,
    classes: int,
    device: str,
    metrics: Sequence[str],
) -> dict[str, dict[str, float | None]]:
    """Metrics of every case."""
    predictions = {case.id: predict(network, case, recipe, device) for case in cases}
    return {c.id: evaluate(predictions[c.id], c, classes, metrics) for c in cases}


def further_records(
    record: Record, network: nn.Module, split: Split, recipe: Recipe, device: str
) -> list[Record]:
    """The same network on the split's other test sets, each as a record of its own."""
    device = resolve_device(device)
    found = []
    for name, other in split.further.items():
        metrics = other.metrics or recipe.metrics
        cases = test(network, other.cases, recipe, split.classes, device, metrics)
        found.append(
            record.model_copy(
                update={
                    "recipe": record.recipe | {"data_name": name},
                    "source": other.source,
                    "groups": {case.id: case.id for case in other.cases},
                    "cases": cases,
                }
            )
        )
    return found


def build_network(recipe: Recipe, split: Split) -> nn.Module:
    """The recipe's network with the channels that the data ask for."""
    channels = 1 if split.classes == 2 else split.classes
    return recipe.network.build(in_channels=split.train[0].image.shape[0], out_channels=channels)


def predict(network: nn.Module, case: Case, recipe: Recipe, device: str) -> np.ndarray:
    """Label map of one case with the recipe's patch size."""
    return predict_label(
        network,
        normalise(case),
        patch_size=recipe.patch_size,
        overlap=recipe.overlap,
        device=device,
    )


def validation_score(recipe: Recipe, split: Split, device: str) -> Callable[[nn.Module], float]:
    """Mean foreground Dice on the validation cases: the only thing that selects weights."""

    def score(network: nn.Module) -> float:
        values = []
        for case in split.validation:
            if case.label is None:
                continue
            # No loss sees what lies outside the field of view, so it must not select either.
            valid = np.ones(case.label.shape, bool) if case.valid is None else case.valid
            found, label = predict(network, case, recipe, device)[valid], case.label[valid]
            for k in range(1, split.classes):
                if (label == k).any():
                    values.append(dice((found == k)[None], (label == k)[None]))
        return float(np.mean(values))

    return score


def make_record(
    recipe: Recipe,
    seed: int,
    split: Split,
    fitted: FitResult,
    cases: dict[str, dict[str, float | None]],
    network: nn.Module,
    device: str,
) -> Record:
    """Gather what the run measured."""
    every = max(1, len(fitted.history) // 100)
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
        steps_done=fitted.steps_done,
        stopped_by=fitted.stopped_by,
        best_step=fitted.best_step or fitted.steps_done,
        history=[_pair(row, "loss") for row in fitted.history[::every]],
        validation=[
            _pair(row, "validation") for row in fitted.history if row["validation"] is not None
        ],
        seconds_training=round(fitted.seconds, 2),
        seconds_total=0.0,
        peak_memory_mb=round(fitted.peak_memory_mb, 1),
        device=device_name(device),
        precision=fitted.precision,
        versions=versions(),
        commit=commit(),
        finished=now(),
    )


def _pair(row: dict[str, float | None], name: str) -> tuple[int, float]:
    return int(row["step"] or 0), round(row[name] or 0.0, 5)
