"""Time and memory of one training step, loss by loss (Fig. 6 and 7 of Skeleton Recall)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit.benchmarks.measure import MEGABYTE, peak_memory, seconds
from tubekit.benchmarks.soft_cldice import authors_soft_cldice
from tubekit.chapters.skeleton_recall.recipes import loss
from tubekit.data import target_map
from tubekit.experiments.recipe import Profile
from tubekit.losses import DiceCELoss, SegmentationLoss, WeightedSum
from tubekit.networks import UNet
from tubekit.phantoms import phantom_cases
from tubekit.types import SegOutput

METHODS = ("ce_dice", "srl", "cldice", "cldice_authors", "topo_cldice")
CLASSES = (1, 2, 4, 8, 14)
# Patch of 2-D and 3-D, features of the network.
SIZES: dict[Profile, tuple[tuple[int, int], tuple[int, int, int], tuple[int, ...]]] = {
    "smoke": ((128, 128), (24, 32, 32), (8, 16, 32)),
    "laptop": ((256, 256), (48, 64, 64), (16, 32, 64)),
    "full": ((512, 512), (96, 96, 96), (32, 64, 128, 256)),
}
# A phantom cannot be drawn smaller; smaller patches are cut from its middle.
SMALLEST = {2: (256, 256), 3: (64, 96, 96)}


class AuthorsClDiceLoss(SegmentationLoss):
    """Soft clDice as its authors compute it, every step of the skeleton kept for backward."""

    def from_probs(
        self, probs: Float[Tensor, "b k *s"], masks: Float[Tensor, "b k *s"], **maps: Tensor
    ) -> Float[Tensor, ""]:
        return authors_soft_cldice(probs, masks, iterations=10)


@dataclasses.dataclass(frozen=True)
class StepCost:
    """The fastest of the repeats, and memory.

    Attributes:
        loader_seconds: making the target maps the loss needs, on the CPU, for one batch.
        step_seconds: forward, loss, backward; without the loader.
        saved_mb: bytes that autograd keeps for the backward pass, network and loss together:
            the same on every device.
        peak_mb: by how much memory grew at most during the step: resident memory of the process
            on the CPU, the allocator's peak on a graphics card.
    """

    loader_seconds: float
    step_seconds: float
    saved_mb: float
    peak_mb: float


def measure_step(
    network: nn.Module, loss: SegmentationLoss, image: Tensor, target: Tensor, *, repeats: int = 5
) -> StepCost:
    """Cost of one step on the device of ``image`` (b c *s) with labels ``target`` (b 1 *s)."""
    maps = _maps(loss, target)  # also compiles what makes them
    loader = seconds(lambda: _maps(loss, target))

    def step() -> None:
        network.zero_grad(set_to_none=True)
        _forward(network, loss, image, target, maps).backward()
        if image.is_cuda:
            torch.cuda.synchronize()

    step()  # compiles and warms up
    network.zero_grad(set_to_none=True)
    saved = _count_saved(network, loss, image, target, maps)
    # The smallest of three: what else the process happens to hold only adds.
    peak = min(_peak(network, step, image.is_cuda) for _ in range(3))
    # The fastest: a busy machine only adds.
    return StepCost(loader, min(seconds(step) for _ in range(repeats)), saved / MEGABYTE, peak)


def _peak(network: nn.Module, step: Callable[[], None], cuda: bool) -> float:
    """Megabytes by which memory grew at most during one step."""
    network.zero_grad(set_to_none=True)
    if not cuda:
        return peak_memory(step)[1]
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() / MEGABYTE


def fig_6(profile: Profile, device: str, *, repeats: int = 9) -> list[dict[str, Any]]:
    """Time and memory per loss, binary, 2-D and 3-D."""
    flat, solid, _ = SIZES[profile]
    return [
        _row(method, 1, patch, profile, device, repeats)
        for patch in (flat, solid)
        for method in METHODS
    ]


def fig_7(profile: Profile, device: str, *, repeats: int = 5) -> list[dict[str, Any]]:
    """Time and memory per loss against the number of foreground classes, 3-D."""
    solid = SIZES[profile][1]
    return [
        _row(method, classes, solid, profile, device, repeats)
        for classes in CLASSES
        for method in METHODS
    ]


def _row(
    method: str,
    classes: int,
    patch: tuple[int, ...],
    profile: Profile,
    device: str,
    repeats: int,
) -> dict[str, Any]:
    """One measurement: the same network, image and label for every loss."""
    image, label = _patch(patch)
    # Vessels in slices along the last axis, one class a slice: every class is there.
    slices = torch.arange(patch[-1]) * classes // patch[-1] + 1
    target = torch.where(label > 0, slices, 0)[None, None].to(device)
    torch.manual_seed(0)
    channels = 1 if classes == 1 else classes + 1
    network = UNet(len(patch), image.shape[0], channels, features=SIZES[profile][2]).to(device)
    chosen: SegmentationLoss = (
        WeightedSum([DiceCELoss(), AuthorsClDiceLoss()], [1.0, 1.0])
        if method == "cldice_authors"
        else loss(method).build()
    )
    measured = measure_step(network, chosen, image[None].to(device), target, repeats=repeats)
    return {
        "method": method,
        "classes": classes,
        "patch": list(patch),
        **dataclasses.asdict(measured),
    }


def _patch(patch: tuple[int, ...]) -> tuple[Float[Tensor, "c *s"], Tensor]:
    """Image and label from the middle of a phantom."""
    name = "fundus" if len(patch) == 2 else "cow"
    case = phantom_cases(name, 1, 0, size=np.maximum(patch, SMALLEST[len(patch)]).tolist())[0]
    box = tuple(
        slice((n - p) // 2, (n - p) // 2 + p)
        for n, p in zip(case.image.shape[1:], patch, strict=True)
    )
    label = case.label[box].astype("int64")  # type: ignore[index]
    return torch.from_numpy(case.image[(slice(None), *box)]), torch.from_numpy(label)


def _forward(
    network: nn.Module,
    loss: SegmentationLoss,
    image: Tensor,
    target: Tensor,
    maps: dict[str, Tensor],
) -> Tensor:
    output = network(image)
    return loss(output.logits if isinstance(output, SegOutput) else output, target, **maps)


def _maps(loss: SegmentationLoss, target: Tensor) -> dict[str, Tensor]:
    labels = target[:, 0].cpu().numpy()
    made = {
        name: np.stack([target_map(name, y, (1.0,) * y.ndim) for y in labels])
        for name in loss.needs
    }
    return {k: torch.from_numpy(v)[:, None].to(target) for k, v in made.items()}


def _count_saved(
    network: nn.Module,
    loss: SegmentationLoss,
    image: Tensor,
    target: Tensor,
    maps: dict[str, Tensor],
) -> int:
    seen: dict[int, int] = {}
    kept: list[Tensor] = []  # keeps storages alive, so that no address is counted twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen.setdefault(storage.data_ptr(), storage.nbytes())
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        value = _forward(network, loss, image, target, maps)
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    value.backward()
    return sum(size for address, size in seen.items() if address not in weights)
