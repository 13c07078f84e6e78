"""Damage does what its record says, and never touches the input."""

import numpy as np
import pytest
from scipy import ndimage

from tubekit.phantoms import (
    cut_gaps,
    drop_branches,
    fundus_phantom,
    shift,
    thin,
    vascular_phantom,
)


@pytest.fixture(scope="module", params=["2-D", "3-D"])
def phantom(request):
    if request.param == "2-D":
        return fundus_phantom(192, 0, classes=3)
    return vascular_phantom((48, 64, 64), 0, classes=3)


def pieces(label: np.ndarray) -> int:
    return ndimage.label(label > 0, np.ones((3,) * label.ndim))[1]


def check(before: np.ndarray, damage) -> None:
    np.testing.assert_array_equal(damage.removed, (before > 0) & (damage.label == 0))
    np.testing.assert_array_equal(damage.added, (before == 0) & (damage.label > 0))
    assert damage.label.dtype == before.dtype


def test_dropped_branches_are_gone_and_the_rest_is_whole(phantom, rng):
    before = phantom.case.label.copy()
    damage = drop_branches(phantom, 0.25, rng)
    check(before, damage)
    np.testing.assert_array_equal(phantom.case.label, before)
    dropped = damage.record["branches"]
    assert len(dropped) == round(0.25 * len(phantom.tree.branches))
    assert pieces(damage.label) == 1
    assert not damage.added.any()
    for i in dropped:  # the free end of each dropped branch is background now
        end = np.rint(phantom.tree.branches[i].points_mm[-1]).astype(int)
        assert damage.label[tuple(end)] == 0
    kept = ~np.isin(phantom.branch, [0, *(i + 1 for i in dropped)])
    np.testing.assert_array_equal(damage.label[kept], before[kept])
    assert not drop_branches(phantom, 0.0, rng).removed.any()


def test_each_gap_adds_one_piece(phantom, rng):
    before = phantom.case.label.copy()
    damage = cut_gaps(before, phantom.centerline, n=4, length=3.0, rng=rng)
    check(before, damage)
    assert pieces(damage.label) == pieces(before) + 4
    assert pieces(damage.removed.astype(int)) == 4
    assert not damage.added.any()
    for place in damage.record["places"]:
        assert damage.removed[tuple(place)]
    lost = (phantom.centerline & damage.removed).sum()
    assert 4 * 2 <= lost <= 4 * 4  # 3 mm of centre line each, give or take a voxel


def test_gaps_are_as_long_as_asked():
    label = np.zeros((15, 60), dtype=np.int32)
    label[5:10, 4:56] = 2
    line = np.zeros_like(label, dtype=bool)
    line[7, 6:54] = True
    damage = cut_gaps(label, line, n=1, length=6.0, rng=np.random.default_rng(0))
    assert damage.removed.any(axis=0).sum() == 7  # both end planes included
    assert damage.removed.sum() == 7 * 5


def test_gaps_without_centre_line_and_never_on_a_loop(phantom, rng):
    damage = cut_gaps(phantom.case.label, n=2, length=3.0, rng=rng)
    assert pieces(damage.label) == pieces(phantom.case.label) + 2
    y, x = np.mgrid[:40, :40] - 20
    ring = (np.abs(np.hypot(y, x) - 12) < 2).astype(np.int32)
    with pytest.raises(ValueError, match="room for 1 gaps"):
        cut_gaps(ring, n=1, length=4.0, rng=rng)


def test_shift_moves_without_wrapping():
    label = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(
        shift(label, (1, -2)).label, [[0, 0, 0, 0], [2, 3, 0, 0], [6, 7, 0, 0]]
    )
    check(label, shift(label, (1, -2)))
    for voxels in ((1,), (3, 0)):
        with pytest.raises(ValueError, match="one whole number per axis"):
            shift(label, voxels)


def test_thinning_peels_and_can_keep_the_centre_line(phantom):
    before = phantom.case.label
    hard, soft = thin(before, 1.0), thin(before, 1.0, keep=phantom.centerline)
    for damage in (hard, soft):
        check(before, damage)
        assert 0 < (damage.label > 0).sum() < (before > 0).sum()
    assert pieces(hard.label) > 1  # fine vessels break
    assert pieces(soft.label) == 1
    depth = ndimage.distance_transform_edt(before > 0)
    np.testing.assert_array_equal(hard.label > 0, depth > 1.0)


def test_bad_wishes_are_refused(phantom, rng):
    with pytest.raises(ValueError, match="fraction must lie"):
        drop_branches(phantom, 1.0, rng)
    with pytest.raises(ValueError, match="room for 9999 gaps"):
        cut_gaps(phantom.case.label, phantom.centerline, n=9999, length=3.0, rng=rng)
    with pytest.raises(ValueError, match="equal shapes"):
        cut_gaps(phantom.case.label, phantom.centerline[1:], n=1, length=3.0, rng=rng)
