"""The joining of components."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.geometry import shapes
from tests.geometry.test_lines import picture, plain_ends, small_masks
from tubekit.geometry import components, end_points, rasterise_line, reconnect, skeletonize


@st.composite
def scattered(draw):
    """A few straight bits and specks, most of them apart from each other."""
    shape = draw(st.sampled_from([(21, 17), (1, 30), (13, 12, 11), (12, 1, 14)]))
    skeleton = np.zeros(shape, bool)
    voxel = st.tuples(*[st.integers(0, size - 1) for size in shape])
    for start, step in draw(st.lists(st.tuples(voxel, voxel), min_size=1, max_size=7)):
        stop = np.minimum(np.add(start, np.mod(step, 5)), np.subtract(shape, 1))
        skeleton[tuple(np.rint(np.linspace(start, stop, 5)).astype(int).T)] = True
    return skeleton


limits = st.fixed_dictionaries(
    {
        "max_distance": st.sampled_from([0.0, 2.0, 5.0, 15.0, np.inf]),
        "min_voxels": st.integers(1, 4),
        "to": st.sampled_from(["end_points", "skeleton"]),
        "chains": st.booleans(),
    }
)


def plain_rounds(mask, max_distance, min_voxels, to, chains, spacing=None):
    """For each round and component: all lines that may join it, by comparing every pair."""
    labels, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    pieces = [np.argwhere(labels == n) for n in range(1, count + 1)]
    ends = [np.argwhere((labels == n) & plain_ends(mask)) for n in range(1, count + 1)]
    ends = [e if len(e) else p for e, p in zip(ends, pieces, strict=True)]
    order = sorted(range(count), key=lambda n: (-len(pieces[n]), n))
    main, waiting = order[:1], [n for n in order[1:] if len(pieces[n]) >= min_voxels]
    rounds = []
    while main and waiting:
        onto = np.concatenate([(ends if to == "end_points" else pieces)[n] for n in main])
        found = {}
        for n in waiting:
            way = (ends[n][:, None] - onto[None]) * np.array(spacing or (1,) * mask.ndim)
            distance = np.sqrt((way**2).sum(-1))
            if distance.min() <= max_distance:
                near = np.argwhere(distance <= distance.min() + 1e-9)
                found[n] = [rasterise_line(ends[n][i], onto[j]) for i, j in near]
        rounds.append(found)
        main = list(found) if chains else []
        waiting = [n for n in waiting if n not in found]
    return rounds


def drawn(lines, shape):
    mask = np.zeros(shape, bool)
    for line in lines:
        mask[tuple(line.T)] = True
    return mask


def test_a_gap_by_hand():
    mask = picture("####......", "......###.", "..........", "..........")
    expected = picture("#####.....", ".....####.", "..........", "..........")
    for image, truth in ((mask, expected), (mask[:, None], expected[:, None])):
        for view in (image, image.astype(np.uint8), np.asfortranarray(image)):
            assert np.array_equal(reconnect(view), truth)
    assert np.array_equal(reconnect(mask.T), expected.T)


def test_a_side_branch_is_joined_to_the_nearest_end_or_to_the_nearest_voxel():
    mask = picture("#########", ".........", ".........", "...#.....", "...#.....", "...#.....")
    assert reconnect(mask, to="skeleton")[1:3].tolist() == [[c == "#" for c in "...#....."]] * 2
    added = reconnect(mask) & ~mask
    assert np.array_equal(np.argwhere(added), rasterise_line((3, 3), (0, 0))[1:-1][::-1])


def test_the_limits_are_inclusive():
    mask = picture("#####", ".....", ".....", ".....", "..##.")
    far, near = np.linalg.norm([4, 2]), np.linalg.norm([4, 1])
    assert reconnect(mask, min_voxels=2, max_distance=near)[1:4].sum() == 3
    assert not reconnect(mask, min_voxels=2, max_distance=near * 0.9999)[1:4].any()
    assert not reconnect(mask, min_voxels=3, max_distance=far)[1:4].any()
    row = np.zeros((1, 40), bool)
    row[0, :5] = row[0, 19:24] = True
    assert reconnect(row)[0, :24].all()  # 15 voxels
    row[0, 19] = False
    assert np.array_equal(reconnect(row), row)


def test_distances_are_measured_in_millimetres():
    mask = picture("#######", ".......", ".......", "...#...", "...#...", "...#...")
    assert np.array_equal(reconnect(mask, to="skeleton", spacing=(6.0, 1.0)), mask)
    assert reconnect(mask, to="skeleton", spacing=(5.0, 1.0))[1:3].sum() == 2
    mask = picture("....######", "#.........", ".##.......", "...##.....")
    lower, left = reconnect(mask) & ~mask, reconnect(mask, spacing=(3.0, 1.0)) & ~mask
    assert np.argwhere(lower).tolist() == [[1, 4], [2, 4]]
    assert np.argwhere(left).tolist() == [[0, 2], [0, 3], [1, 1]]


def test_a_loop_is_joined_at_its_nearest_voxel():
    ring = picture(".###.", "#...#", "#...#", "#...#", ".###.")
    mask = np.zeros((5, 16), bool)
    mask[:, :5] = ring
    mask[2, 8:12] = True
    assert (reconnect(mask)[2, 5:8]).all()  # the ring is the main component
    mask[2, 8:] = True
    mask[:, 8] = mask[:, 15] = True
    assert reconnect(mask).sum() == mask.sum() + 3  # and now it is not


def test_a_chain_needs_chains():
    row = np.zeros((3, 40), bool)
    row[1, :9] = row[1, 12:16] = row[1, 19:24] = row[1, 30:33] = True
    assert components(reconnect(row, max_distance=5))[1] == 3
    assert np.array_equal(np.flatnonzero(reconnect(row, max_distance=5, chains=True)[1] & ~row[1]),
                          [9, 10, 11, 16, 17, 18])  # fmt: skip
    assert components(reconnect(row, max_distance=7, chains=True))[1] == 1
    row[1, 14:16] = False  # too small to be a link
    assert components(reconnect(row, max_distance=6, chains=True))[1] == 4
    assert components(reconnect(row, max_distance=6, chains=True, min_voxels=2))[1] == 2


def test_of_equally_large_components_the_first_is_the_main_one():
    row = picture("###...###...###")
    assert reconnect(row, max_distance=4)[0, 3:6].all()
    assert not reconnect(row, max_distance=4)[0, 9:12].any()


@settings(max_examples=150, deadline=None)
@given(st.one_of(scattered(), small_masks), limits)
def test_every_line_is_a_nearest_pair_and_nothing_else_is_drawn(mask, options):
    before = mask.copy()
    joined = reconnect(mask, **options)
    assert np.array_equal(mask, before)
    assert not np.shares_memory(joined, mask)
    assert joined[mask].all()
    assert components(joined)[1] <= components(mask)[1]
    found = [lines for part in plain_rounds(mask, **options) for lines in part.values()]
    for lines in found:
        assert any(joined[tuple(line.T)].all() for line in lines)
    possible = drawn(itertools.chain(*found), mask.shape)
    assert not (joined & ~mask & ~possible).any()
    if all(len(lines) == 1 for lines in found):
        assert np.array_equal(joined, mask | possible)
    if options["max_distance"] == np.inf and options["min_voxels"] == 1:
        assert components(joined)[1] == min(components(mask)[1], 1)


@settings(max_examples=60, deadline=None)
@given(scattered(), limits, st.data())
def test_other_views_of_the_same_skeleton(mask, options, data):
    rounds = plain_rounds(mask, **options)
    sizes = np.sort(np.bincount(components(mask)[0][mask]))
    assume(all(len(lines) == 1 for part in rounds for lines in part.values()))
    assume(len(sizes) < 2 or sizes[-1] > sizes[-2])
    joined = reconnect(mask, **options)
    for axis in range(mask.ndim):
        assert np.array_equal(reconnect(np.flip(mask, axis), **options), np.flip(joined, axis))
    assert np.array_equal(reconnect(mask.T, **options), joined.T)
    padded = reconnect(np.pad(mask, 2), **options)
    assert np.array_equal(padded, np.pad(joined, 2))
    doubled = options | {"max_distance": 2 * options["max_distance"]}
    assert np.array_equal(reconnect(mask, spacing=(2.0,) * mask.ndim, **doubled), joined)


@settings(max_examples=60, deadline=None)
@given(scattered(), limits, st.sampled_from([1.0, 0.3, 4.5]))
def test_nearest_pairs_in_millimetres(mask, options, thickness):
    spacing = (thickness, *[1.0] * (mask.ndim - 1))
    joined = reconnect(mask, spacing=spacing, **options)
    rounds = plain_rounds(mask, spacing=spacing, **options)
    lines = [lines for part in rounds for lines in part.values()]
    assert all(any(joined[tuple(line.T)].all() for line in some) for some in lines)
    assert not (joined & ~mask & ~drawn(itertools.chain(*lines), mask.shape)).any()


@settings(max_examples=40, deadline=None)
@given(scattered(), limits)
def test_chains_only_add(mask, options):
    single = reconnect(mask, **options | {"chains": False})
    assert reconnect(mask, **options | {"chains": True})[single].all()


@pytest.mark.parametrize("shape", [(5, 7), (1, 9), (4, 5, 6), (1, 1, 4), (0, 3)])
def test_nothing_to_join(shape):
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert np.array_equal(reconnect(mask), mask)
        assert reconnect(mask) is not mask


def test_a_broken_trefoil_becomes_one_again():
    skeleton = skeletonize(shapes.trefoil())
    broken = skeleton.copy()
    voxels = np.argwhere(skeleton)
    for voxel in voxels[:: len(voxels) // 5]:
        broken[tuple(slice(max(i - 2, 0), i + 3) for i in voxel)] = False
    assert components(broken)[1] > 3
    assert components(reconnect(broken, chains=True, min_voxels=1))[1] == 1


def test_without_a_limit_every_gap_is_bridged():
    apart = np.zeros((3, 90), bool)
    apart[1, :4] = apart[1, -4:] = True
    assert components(reconnect(apart, max_distance=np.inf))[1] == 1
    assert components(reconnect(apart))[1] == 2


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named():
    line = np.ones((1, 5), bool)
    for options, message in (
        ({"to": "main"}, "to must be one of 'end_points', 'skeleton'"),
        ({"max_distance": -1.0}, "max_distance must be a number of at least 0"),
        ({"max_distance": float("nan")}, "max_distance must be a number of at least 0"),
        ({"max_distance": None}, r"max_distance .* got None; .*math.inf"),
        ({"max_distance": "3"}, "max_distance must be a number of at least 0"),
        ({"min_voxels": 0}, "min_voxels must be an integer of at least 1"),
        ({"min_voxels": None}, "min_voxels must be an integer of at least 1"),
        ({"spacing": (1.0,)}, "spacing needs one positive value per axis"),
    ):
        with pytest.raises(ValueError, match=message):
            reconnect(line, **options)
    for function in (reconnect, end_points):
        with pytest.raises(ValueError, match="mask must be binary"):
            function(np.full((3, 3), 2))
        with pytest.raises(ValueError, match="mask must have 2 or 3 axes"):
            function(np.ones(4, bool))
        with pytest.raises(ValueError, match="mask must be an array, got list; convert it"):
            function([[0, 1], [1, 0]])
