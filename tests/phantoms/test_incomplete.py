"""Incomplete labels: nested, connected, trunks whole."""

import numpy as np
import pytest
from scipy import ndimage

from tubekit.geometry import skeleton_graph, skeletonize
from tubekit.phantoms import (
    canal_phantom,
    fundus_phantom,
    incomplete_label,
    vascular_phantom,
)
from tubekit.phantoms.mask_branches import branches_of_mask

FRACTIONS = (0.0, 0.1, 0.25, 0.5)


def pieces(mask: np.ndarray) -> int:
    return ndimage.label(mask, np.ones((3,) * mask.ndim))[1]


def comb(teeth: int = 6) -> np.ndarray:
    """A thick bar along x with thin teeth along y, and a speck."""
    mask = np.zeros((9, 40, 12 * teeth + 16), np.uint8)
    mask[1:8, 2:9, 2:-2] = 1
    for i in range(teeth):
        mask[3:6, 9:36, 12 * i + 12 : 12 * i + 15] = 1
    mask[4, 38, 2] = 1
    return mask


SOURCES = {
    "phantom": lambda: vascular_phantom((48, 64, 64), 0),
    "phantom-loops": lambda: vascular_phantom((48, 64, 64), 1, loops=1, classes=3),
    "photograph": lambda: fundus_phantom(192, 2),
    "mask": lambda: vascular_phantom((48, 64, 64), 0).case.label > 0,
    "mask-2-D": lambda: (fundus_phantom(192, 2).case.label > 0).astype(np.uint8),
    "comb": comb,
}


@pytest.mark.parametrize("name", SOURCES)
def test_nested_connected_and_counted(name):
    source = SOURCES[name]()
    before = source if isinstance(source, np.ndarray) else source.case.label
    kept = before.copy()
    last = np.zeros(before.shape, bool)
    for fraction in FRACTIONS:
        result = incomplete_label(source, fraction, 5)
        record, gone = result.record, result.removed > 0
        assert result.label.dtype == before.dtype
        np.testing.assert_array_equal(gone, (before > 0) & (result.label == 0))
        np.testing.assert_array_equal(result.label[~gone], before[~gone])
        assert not (last & ~gone).any()  # nested
        last = gone
        assert len(record["branches"]) == round(fraction * record["of"])
        assert set(np.unique(result.removed)) <= {0, *record["branches"]}
        assert record["share_of_voxels"] == pytest.approx(gone.sum() / (before > 0).sum())
        assert pieces(result.label > 0) == pieces(before > 0)
        again = incomplete_label(source, fraction, 5)
        np.testing.assert_array_equal(again.removed, result.removed)
    assert record["share_of_length"] > 0.2
    assert (incomplete_label(source, 0.5, 6).removed > 0).any()
    assert not np.array_equal(incomplete_label(source, 0.5, 6).removed, result.removed)
    np.testing.assert_array_equal(before, kept)


def test_junctions_stay_whole_whatever_is_taken_from_them():
    mask = fundus_phantom(192, 2).case.label > 0
    for seed in range(4):
        assert pieces(incomplete_label(mask, 0.25, seed).label) == 1


def test_teeth_of_a_comb_go_whole_and_leave_no_notch():
    mask = comb()
    known = branches_of_mask(mask)
    teeth = [i + 1 for i, nodes in enumerate(known.nodes) if not known.trunk[i]]
    result = incomplete_label(mask, 0.5, 1)
    bar = np.zeros_like(mask)
    bar[1:8, 2:9, 2:-2] = 1
    assert set(result.record["branches"]) <= set(teeth)
    assert result.label[4, 38, 2]  # a speck is no branch
    # Removed teeth leave no stump, kept ones are whole, and the bar keeps its wall.
    teeth_gone = 0
    for i in range(6):
        tooth = np.s_[3:6, 9:36, 12 * i + 12 : 12 * i + 15]
        left = result.label[tooth].mean()
        assert left < 0.1 or left > 0.99
        teeth_gone += left < 0.1
    assert teeth_gone >= 2
    z, y = np.ogrid[:9, :40]
    rod = np.zeros_like(bar)
    rod[np.hypot(z - 4, y - 5) < 3, 14:-14] = 1  # the bar's own ends are branches too
    assert result.label[rod > 0].all()


def test_spurs_are_no_branches():
    mask = np.zeros((30, 90), bool)
    mask[8:19, 3:87] = True
    mask[19:22, 40:43] = mask[5:8, 60:61] = True  # bumps on the wall
    assert len(skeleton_graph(skeletonize(mask)).branches) == 5
    assert len(branches_of_mask(mask).nodes) == 1
    with pytest.raises(ValueError, match="at most 0 of 1"):
        incomplete_label(mask, 0.9, 0)


def test_lengths_follow_the_spacing():
    mask = comb()
    one = branches_of_mask(mask, (1.0, 1.0, 1.0))
    two = branches_of_mask(mask, (2.0, 2.0, 2.0))
    assert two.length_mm == pytest.approx([2 * n for n in one.length_mm])
    np.testing.assert_array_equal(one.owner, two.owner)
    flipped = incomplete_label(mask[:, :, ::-1].copy(), 0.0, 0).record["of"]
    assert flipped == len(one.nodes)


def test_trunks_of_a_phantom_stay():
    phantom = vascular_phantom((48, 64, 64), 0)
    n = len(phantom.tree.branches)
    result = incomplete_label(phantom, (n - 1) / n, 0)
    assert 1 not in result.record["branches"]
    root = phantom.tree.branches[0]
    assert result.label[tuple(np.rint(root.points_mm[0]).astype(int))]
    dropped: set[int] = set()
    for number in result.record["branches"]:  # children before their parents
        dropped.add(number - 1)
        assert set(phantom.tree.children(number - 1)) <= dropped
    assert incomplete_label(canal_phantom((40, 64, 64)), 0.5, 0).record["branches"]


def test_empty_masks_and_bad_wishes():
    empty = np.zeros((8, 9, 10), bool)
    result = incomplete_label(empty, 0.5, 0)
    assert not result.label.any()
    assert result.record["of"] == 0
    for source, fraction, message in (
        (empty, 1.0, "fraction must lie"),
        (empty, -0.1, "fraction must lie"),
        (np.full((4, 4), 2), 0.1, "binary"),
        (np.zeros(5), 0.1, "axes"),
    ):
        with pytest.raises(ValueError, match=message):
            incomplete_label(source, fraction, 0)
