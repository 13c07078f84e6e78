"""The compiled graph against its plain form, and what it calls a branch against skan's meaning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tests.geometry import shapes
from tests.geometry.plain_graph import branches_between_voxels, plain_graph, touching
from tests.geometry.test_graph import picture
from tubekit.geometry import skeleton_graph, skeletonize
from tubekit.geometry.skeleton_paths import neighbours

small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=8))


def equal(mask: np.ndarray) -> None:
    spacing = (0.7, 1.1, 0.3)[: mask.ndim]
    ours, plain = skeleton_graph(mask, spacing), plain_graph(mask, spacing)
    assert (ours.pieces, ours.hidden_loops) == (plain.pieces, plain.hidden_loops)
    np.testing.assert_array_equal(ours.degrees, plain.degrees)
    np.testing.assert_array_equal(ours.nodes, plain.nodes)
    assert len(ours.branches) == len(plain.branches)
    for one, other in zip(ours.branches, plain.branches, strict=True):
        assert one.nodes == other.nodes
        assert one.length_mm == other.length_mm
        np.testing.assert_array_equal(one.voxels, other.voxels)


@settings(max_examples=150, deadline=None)
@given(small_masks)
def test_equals_the_plain_form(mask):
    equal(mask)
    equal(skeletonize(mask))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("shape", [(70, 90), (20, 30, 40)])
def test_equals_the_plain_form_on_noise(rng, shape, share):
    equal(rng.random(shape) < share)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    equal(skeletonize(smooth > np.quantile(smooth, 1 - share)))


@pytest.mark.parametrize("mask", [shapes.torus(), shapes.hopf_link(), shapes.solid_mesh(2, 3)])
def test_equals_the_plain_form_on_loops(mask):
    equal(skeletonize(mask))


@settings(max_examples=100, deadline=None)
@given(small_masks)
def test_neighbours_are_those_of_a_tree_of_points(mask):
    voxels = np.argwhere(mask)
    assert (neighbours(voxels) != touching(voxels)).nnz == 0


@pytest.mark.parametrize(
    ("mask", "ours", "between_voxels"),
    [
        # Where one voxel is the whole junction both meanings agree.
        (picture("#.....#", ".#...#.", "..#.#..", "...#...", "...#...", "...#..."), 3, 3),
        # Two voxels with three neighbours: to skan a branch of one step lies between them.
        (picture("#....#", ".#..#.", "..##..", ".#..#.", "#....#"), 4, 5),
        # A corner of four-connected steps: a bend here, three junction voxels each to skan.
        (picture("#...#", "#...#", "#####"), 1, 7),
    ],
)
def test_a_branch_is_not_what_skan_calls_one(mask, ours, between_voxels):
    assert len(skeleton_graph(mask).branches) == ours
    assert branches_between_voxels(mask) == between_voxels
