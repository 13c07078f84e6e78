"""Betti errors against known answers and recorded cubical homology."""

import numpy as np
import pytest

from tubekit import metrics

CASES = ("tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d")


def ring(gap: bool = False) -> np.ndarray:
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    mask[2:5, 2:5] = False
    if gap:
        mask[3, 1] = False
    return mask


def test_betti_errors_by_hand():
    broken = ring(gap=True)
    assert metrics.betti_errors(broken, ring()) == ((0, 1), 0)
    broken[3, 5] = False  # two halves
    assert metrics.betti_errors(broken, ring()) == ((1, 1), 1)
    assert metrics.betti_errors(ring(), broken) == ((1, 1), -1)
    assert metrics.betti_difference_0(broken, ring()) == 1
    assert metrics.betti_difference_0(ring(), broken) == -1


def test_connectivity_is_the_foreground_s():
    diagonal = np.eye(4, dtype=bool)
    filled = np.ones((4, 4), bool)
    assert metrics.betti_errors(diagonal, filled).errors == (0, 0)
    assert metrics.betti_errors(diagonal, filled, connectivity="face").errors == (3, 0)
    with pytest.raises(ValueError, match="connectivity must be one of 'full', 'face'"):
        metrics.betti_errors(diagonal, filled, connectivity="4")


def test_cavities_in_3d():
    solid = np.zeros((7, 7, 7), bool)
    solid[1:6, 1:6, 1:6] = True
    hollow = solid.copy()
    hollow[3, 3, 3] = False
    assert metrics.betti_errors(hollow, solid).errors == (0, 0, 1)
    assert metrics.betti_error_2(hollow, solid) == 1
    assert np.isnan(metrics.betti_error_2(solid[3], solid[3]))


@pytest.mark.parametrize("connectivity", ["full", "face"])
@pytest.mark.parametrize("name", CASES)
def test_references(oracle, name: str, connectivity: str):
    inputs, reference = oracle("inputs"), oracle("betti")
    pair = inputs[f"{name}__pred"], inputs[name]
    found = metrics.betti_errors(*pair, connectivity=connectivity)
    assert found.errors == tuple(reference[f"{name}__betti_error_{connectivity}"])
    signed = (
        reference[f"{name}__pred__betti_{connectivity}"]
        - reference[f"{name}__betti_{connectivity}"]
    )
    assert found.signed_0 == signed[0]
    if connectivity == "full":
        by_name = (metrics.betti_error_0, metrics.betti_error_1, metrics.betti_error_2)
        assert tuple(f(*pair) for f in by_name[: len(found.errors)]) == found.errors


@pytest.mark.parametrize("name", CASES)
def test_references_on_tiles(oracle, name: str):
    """Older work averages over tiles, a different scale."""
    inputs, reference = oracle("inputs"), oracle("betti")
    pred, target = inputs[f"{name}__pred"], inputs[name]
    size = (32, 32) if target.ndim == 2 else (16, 20, 24)
    found = metrics.betti_errors(pred, target, tile=size)
    expected = reference[f"{name}__betti_error_full_tiles"]
    np.testing.assert_allclose(found.errors, expected, rtol=1e-6)
    signed = [
        metrics.betti_difference_0(pred[tile], target[tile])
        for index in np.ndindex(*[n // s for n, s in zip(target.shape, size, strict=True)])
        for tile in [tuple(slice(i * s, (i + 1) * s) for i, s in zip(index, size, strict=True))]
    ]
    assert found.signed_0 == pytest.approx(np.mean(signed))


def test_tiles_by_hand():
    """Three tiles of 7 x 7, the last cut to 7 x 3: errors (0, 1), (1, 0) and (1, 0)."""
    pred, target = np.zeros((7, 17), bool), np.zeros((7, 17), bool)
    target[:, :7], pred[:, :7] = ring(), ring(gap=True)
    pred[3, 10] = True  # invented
    target[3, 15] = True  # missed: over the whole image it makes up for the invented one
    assert metrics.betti_errors(pred, target).errors == (0, 1)
    found = metrics.betti_errors(pred, target, tile=(7, 7))
    assert found.errors == pytest.approx((2 / 3, 1 / 3))
    assert found.signed_0 == pytest.approx(0)
    assert metrics.betti_errors(pred, target, tile=(7, 17)) == ((0, 1), 0)
    assert metrics.betti_errors(pred, target, tile=(99, 99)) == ((0, 1), 0)
    # Each tile is an image of its own: a ring cut in two halves has no hole.
    assert metrics.betti_errors(ring(), ring(gap=True), tile=(7, 3)).errors[1] == 0
    diagonal = np.eye(4, dtype=bool)
    pair = diagonal, np.ones((4, 4), bool)
    assert metrics.betti_errors(*pair, tile=(2, 2)).errors == pytest.approx((0.5, 0))
    faces = metrics.betti_errors(*pair, connectivity="face", tile=(2, 2))
    assert faces.errors == pytest.approx((1, 0))


def test_bad_tiles_are_named():
    mask = ring()
    for tile in ((3,), (3, 3, 3), (3, 0), (3, -1)):
        with pytest.raises(ValueError, match=r"^tile (needs|must be an integer)"):
            metrics.betti_errors(mask, mask, tile=tile)
