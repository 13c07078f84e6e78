"""A bug on either side of a comparison, and the comparison fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tubekit import geometry, losses, metrics, networks, training
from tubekit.plain import losses as plain_losses
from tubekit.plain import overlap, skeleton, soft_skeleton, surface, topology, unet, vesselness
from tubekit.plain import training as plain_training

from . import test_geometry, test_losses, test_metrics, test_training

SHAPE = (2, 3, 8, 9)
TWINS: list[tuple[Any, Any, str, Callable[[], None]]] = [
    (topology, geometry, "betti_numbers", test_geometry.test_betti_numbers),
    (topology, geometry, "euler_number", test_geometry.test_euler_number),
    (skeleton, geometry, "tubed_skeleton", test_geometry.test_tubed_skeleton),
    (surface, geometry, "surface", test_geometry.test_surface),
    (skeleton, metrics, "cldice", test_metrics.test_cldice),
    (soft_skeleton, geometry, "soft_skeleton", lambda: test_losses.test_soft_skeleton(SHAPE)),
    (plain_losses, losses, "tversky_index", lambda: test_losses.test_tversky(SHAPE)),
    (plain_losses, losses, "cross_entropy", lambda: test_losses.test_cross_entropy((6, 7))),
    (plain_training, training, "poly", test_training.test_poly),
]
TWINS += [
    (vesselness, geometry, name, lambda name=name: test_geometry.test_vesselness(name))
    for name in ("frangi", "jerman")
]
TWINS += [
    (overlap, metrics, name, lambda name=name: test_metrics.test_overlap(name))
    for name in ("dice", "precision", "recall")
]
TWINS += [
    (surface, metrics, name, lambda name=name: test_metrics.test_distances(name))
    for name in ("hausdorff", "hd95", "assd")
]
TWINS += [
    (plain_losses, losses, name, lambda name=name: test_losses.test_ratios(name, SHAPE, False))
    for name in ("soft_dice", "soft_recall")
]


def bent(value: Any) -> Any:
    """A little off: 1 % of a number, one voxel more of an array."""
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        value = value.copy()
        value.flat[0] = not value.flat[0]
        return value
    if isinstance(value, int):
        return value + 1
    return value * 1.01


@pytest.mark.parametrize("side", [0, 1], ids=["plain", "library"])
@pytest.mark.parametrize("twins", TWINS, ids=lambda twins: twins[2])
def test_a_bug_on_either_side_is_seen(
    twins: tuple[Any, Any, str, Callable[[], None]], side: int, monkeypatch: pytest.MonkeyPatch
):
    *owners, name, check = twins
    right = getattr(owners[side], name)
    monkeypatch.setattr(owners[side], name, lambda *a, **k: bent(right(*a, **k)))
    with pytest.raises(AssertionError):
        check()


@pytest.mark.parametrize("owner", [networks, unet])
def test_a_bug_in_either_network_is_seen(owner: Any, monkeypatch: pytest.MonkeyPatch):
    right = owner.UNet.forward
    monkeypatch.setattr(owner.UNet, "forward", lambda self, x: bent(right(self, x)))
    with pytest.raises(AssertionError):
        test_training.test_unet()
    with pytest.raises(AssertionError):
        test_training.test_the_loop()
