"""Run one recipe with one seed: split, train stage by stage, predict, measure, record."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from tubekit.data.targets import MAPS
from tubekit.experiments import weights
from tubekit.experiments.data import Split
from tubekit.experiments.evaluate import evaluate
from tubekit.experiments.recipe import Recipe, Stage
from tubekit.experiments.record import Record
from tubekit.experiments.recording import make_record
from tubekit.inference.predictors import Predictor, label_of
from tubekit.training import FitResult, deterministic, fit, resolve_device
from tubekit.types import Case


class Trained(NamedTuple):
    """What a run leaves: its record, the network with its selected weights, and the data."""

    record: Record
    network: nn.Module
    split: Split


def run(
    recipe: Recipe,
    seed: int,
    *,
    device: str = "auto",
    precision: str | None = None,
    checkpoint: Path | None = None,
    kept: bool = False,
    tested: bool = True,
    progress: bool = False,
) -> Trained:
    """Train and test.

    Args:
        recipe: what to run.
        seed: of everything random.
        device: ``cpu``, ``cuda`` or ``auto``.
        precision: ``None`` for the recipe's.
        checkpoint: a file to resume from and to write to; every stage has its own beside it.
        kept: keep the trained weights in the cache folder, see ``weights.place``.
        tested: measure the test cases; else the record has none.
        progress: show a bar.
    """
    began = time.perf_counter()
    device = resolve_device(device)
    split: Split = recipe.data.build(seed=seed)
    channels = channels_of(recipe, split)
    fitted: list[FitResult] = []
    network = build_network(recipe, channels, seed)
    for number, stage in enumerate(recipe.stages):
        if stage.prepare is not None:
            with deterministic(seed):
                split = stage.prepare.build(split, predictor(recipe, network, device))
        if stage.fresh and number:
            network = build_network(recipe, channels, seed)
        own = None if checkpoint is None else checkpoint_of(checkpoint, stage)
        fitted.append(
            train(
                recipe,
                stage,
                network,
                split,
                seed=seed,
                device=device,
                precision=precision,
                checkpoint=own,
                progress=progress,
            )
        )
    if kept:
        weights.keep(
            network,
            weights.place(recipe, seed, split.source),
            recipe,
            channels=channels,
            image=len(split.train[0].image),
            source=split.source,
        )
    asked = split.test if tested else []
    cases = test(network, asked, recipe, split.classes, device, recipe.metrics)
    record = make_record(recipe, seed, split, fitted, cases, network, device)
    record.seconds_total = round(time.perf_counter() - began, 2)
    return Trained(record, network, split)


def train(
    recipe: Recipe,
    stage: Stage,
    network: nn.Module,
    split: Split,
    *,
    seed: int,
    device: str,
    precision: str | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> FitResult:
    """One stage; the network comes back with its selected weights."""
    with deterministic(seed):  # an update may build networks of its own
        update = stage.update.build(network)
    maps = sorted({name for m in update.modules.values() for name in getattr(m, "needs", ())})
    sampler = stage.sampler.build(split.train, maps=_made(maps, split), seed=seed)
    select = stage.select
    scored = predictor(recipe, network, device)
    return fit(
        update,
        sampler.batch,
        steps=stage.steps,
        precision=precision or recipe.precision,
        device=device,
        checkpoint=checkpoint,
        validate=None if select is None else lambda: select.build(scored, split),
        validate_every=max(1, stage.steps // stage.validations),
        seed=seed,
        progress=progress,
    )


def _made(needs: Sequence[str], split: Split) -> tuple[str, ...]:
    """What the sampler must add to the image and the target.

    Raises:
        ValueError: a map that neither the data have nor a function of ``MAPS`` makes.
    """
    maps = tuple(name for name in needs if name != "image")
    known = {*MAPS, *split.train[0].maps}
    if unknown := [name for name in maps if name not in known]:
        raise ValueError(
            f"expected maps out of {', '.join(sorted(known))}, got {', '.join(unknown)}; let the "
            "stage's prepare put them into Case.maps, or add a function to tubekit.data.targets"
        )
    return maps


def build_network(recipe: Recipe, channels: dict[str, int], seed: int) -> nn.Module:
    """The recipe's network with the channels that data and sampler ask for."""
    with deterministic(seed):
        network: nn.Module = recipe.network.build(**channels)
    return network


def channels_of(recipe: Recipe, split: Split) -> dict[str, int]:
    """Of the network's input, as the sampler makes it, and of its logits: one for two classes."""
    sampler = recipe.stages[0].sampler.build(split.train[:1], maps=(), seed=0)
    classes = split.classes
    return {"in_channels": sampler.channels, "out_channels": 1 if classes == 2 else classes}


def predictor(recipe: Recipe, network: nn.Module, device: str) -> Predictor:
    """The function from a case to probabilities."""
    made: Predictor = recipe.predictor.build(network, device=resolve_device(device))
    return made


def predict(network: nn.Module, case: Case, recipe: Recipe, device: str) -> np.ndarray:
    """Label map of one case."""
    return label_of(predictor(recipe, network, device)(case))


def test(
    network: nn.Module,
    cases: Sequence[Case],
    recipe: Recipe,
    classes: int,
    device: str,
    metrics: Sequence[str],
) -> dict[str, dict[str, float | None]]:
    """Metrics of every case."""
    labels = {case.id: predict(network, case, recipe, device) for case in cases}
    return {case.id: evaluate(labels[case.id], case, classes, metrics) for case in cases}


def further_records(trained: Trained, recipe: Recipe, device: str) -> list[Record]:
    """The same network on the split's other test sets, each as a record of its own."""
    record, network, split = trained
    found = []
    for name, other in split.further.items():
        metrics = other.metrics or recipe.metrics
        cases = test(network, other.cases, recipe, split.classes, device, metrics)
        changes = {
            "recipe": record.recipe | {"data_name": name},
            "source": other.source,
            "groups": {case.id: case.id for case in other.cases},
            "cases": cases,
        }
        found.append(record.model_copy(update=changes))
    return found


def checkpoint_of(path: Path, stage: Stage) -> Path:
    """The file of one stage."""
    return path.with_name(f"{path.stem}-{stage.name}{path.suffix}")
