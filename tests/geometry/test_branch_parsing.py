"""Branches of a tree by the rules of ATM'22, step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tests.geometry.branch_maps import merge_regions, nearest_piece
from tubekit.geometry import branch_parsing, components, fill_holes, largest_component, skeletonize
from tubekit.geometry.branch_parsing import branches_along, skeleton_pieces

small_labels = arrays(
    np.int32,
    array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6),
    elements=st.integers(0, 6),
)
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=8))
CASES = ("tree3d_a", "ring3d", "two3d")


@pytest.mark.parametrize("case", CASES)
def test_every_step_agrees_with_the_reference(oracle, case):
    recorded = oracle("branch_metrics")
    mask = fill_holes(largest_component(oracle("inputs")[case], 6))
    assert np.array_equal(mask, recorded[f"{case}__largest_filled"])
    skeleton = skeletonize(mask)
    assert np.array_equal(skeleton, recorded[f"{case}__skeleton"])
    pieces, count = skeleton_pieces(skeleton)
    assert np.array_equal(pieces, recorded[f"{case}__skel_branches"])
    assert count == recorded[f"{case}__num_branches_raw"]
    raw = nearest_piece(mask, pieces)
    assert np.array_equal(raw, recorded[f"{case}__parsing_raw"])
    refined, generation = merge_regions(raw)
    assert np.array_equal(refined, recorded[f"{case}__parsing_refined"])
    assert refined.max() == recorded[f"{case}__num_branches_refined"]
    assert np.array_equal(generation, recorded[f"{case}__generation"])


@settings(max_examples=40, deadline=None)
@given(small_masks)
def test_pieces_by_filter(mask):
    """The plain formulation: add up the 3 x 3 (x 3) neighbours, label, drop the small."""
    box = np.ones((3,) * mask.ndim, int)
    path = mask & (ndimage.convolve(mask.astype(int), box, mode="constant") <= 3)
    labels, _ = components(path)
    sizes = np.bincount(labels.ravel())
    expected, count = components(path & (sizes[labels] >= 3))
    pieces, found = skeleton_pieces(mask, shortest=3)
    assert found == count
    assert np.array_equal(pieces, expected)


@settings(max_examples=40, deadline=None)
@given(small_masks, st.integers(0, 1000))
def test_nearest_piece_by_distance_transform(mask, seed):
    rng = np.random.default_rng(seed)
    pieces = np.where(rng.random(mask.shape) < 0.1, rng.integers(1, 4, mask.shape), 0)
    pieces.flat[rng.integers(pieces.size)] = 5
    regions = nearest_piece(mask, pieces.astype(np.int32))
    assert np.array_equal(regions > 0, mask)
    distance = ndimage.distance_transform_edt(pieces == 0)
    for number in np.unique(regions[mask]):
        own = ndimage.distance_transform_edt(pieces != number)
        np.testing.assert_allclose(own[regions == number], distance[regions == number])


def test_nearest_piece_in_parts(monkeypatch, rng):
    mask = rng.random((6, 7, 8)) < 0.5
    pieces = np.where(rng.random(mask.shape) < 0.1, rng.integers(1, 4, mask.shape), 0)
    whole = nearest_piece(mask, pieces.astype(np.int32))
    for at_once in (1, 7, np.count_nonzero(mask) - 1, np.count_nonzero(mask)):
        monkeypatch.setattr(branch_parsing, "_AT_ONCE", int(at_once))
        assert np.array_equal(nearest_piece(mask, pieces.astype(np.int32)), whole)


def test_the_tie_rule_of_nearest_piece():
    pieces = np.zeros((3, 3), np.int32)
    pieces[0, 1], pieces[2, 1], pieces[1, 0], pieces[1, 2] = 1, 2, 3, 4
    regions = nearest_piece(np.ones((3, 3), bool), pieces)
    assert regions[1, 1] == 3  # lowest last index
    assert regions[0].tolist() == [3, 1, 1]
    assert regions[2].tolist() == [3, 2, 2]


@settings(max_examples=60, deadline=None)
@given(small_labels)
def test_neighbours_by_shifted_maps(image):
    """The plain formulation: the map beside itself, moved by a voxel along each axis."""
    expected = {number: set() for number in range(1, image.max() + 1)}
    for axis in range(image.ndim):
        turned = np.moveaxis(image, axis, 0)
        for a, b in np.stack([turned[:-1], turned[1:]], -1).reshape(-1, 2).tolist():
            if a != b and a and b:
                expected[a].add(b)
                expected[b].add(a)
    voxels = np.flatnonzero(image)
    names = image.reshape(-1)[voxels].astype(int)
    assert branch_parsing._adjacency(voxels, names, image.shape) == expected


@pytest.mark.parametrize("case", ["tree3d_a", "ring3d", "lattice"])
def test_lists_and_maps_give_the_same_branches(oracle, case):
    if case == "lattice":
        mask = np.zeros((40, 37), bool)
        mask[4:-3:10] = mask[:, 3:-2:9] = mask[5:-2:10, 8:] = True
    else:
        mask = fill_holes(largest_component(oracle("inputs")[case], 6))
    skeleton = skeletonize(mask)
    plain, generation = merge_regions(nearest_piece(mask, skeleton_pieces(skeleton)[0]))
    found = branches_along(np.flatnonzero(mask), skeleton[mask], mask.shape)
    assert np.array_equal(found, plain[skeleton])
    assert set(found.tolist()) == set(range(1, len(generation) + 1))


def test_a_mask_without_a_piece_is_one_branch():
    voxels = np.array([3, 4, 5])
    line = np.array([False, True, True])
    assert branches_along(voxels, line, (2, 6)).tolist() == [1, 1]
    assert branches_along(voxels[:0], line[:0], (2, 6)).tolist() == []


def test_two_pieces_that_meet_at_a_corner_are_two_branches():
    mask = np.zeros((2, 12), bool)
    mask[0, :6] = mask[1, 6:] = True
    line = mask.copy()
    line[0, 5] = line[1, 6] = False
    branch = branches_along(np.flatnonzero(mask), line[mask], mask.shape)
    assert branch.tolist() == 5 * [1] + 5 * [2]


def regions(*rows: str) -> np.ndarray:
    return np.array([[int(letter) for letter in row] for row in rows], np.int32)


def test_merging_by_hand():
    # 1 is the root with two children; 4 is the only child of 2, and 5 its only one.
    chain = regions("1111", "1111", "2003", "4003", "5000")
    merged, generation = merge_regions(chain)
    assert np.array_equal(merged, regions("1111", "1111", "2003", "2003", "2000"))
    assert generation.tolist() == [0, 1, 1]
    # An only child of the root is taken in as well.
    merged, _ = merge_regions(regions("111", "111", "020"))
    assert np.array_equal(merged, regions("111", "111", "010"))


def test_generations():
    fork = regions("0111110", "0111110", "2220333", "4050607")
    merged, generation = merge_regions(fork)
    assert np.array_equal(merged, fork)
    assert generation.tolist() == [0, 1, 1, 2, 2, 2, 2]


def test_two_parents_of_one_child_become_one():
    # 4 has the parents 2 and 3, which have a child each of their own.
    mesh = regions("7111110", "0220330", "5244436")
    merged, generation = merge_regions(mesh)
    assert np.array_equal(merged, regions("6111110", "0220220", "4233325"))
    assert generation.tolist() == [0, 1, 2, 2, 2, 1]


def test_an_only_child_of_two_goes_to_the_first():
    loop = regions("1111", "2003", "2443")
    merged, generation = merge_regions(loop)
    assert np.array_equal(merged, regions("1111", "2003", "2223"))
    assert generation.tolist() == [0, 1, 1]


def test_groups_that_do_not_share_faces_have_a_root_each():
    apart = regions("1100", "1100", "0022", "0022", "0020")
    merged, generation = merge_regions(apart)
    assert np.array_equal(merged, apart)
    assert generation.tolist() == [0, 0]


@settings(max_examples=60, deadline=None)
@given(small_labels)
def test_merging_anything(image):
    """Names are 1 to n without a gap, and regions are joined, never cut."""
    used = np.unique(image[image > 0])
    image = np.where(image > 0, np.searchsorted(used, image) + 1, 0).astype(np.int32)
    merged, generation = merge_regions(image)
    assert np.array_equal(merged > 0, image > 0)
    pairs = np.unique(np.stack([image.ravel(), merged.ravel()]), axis=1)
    assert np.array_equal(np.unique(pairs[0]), pairs[0])
    assert set(merged.ravel().tolist()) - {0} == set(range(1, len(generation) + 1))
    again, same = merge_regions(merged)
    assert len(same) <= len(generation)
    assert np.array_equal(again > 0, merged > 0)


def test_an_empty_mask_has_no_branches():
    assert skeleton_pieces(np.zeros((3, 4), bool))[1] == 0
    merged, generation = merge_regions(np.zeros((3, 4), np.int32))
    assert not merged.any()
    assert len(generation) == 0
