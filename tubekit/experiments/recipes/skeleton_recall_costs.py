"""Fig. 6 and 7 of Skeleton Recall: what each loss adds to a training step."""

import dataclasses
from typing import Any

import numpy as np
import torch

from tubekit.experiments.cost import measure_step
from tubekit.experiments.recipe import Profile
from tubekit.experiments.recipes.skeleton_recall import loss
from tubekit.networks import UNet
from tubekit.phantoms import phantom_cases

METHODS = ("ce_dice", "cldice", "topo_cldice", "srl")
CLASSES = (1, 2, 4, 8, 13)
# Patch of 2-D and 3-D, features, largest number of foreground classes for the topological skeleton
# (its memory grows with classes times voxels times iterations).
SIZES: dict[Profile, tuple[tuple[int, int], tuple[int, int, int], tuple[int, ...], int]] = {
    "smoke": ((128, 128), (24, 32, 32), (8, 16, 32), 1),
    "laptop": ((192, 192), (32, 48, 48), (16, 32, 64), 1),
    "full": ((512, 512), (96, 96, 96), (32, 64, 128, 256), 1),
}
# A phantom cannot be drawn smaller; smaller patches are cut from its middle.
SMALLEST = {2: (256, 256), 3: (64, 96, 96)}


def fig_6(profile: Profile, device: str, *, repeats: int = 5) -> list[dict[str, Any]]:
    """Time and memory per loss, binary, 2-D and 3-D."""
    flat, solid, _, _ = SIZES[profile]
    return [
        _row(method, 1, patch, profile, device, repeats)
        for patch in (flat, solid)
        for method in METHODS
    ]


def fig_7(profile: Profile, device: str, *, repeats: int = 3) -> list[dict[str, Any]]:
    """Time and memory per loss against the number of foreground classes, 3-D."""
    _, solid, _, most = SIZES[profile]
    return [
        _row(method, classes, solid, profile, device, repeats)
        for classes in CLASSES
        for method in METHODS
        if method != "topo_cldice" or classes <= most
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
    features = SIZES[profile][2]
    name = "fundus" if len(patch) == 2 else "cow"
    case = phantom_cases(name, 1, 0, size=np.maximum(patch, SMALLEST[len(patch)]).tolist())[0]
    box = tuple(
        slice((n - p) // 2, (n - p) // 2 + p)
        for n, p in zip(case.image.shape[1:], patch, strict=True)
    )
    label = torch.from_numpy(case.label[box].astype("int64"))  # type: ignore[index]
    # Fold the 13 arteries into fewer classes, so that every class stays present.
    target = torch.where(label > 0, (label - 1) % classes + 1, 0)[None, None].to(device)
    image = torch.from_numpy(case.image[(slice(None), *box)])[None].to(device)
    torch.manual_seed(0)
    channels = 1 if classes == 1 else classes + 1
    network = UNet(len(patch), image.shape[1], channels, features=features).to(device)
    measured = measure_step(network, loss(method).build(), image, target, repeats=repeats)
    return {
        "method": method,
        "classes": classes,
        "patch": list(patch),
        **dataclasses.asdict(measured),
    }
