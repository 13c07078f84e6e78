"""The graph of a skeleton, and the branches of a tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.geometry import shapes
from tubekit.geometry import (
    SkeletonGraph,
    betti_numbers,
    skeleton_graph,
    skeletonize,
)
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise

small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=8))
ROOT_2D = Root((6.0, 64.0), (1.0, 0.0), 2.5)
ROOT_3D = Root((5.0, 24.0, 24.0), (1.0, 0.0, 0.0), 1.8)
SHORT = GrowthRule(generations=5, length_ratio=6.5)


def picture(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def facts(graph: SkeletonGraph) -> tuple:
    """What must not depend on the view."""
    ends = [
        (len(b.voxels), round(b.length_mm, 9), b.nodes and sorted(graph.degrees[list(b.nodes)]))
        for b in graph.branches
    ]
    return sorted(graph.degrees), sorted(ends, key=str), graph.pieces, graph.loops


def test_a_line_by_hand():
    graph = skeleton_graph(picture("#....", ".#...", "..###"), spacing=(3.0, 4.0))
    assert graph.nodes.tolist() == [[0, 0], [2, 4]]
    assert graph.degrees.tolist() == [1, 1]
    (branch,) = graph.branches
    assert branch.voxels.tolist() == [[0, 0], [1, 1], [2, 2], [2, 3], [2, 4]]
    assert branch.length_mm == graph.length_mm == pytest.approx(5 + 5 + 4 + 4)
    assert branch.nodes == (0, 1)
    assert (graph.pieces, graph.loops) == (1, 0)


def test_a_cross_by_hand():
    mask = picture("...#...", "...#...", "...#...", "#######", "...#...", "...#...", "...#...")
    graph = skeleton_graph(mask)
    assert sorted(graph.degrees) == [1, 1, 1, 1, 4]
    assert graph.nodes[np.argmax(graph.degrees)].tolist() == [3, 3]
    # The junction is a cross of five voxels; each branch ends on the arm where it arrives.
    assert [b.length_mm for b in graph.branches] == [2, 2, 2, 2]
    assert {tuple(b.voxels[0]) for b in graph.branches} == {(2, 3), (3, 2), (3, 4), (4, 3)}


def test_a_bend_by_hand():
    """The corner and its two neighbours touch each other; the course cuts across."""
    mask = picture("#....", "#....", "#....", "#....", "#####")
    (branch,) = skeleton_graph(mask).branches
    course = branch.voxels.tolist()
    assert course[:: 1 if course[0] == [0, 0] else -1] == [
        *([y, 0] for y in range(4)),
        *([4, x] for x in range(1, 5)),
    ]
    assert branch.length_mm == pytest.approx(3 + np.sqrt(2) + 3)


def test_a_closed_branch_by_hand():
    (branch,) = skeleton_graph(picture(".#.", "#.#", ".#."), spacing=(3.0, 4.0)).branches
    assert branch.nodes is None
    assert sorted(branch.voxels.tolist()) == [[0, 1], [1, 0], [1, 2], [2, 1]]
    assert branch.length_mm == pytest.approx(4 * 5)


def test_an_arm_of_one_voxel_belongs_to_the_junction():
    mask = picture("...#...", "...#...", "...#...", "#######", "...#...")
    assert sorted(skeleton_graph(mask).degrees) == [1, 1, 1, 3]
    speck = skeleton_graph(picture(".#.", "###", ".#."))
    assert speck.degrees.tolist() == [0]
    assert speck.nodes.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("mask", "degrees", "branches", "loops"),
    [
        (np.zeros((4, 4), bool), [], 0, 0),
        (picture("...", ".#.", "..."), [0], 0, 0),
        (picture("##", "##"), [0], 0, 0),
        (picture("##"), [1, 1], 1, 0),
        (picture(".#.", "#.#", ".#."), [], 1, 1),  # the smallest loop
        (picture("##.", "#..", "..."), [0], 0, 0),  # three that touch are a speck, not a loop
        (picture("#...#", "#...#", "#####"), [1, 1], 1, 0),  # corners are bends
        (picture("#####", "#...#", "#...#", "#####"), [], 1, 1),
        (picture("#####", "#...#", "#####", "#...#", "#####"), [3, 3], 3, 2),
        (picture("#.#", ".#.", "#.#"), [1, 1, 1, 1, 4], 4, 0),
        (picture("....#", "#..#.", ".##..", "...#.", "....#"), [1, 1, 1, 3], 3, 0),
        (picture(".#..#.", "#.##.#", ".#..#."), [4], 2, 2),  # two loops at one junction
        (picture(".#....#.", "#.####.#", ".#....#."), [3, 3], 3, 2),  # and at two
        (picture("#.#.#", ".....", "###.#"), [0, 0, 0, 0, 1, 1], 1, 0),
    ],
)
def test_small_pictures(mask, degrees, branches, loops):
    for image in (mask, mask[None], mask[:, None]):
        graph = skeleton_graph(image)
        assert sorted(graph.degrees) == degrees
        assert len(graph.branches) == branches
        assert graph.loops == loops
        assert graph.pieces == betti_numbers(image)[0]


def test_loops_inside_a_junction_are_counted():
    mask = picture("#..#..#", ".#.#.#.", "..###..", "###.###", "..###..", ".#.#.#.", "#..#..#")
    graph = skeleton_graph(mask)
    assert graph.hidden_loops == graph.loops == betti_numbers(mask)[1] == 1


def test_a_loop_at_one_junction():
    mask = picture("..###..", ".#...#.", ".#...#.", "..###..", "...#...", "...#...", "...#...")
    graph = skeleton_graph(mask)
    assert sorted(graph.degrees) == [1, 3]
    nodes = sorted(len(set(b.nodes)) for b in graph.branches)
    assert nodes == [1, 2]
    assert graph.loops == 1


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (2, 2), (3, 5)])
def test_meshes(rows, columns):
    """Corners are bends; every other crossing is a junction."""
    crossings = (rows + 1) * (columns + 1) - 4
    bars = rows * (columns + 1) + columns * (rows + 1) - 4
    thin = shapes.mesh(rows, columns, thickness=1, hole=6)
    solid = skeletonize(shapes.solid_mesh(rows, columns))
    for skeleton in (thin, thin[:, :, None], solid):
        graph = skeleton_graph(skeleton)
        assert len(graph.nodes) == crossings
        assert len(graph.branches) == max(bars, 1)
        assert graph.loops == rows * columns
        assert graph.hidden_loops == 0


@pytest.mark.parametrize(
    ("mask", "loops"),
    [
        (shapes.torus(), 1),
        (shapes.trefoil(), 1),
        (shapes.figure_eight_knot(), 1),
        (shapes.hopf_link(), 2),
    ],
)
def test_knots_and_links_are_closed_branches(mask, loops):
    graph = skeleton_graph(skeletonize(mask))
    assert [b.nodes for b in graph.branches] == [None] * loops
    assert graph.loops == graph.pieces == loops


def test_length_of_a_ring():
    graph = skeleton_graph(skeletonize(shapes.torus(20, 3, 51)), spacing=(3.0, 0.5, 0.5))
    # A chain of straight and diagonal steps is longer than its circle, by up to 8.3 %.
    assert 1 < graph.length_mm / (2 * np.pi * 10) < 1.083


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loops", [0, 2])
@pytest.mark.parametrize(
    ("size", "root"), [((128, 128), ROOT_2D), ((48, 48, 48), ROOT_3D)], ids=["2-D", "3-D"]
)
def test_trees_with_known_branches_and_loops(size, root, loops, seed):
    tree = grow_tree(size, seed=seed, roots=[root], rule=SHORT, loops=loops)
    raster = rasterise(tree)
    graph = skeleton_graph(raster.centerline)
    assert (graph.pieces, graph.loops) == tree.betti[:2] == (1, loops)
    if loops == 0:  # where a loop closes, the drawn centre line may have a corner to spare
        meeting = np.bincount([node for branch in tree.branches for node in branch.nodes])
        assert sorted(graph.degrees) == sorted(meeting[(meeting > 0) & (meeting != 2)])
        assert len(graph.branches) == len(tree.branches) - np.count_nonzero(meeting == 2)
    straight = sum(branch.length_mm for branch in tree.branches)
    assert graph.length_mm == pytest.approx(straight, rel=0.15)
    skeleton = skeletonize(raster.owner > 0)
    assert (skeleton_graph(skeleton).pieces, skeleton_graph(skeleton).loops) == (1, loops)


@settings(max_examples=40, deadline=None)
@given(small_masks, st.booleans())
def test_graphs_of_anything(mask, thin):
    mask = skeletonize(mask) if thin else mask
    graph = skeleton_graph(mask)
    betti = betti_numbers(mask)
    assert graph.pieces == betti[0]
    assert graph.loops == betti[1] - (betti[2] if mask.ndim == 3 else 0)
    ends = [node for branch in graph.branches if branch.nodes for node in branch.nodes]
    assert np.array_equal(
        np.bincount(np.array(ends, int), minlength=len(graph.nodes)), graph.degrees
    )
    assert 2 not in graph.degrees
    assert not (graph.labels[~mask]).any()
    for branch in graph.branches:
        assert mask[tuple(branch.voxels.T)].all()
        inner = branch.voxels[:-1]  # a loop comes back to where it began
        assert branch.nodes is None or len(np.unique(inner, axis=0)) == len(inner)
    expected = facts(graph)
    for axis in range(mask.ndim):
        assert facts(skeleton_graph(np.flip(mask, axis))) == expected
    assert facts(skeleton_graph(mask.T)) == expected
    assert facts(skeleton_graph(np.pad(mask, 1))) == expected
    doubled = skeleton_graph(mask, spacing=(2.0,) * mask.ndim)
    assert doubled.length_mm == pytest.approx(2 * graph.length_mm)


def test_labels():
    mask = shapes.mesh(1, 1, thickness=1, hole=5)
    mask[3, 3] = True
    graph = skeleton_graph(mask)
    assert graph.labels.shape == mask.shape
    assert graph.labels.max() == len(graph.branches) == 1
    assert graph.labels[3, 3] == 0  # a speck is no branch


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="mask must be binary"):
        skeleton_graph(np.full((3, 3), 2))
    with pytest.raises(ValueError, match="spacing needs one positive value per axis"):
        skeleton_graph(np.ones((3, 3), bool), spacing=(1.0,))
