"""The training loop: it knows no loss and no network; precision and devices by Lightning Fabric."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.optim import Optimizer
from tqdm import tqdm

from tubekit._accept import PathLike, numbers, path, taking
from tubekit.training.batches import stream
from tubekit.training.precision import precision_plugin, resolve_device, resolve_precision
from tubekit.training.processors import (
    lay_channels_last,
    share_of_processors,
    with_channels_last,
)
from tubekit.training.schedule import poly
from tubekit.training.seeding import deterministic
from tubekit.training.state import FitResult, RunState, has_weights
from tubekit.training.update import Batch, Progress, Update
from tubekit.types import Spec


@taking(
    steps=numbers,
    devices=numbers,
    checkpoint_every=numbers,
    validate_every=numbers,
    seed=numbers,
)
def fit(
    update: Update,
    batches: Callable[[int], Batch],
    *,
    steps: int,
    schedule: Callable[[int, int], float] | Spec = poly,
    max_seconds: float | None = None,
    precision: str = "32-true",
    device: str = "cpu",
    devices: int = 1,
    checkpoint: PathLike | None = None,
    checkpoint_every: int = 250,
    validate: Callable[[], float] | None = None,
    validate_every: int = 250,
    seed: int = 0,
    prefetch: bool = True,
    channels_last: bool = False,
    progress: bool = False,
) -> FitResult:
    """Train the modules of an update in place, bounded in steps and in seconds.

    They end in eval mode with the weights of the best validation, or the last ones without
    ``validate``. If ``checkpoint`` exists the run continues there; on a CPU it then gives the
    same bits as a run that was never interrupted.

    Args:
        update: what a step is, e.g. ``Supervised(network, loss)``.
        batches: index to batch, a pure function; one index per step and device.
        steps: of the whole training.
        schedule: (step, steps) to the factor on every learning rate.
        max_seconds: no step starts later than this, earlier sittings included; None is no limit.
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"auto"``, see ``resolve_precision``.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        devices: processes or GPUs; more than one needs a script, not a notebook.
        checkpoint: file to continue from and to write.
        checkpoint_every: steps between two writes; the last step always writes.
        validate: gives a score of the modules, which are in eval mode and without gradients;
            higher is better, NaN never best. Not for test cases.
        validate_every: steps between two validations; the last step always validates.
        seed: of what is random in here, e.g. dropout; initial weights are the caller's.
        prefetch: make the next batch in a thread while a step runs.
        channels_last: lay volumes and kernels with their channels last in memory. Faster on some
            processors and slower on others, so measure it; results differ in their last bits.
            Images in 2-D stay as they are.
        progress: show a bar.
    Raises:
        ValueError: an argument out of range, a checkpoint that is damaged or of another run, or
            the update refuses its batch (NaN, shapes, labels); then the message names the step.
        FloatingPointError: a loss or gradient is not finite, in the step that the message names.
        OSError: the checkpoint cannot be written.

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss
        >>> from tubekit.networks import UNet
        >>> from tubekit.training import Supervised, fit
        >>> image = torch.linspace(-1, 1, 256).view(1, 1, 16, 16)
        >>> batch = {"image": image, "target": (image > 0).long()}
        >>> update = Supervised(UNet(2, 1, 2, features=(4, 8)), CrossEntropyLoss())
        >>> result = fit(update, lambda index: batch, steps=2)
        >>> result.steps_done, result.stopped_by
        (2, 'steps')
    """
    started = time.perf_counter()
    limit = math.inf if max_seconds is None else max_seconds
    bounds = (steps, limit, devices, checkpoint_every, validate_every)
    if not all(bound > 0 for bound in bounds):
        raise ValueError(
            "steps, max_seconds, devices, checkpoint_every and validate_every must be positive, "
            f"got {bounds}; raise what is not"
        )
    device = resolve_device(device)
    precision = resolve_precision(precision, device)
    factor = schedule.build if isinstance(schedule, Spec) else schedule
    # A loss need not read every head of a network under deep supervision.
    strategy = "auto" if devices == 1 else "ddp_find_unused_parameters_true"
    plugin = precision_plugin(precision, device)
    fabric = Fabric(accelerator=device, devices=devices, strategy=strategy, plugins=plugin)
    fabric.launch()

    with (
        share_of_processors(device),
        deterministic(seed),
        _lent(update, fabric, channels_last) as (
            modules,
            optimizers,
        ),
    ):
        rates = [group["lr"] for group in _groups(optimizers)]
        plan = {"steps": steps, "seed": seed, "precision": precision, "device": device}
        plan |= {"devices": devices}
        plan |= {"channels_last": True} if channels_last else {}
        run = RunState(modules, optimizers, plan)
        kept = None if checkpoint is None else path(checkpoint)
        if kept is not None and kept.exists():
            run.load(kept)
        groups = _groups(optimizers)  # loading makes new ones
        before = run.seconds  # of earlier sittings
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()

        def finished() -> bool:
            run.seconds = before + time.perf_counter() - started
            return run.step == steps or fabric.broadcast(run.seconds >= limit)

        done = finished()
        pending = range(run.step * devices + fabric.global_rank, steps * devices, devices)
        total = steps if math.isinf(limit) else None  # else nobody knows
        bar = tqdm(total=total, initial=run.step, disable=not progress)
        for batch in stream(batches, () if done else pending, prefetch=prefetch):
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * factor(run.step, steps)
            at = Progress(run.step, steps, seed, run.step * devices + fabric.global_rank)
            run.step += 1
            batch = fabric.to_device(batch)
            if channels_last:
                batch = batch | {"image": with_channels_last(batch["image"])}
            for module in update.modules.values():
                module.train()
            try:
                terms = update.step(batch, at, fabric)
            except (ValueError, FloatingPointError) as error:
                kind = FloatingPointError if isinstance(error, FloatingPointError) else ValueError
                raise kind(f"training step {run.step}: {error}") from error
            done, score = finished(), None
            if validate is not None and (done or run.step % validate_every == 0):
                for module in update.modules.values():
                    module.eval()
                with torch.no_grad():
                    score = float(fabric.broadcast(validate()))
                run.keep_best(score)
                done = finished()  # validation takes time too
            found = dict(zip(terms, torch.stack([*terms.values()]).tolist(), strict=True))
            row = {"step": run.step, **found, "lr": groups[0]["lr"], "validation": score}
            run.history.append(row)
            due = fabric.is_global_zero and (done or run.step % checkpoint_every == 0)
            if kept is not None and due:
                run.save(kept)
            bar.set_postfix(**found, refresh=False)
            bar.update()
            if done:
                break
        bar.close()
        return run.finish()


@contextmanager
def _lent(
    update: Update, fabric: Fabric, channels_last: bool
) -> Iterator[tuple[dict[str, nn.Module], dict[str, Optimizer]]]:
    """Put Fabric's wrappers into the update for the time of a run; the bare ones come back."""
    modules, optimizers = dict(update.modules), dict(update.optimizers)
    try:
        for name, module in modules.items():
            if channels_last:
                lay_channels_last(module)
            module.to(fabric.device)
            trained = any(p.requires_grad for p in module.parameters())
            # Losses compute in float32, and processes need not agree on what nobody trains.
            if has_weights(module) and (trained or fabric.world_size == 1):
                update.modules[name] = fabric.setup_module(module)
        for name, optimizer in optimizers.items():
            wrapped: Any = fabric.setup_optimizers(optimizer)
            update.optimizers[name] = wrapped
        yield modules, optimizers
    finally:
        update.modules.update(modules)
        update.optimizers.update(optimizers)


def _groups(optimizers: dict[str, Optimizer]) -> list[dict[str, Any]]:
    return [group for optimizer in optimizers.values() for group in optimizer.param_groups]
