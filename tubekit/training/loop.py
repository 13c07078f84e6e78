"""The training loop: every step in the open, precision and devices by Lightning Fabric."""

import math
import time
from collections.abc import Callable, Iterable

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.optim import Optimizer
from tqdm import tqdm

from tubekit._accept import PathLike, numbers, path, taking
from tubekit.training.batches import Batch, loss_of, stream
from tubekit.training.mixing import MIX_MAPS, mix_maps
from tubekit.training.optimizers import nnunet_sgd
from tubekit.training.precision import precision_plugin, resolve_device, resolve_precision
from tubekit.training.processors import (
    lay_channels_last,
    share_of_processors,
    with_channels_last,
)
from tubekit.training.schedule import poly
from tubekit.training.seeding import deterministic
from tubekit.training.state import FitResult, RunState
from tubekit.types import Spec


@taking(
    steps=numbers,
    devices=numbers,
    checkpoint_every=numbers,
    validate_every=numbers,
    seed=numbers,
)
def fit(
    network: nn.Module,
    loss: nn.Module,
    batches: Callable[[int], Batch],
    *,
    steps: int,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | Spec = nnunet_sgd,
    schedule: Callable[[int, int], float] | Spec = poly,
    max_seconds: float | None = None,
    precision: str = "32-true",
    device: str = "cpu",
    devices: int = 1,
    grad_clip: float = 12.0,
    checkpoint: PathLike | None = None,
    checkpoint_every: int = 250,
    validate: Callable[[nn.Module], float] | None = None,
    validate_every: int = 250,
    seed: int = 0,
    prefetch: bool = True,
    channels_last: bool = False,
    progress: bool = False,
) -> FitResult:
    """Train ``network`` in place, bounded in steps and in seconds.

    It ends in eval mode with the weights of the best validation, or the last ones without
    ``validate``. If ``checkpoint`` exists the run continues there; on a CPU it then gives the
    same bits as a run that was never interrupted.

    Args:
        network: returns logits, a SegOutput, or a tuple or list of logits with the finest first.
        loss: called as ``loss(output, target, **maps)``; its ``needs`` name the maps. Maps of
            ``mix_maps`` are made here, by a second pass of the network; all others are the
            batch's.
        batches: index to batch, a pure function; one index per step and device.
        steps: optimiser steps of the whole training.
        optimizer: parameters to optimiser, e.g. ``Spec(adamw, lr=1e-3)``.
        schedule: (step, steps) to the factor on the learning rate.
        max_seconds: no step starts later than this, earlier sittings included; None is no limit.
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"auto"``, see ``resolve_precision``.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        devices: processes or GPUs; more than one needs a script, not a notebook.
        grad_clip: largest norm of the whole gradient; ``math.inf`` does not clip.
        checkpoint: file to continue from and to write.
        checkpoint_every: steps between two writes; the last step always writes.
        validate: the network in eval mode, without gradients, to a score; higher is better, NaN
            never best. Not for test cases.
        validate_every: steps between two validations; the last step always validates.
        seed: of what is random in here, e.g. dropout; initial weights are the caller's.
        prefetch: make the next batch in a thread while a step runs.
        channels_last: lay volumes and kernels with their channels last in memory. Faster on some
            processors and slower on others, so measure it; results differ in their last bits.
            Images in 2-D stay as they are.
        progress: show a bar.
    Raises:
        ValueError: an argument out of range, a checkpoint that is damaged or of another run, or
            the loss refuses its input (NaN, shapes, labels); then the message names the step.
        FloatingPointError: loss or gradient is not finite, in the step that the message names.
        OSError: the checkpoint cannot be written.

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss
        >>> from tubekit.networks import UNet
        >>> from tubekit.training import fit
        >>> image = torch.linspace(-1, 1, 256).view(1, 1, 16, 16)
        >>> batch = {"image": image, "target": (image > 0).long()}
        >>> network = UNet(2, 1, 2, features=(4, 8))
        >>> result = fit(network, CrossEntropyLoss(), lambda index: batch, steps=2)
        >>> result.steps_done, result.stopped_by
        (2, 'steps')
    """
    started = time.perf_counter()
    limit = math.inf if max_seconds is None else max_seconds
    bounds = (steps, limit, devices, grad_clip, checkpoint_every, validate_every)
    if not all(bound > 0 for bound in bounds):
        raise ValueError(
            "steps, max_seconds, devices, grad_clip, checkpoint_every and validate_every must be "
            f"positive, got {bounds}; raise what is not"
        )
    device = resolve_device(device)
    precision = resolve_precision(precision, device)
    make_optimizer = optimizer.build if isinstance(optimizer, Spec) else optimizer
    factor = schedule.build if isinstance(schedule, Spec) else schedule
    plugin = precision_plugin(precision, device)
    # A loss need not read every head of a network under deep supervision.
    strategy = "auto" if devices == 1 else "ddp_find_unused_parameters_true"
    fabric = Fabric(accelerator=device, devices=devices, strategy=strategy, plugins=plugin)
    fabric.launch()

    with share_of_processors(device), deterministic(seed):
        if channels_last:
            lay_channels_last(network)
        bare = make_optimizer(network.to(fabric.device).parameters())
        loss = loss.to(fabric.device)
        rates = [group["lr"] for group in bare.param_groups]
        plan = {"steps": steps, "seed": seed, "precision": precision, "device": device}
        plan |= {"devices": devices}
        plan |= {"channels_last": True} if channels_last else {}
        run = RunState(network, loss, bare, plan)
        kept = None if checkpoint is None else path(checkpoint)
        if kept is not None and kept.exists():
            run.load(kept)
        before = run.seconds  # of earlier sittings
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        model, wrapped = fabric.setup(network, bare)

        def finished() -> bool:
            run.seconds = before + time.perf_counter() - started
            return run.step == steps or fabric.broadcast(run.seconds >= limit)

        done = finished()
        mixes = not set(MIX_MAPS).isdisjoint(getattr(loss, "needs", ()))
        pending = range(run.step * devices + fabric.global_rank, steps * devices, devices)
        total = steps if math.isinf(limit) else None  # else nobody knows
        bar = tqdm(total=total, initial=run.step, disable=not progress)
        for batch in stream(batches, () if done else pending, prefetch=prefetch):
            for group, rate in zip(bare.param_groups, rates, strict=True):
                group["lr"] = rate * factor(run.step, steps)
            index = run.step * devices + fabric.global_rank
            run.step += 1
            batch = fabric.to_device(batch)
            if channels_last:
                batch = batch | {"image": with_channels_last(batch["image"])}
            model.train()
            try:
                output = model(batch["image"])
                if mixes:
                    batch = batch | mix_maps(model, batch["image"], seed, index)
                value = loss_of(loss, output, batch)
            except ValueError as error:
                raise ValueError(f"training step {run.step}: {error}") from error
            fabric.backward(value)
            norm = fabric.clip_gradients(model, wrapped, None, grad_clip, error_if_nonfinite=False)
            if not (value.isfinite() and torch.as_tensor(norm).isfinite()):
                raise FloatingPointError(
                    f"training step {run.step}: loss and gradient must be finite, got loss "
                    f"{value.item()} and gradient norm {norm}; lower the learning rate or look "
                    f"at the batch with index {run.step - 1}"
                )
            wrapped.step()
            wrapped.zero_grad()
            done, score = finished(), None
            if validate is not None and (done or run.step % validate_every == 0):
                model.eval()
                with torch.no_grad():
                    score = float(fabric.broadcast(validate(network)))
                run.keep_best(score)
                done = finished()  # validation takes time too
            row = {"step": run.step, "loss": value.item(), "lr": bare.param_groups[0]["lr"]}
            run.history.append(row | {"validation": score})
            due = fabric.is_global_zero and (done or run.step % checkpoint_every == 0)
            if kept is not None and due:
                run.save(kept)
            bar.set_postfix(loss=row["loss"], refresh=False)
            bar.update()
            if done:
                break
        bar.close()
        return run.finish()
