"""Growth rule, rasterisation and topology of trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import euler_number as skimage_euler

from tubekit.phantoms import (
    Branch,
    GrowthRule,
    Root,
    Tree,
    euler_number,
    grow_tree,
    murray_angles,
    murray_radii,
    rasterise,
)

ROOT_2D = Root((6.0, 64.0), (1.0, 0.0), 2.5)
ROOT_3D = Root((5.0, 24.0, 24.0), (1.0, 0.0, 0.0), 1.8)
SHORT = GrowthRule(generations=5, length_ratio=6.5)


def betti(mask: np.ndarray) -> tuple[int, ...]:
    """Counted without the phantom's own tools: pieces, cavities, and the Euler number."""
    pieces = ndimage.label(mask, np.ones((3,) * mask.ndim))[1]
    outside = ndimage.label(np.pad(~mask, 1, constant_values=True))[1] - 1
    if mask.ndim == 2:
        return pieces, outside
    return pieces, pieces + outside - skimage_euler(mask, connectivity=3), outside


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("loops", "classes"), [(0, 1), (2, 5)])
@pytest.mark.parametrize(
    ("size", "root"), [((128, 128), ROOT_2D), ((48, 48, 48), ROOT_3D)], ids=["2-D", "3-D"]
)
def test_topology_is_exact(size, root, loops, classes, seed):
    tree = grow_tree(size, seed=seed, roots=[root], rule=SHORT, loops=loops, classes=classes)
    raster = rasterise(tree)
    assert tree.betti == (1, loops, 0)[: len(size)]
    assert betti(raster.owner > 0) == tree.betti
    assert betti(raster.centerline) == tree.betti
    assert {b.label for b in tree.branches} == set(range(1, classes + 1))


@pytest.mark.parametrize("exponent", [2.5, 3.0])
def test_murrays_law_at_every_fork(exponent):
    rule = GrowthRule(exponent=exponent, length_ratio=6.5)
    tree = grow_tree((56, 56, 56), seed=2, roots=[ROOT_3D], rule=rule)
    forks = [i for i in range(len(tree.branches)) if tree.children(i)]
    assert len(forks) >= 5
    for i in forks:
        parent = tree.branches[i]
        children = [tree.branches[c] for c in tree.children(i)]
        assert len(children) == 2
        flow = sum(c.radius_mm[0] ** exponent for c in children)
        np.testing.assert_allclose(flow, parent.radius_mm[-1] ** exponent, rtol=1e-12)
        forward = np.diff(parent.points_mm[-2:], axis=0)[0]
        wanted = murray_angles(parent.radius_mm[-1], *(c.radius_mm[0] for c in children))
        for child, angle in zip(children, wanted, strict=True):
            leave = child.points_mm[1] - child.points_mm[0]
            cosine = forward @ leave / np.linalg.norm(forward) / np.linalg.norm(leave)
            np.testing.assert_allclose(np.arccos(cosine), angle, atol=1e-6)
            np.testing.assert_array_equal(child.points_mm[0], parent.points_mm[-1])


def test_symmetric_fork_by_hand():
    first, second = murray_radii(1.0, 1.0)
    assert first == second == pytest.approx(0.5 ** (1 / 3))
    # cos a = 1 / (2 * 0.5**(2/3)) = 0.7937: 37.5 degrees, 75 between the children
    np.testing.assert_allclose(np.rad2deg(murray_angles(1.0, first, second)), 37.467, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(ratio=st.floats(0.05, 1.0), radius=st.floats(0.1, 10.0), exponent=st.floats(2.1, 5.0))
def test_murray_radii_hold_and_scale(ratio, radius, exponent):
    first, second = murray_radii(radius, ratio, exponent)
    np.testing.assert_allclose(first**exponent + second**exponent, radius**exponent, rtol=1e-9)
    np.testing.assert_allclose(second / first, ratio)
    np.testing.assert_allclose(
        murray_angles(radius, first, second), murray_angles(2 * radius, 2 * first, 2 * second)
    )


def test_same_seed_same_tree_other_seed_other_tree():
    trees = [grow_tree((96, 96), seed=s, roots=[ROOT_2D_SMALL], rule=SHORT) for s in (3, 3, 4)]
    lengths = [[b.length_mm for b in tree.branches] for tree in trees]
    assert lengths[0] == lengths[1] != lengths[2]


ROOT_2D_SMALL = Root((6.0, 48.0), (1.0, 0.0), 2.0)


def test_doubled_spacing_doubles_every_millimetre():
    one = grow_tree((96, 96), seed=5, roots=[ROOT_2D_SMALL], rule=SHORT)
    two = grow_tree(
        (96, 96),
        seed=5,
        roots=[Root((12.0, 96.0), (1.0, 0.0), 4.0)],
        rule=GrowthRule(generations=5, length_ratio=6.5, min_radius_mm=1.4),
        spacing=(2.0, 2.0),
    )
    np.testing.assert_allclose(
        [b.length_mm for b in two.branches], [2 * b.length_mm for b in one.branches]
    )
    np.testing.assert_array_equal(rasterise(one).owner, rasterise(two).owner)


def test_branches_stay_in_box_and_domain():
    domain = np.zeros((96, 96), dtype=bool)
    domain[:, 30:70] = True
    tree = grow_tree((96, 96), seed=0, roots=[ROOT_2D_SMALL], rule=SHORT, domain=domain)
    assert len(tree.branches) > 3
    for branch in tree.branches:
        assert domain[tuple(np.rint(branch.points_mm).astype(int).T)].all()
    mask = rasterise(tree).owner > 0
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()


@pytest.mark.parametrize(
    ("size", "root"), [((128, 128), ROOT_2D), ((56, 56, 56), ROOT_3D)], ids=["2-D", "3-D"]
)
def test_branches_keep_apart_except_next_to_a_shared_node(size, root):
    wild = GrowthRule(generations=5, length_ratio=9.0, tortuosity=1.5)
    branches = grow_tree(size, seed=2, roots=[root], rule=wild).branches
    assert len(branches) > 8
    gap = np.sqrt(len(size))  # below it, two voxels may touch by a corner
    for i, one in enumerate(branches):
        for other in branches[:i]:
            offsets = one.points_mm[:, None] - other.points_mm[None]
            walls = one.radius_mm[0] + other.radius_mm[0]
            close = np.argwhere(np.linalg.norm(offsets, axis=-1) < walls + gap)
            if not set(one.nodes) & set(other.nodes):
                assert len(close) == 0
                continue
            node = one.points_mm[0]  # a later branch shares its first node with its relatives
            for a, b in close:
                assert np.linalg.norm(one.points_mm[a] - node) < 1.3 * (walls + gap + 0.5)
                assert np.linalg.norm(other.points_mm[b] - node) < 1.3 * (walls + gap + 0.5)


@pytest.mark.parametrize("shape", [(12, 15), (7, 8, 9)])
@pytest.mark.parametrize("density", [0.2, 0.5, 0.8])
def test_euler_number_agrees_with_skimage(rng, shape, density):
    mask = rng.random(shape) < density
    assert euler_number(mask) == skimage_euler(mask, connectivity=len(shape))


def test_straight_capsule_by_hand():
    points = np.stack([np.full(11, 10.0), np.arange(10.0, 21.0)], axis=1)
    branch = Branch(points, np.linspace(2.0, 3.0, 11), (0, 1), -1, 0)
    raster = rasterise(Tree((branch,), (21, 31), (1.0, 1.0)))
    np.testing.assert_array_equal(np.argwhere(raster.centerline)[:, 1], np.arange(10, 21))
    np.testing.assert_allclose(raster.radius_mm[10, 10:21], np.linspace(2, 3, 11), rtol=1e-6)
    mask = raster.owner > 0
    assert mask[:, 10].sum() == 5  # radius 2 around the centre, both ends included
    assert mask[:, 20].sum() == 7
    assert mask[10, 7:9].tolist() == [False, True]  # the round cap reaches two voxels further
    assert raster.distance_mm[12, 10] == pytest.approx(0.0, abs=1e-6)


def test_anisotropic_spacing_keeps_millimetres():
    points = np.stack([np.full(11, 10.0), np.full(11, 10.0), np.arange(5.0, 16.0)], axis=1)
    tree = Tree((Branch(points, np.full(11, 3.0), (0, 1), -1, 0),), (11, 21, 41), (2.0, 1.0, 0.5))
    mask = rasterise(tree).owner > 0
    across = mask[:, :, 20]  # x = 10 mm: a disc of radius 3 mm
    assert across.any(axis=1).sum() == 3  # z = 8, 10, 12 mm
    assert across.any(axis=0).sum() == 7  # y = 7 to 13 mm


def test_betti_from_the_graph():
    def tree(*edges):
        line = np.array([[0.0, 0.0], [1.0, 1.0]])
        return Tree(tuple(Branch(line, np.ones(2), e, -1, 0) for e in edges), (8, 8), (1.0, 1.0))

    assert tree((0, 1), (1, 2), (1, 3)).betti == (1, 0)
    assert tree((0, 1), (1, 2), (2, 0)).betti == (1, 1)
    assert tree((0, 1), (2, 3), (3, 2)).betti == (2, 1)
    assert tree((0, 1), (1, 2), (1, 3)).leaves() == (1, 2)
    assert tree((0, 1), (1, 2), (1, 3)).without({1}).leaves() == (1,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generations": 0}, "generations must be at least 1"),
        ({"exponent": 2.0}, "exponent must be above 2"),
        ({"asymmetry": (0.9, 0.5)}, "asymmetry must be an ascending pair"),
        ({"branching": 1.5}, "branching must be in"),
    ],
)
def test_bad_rules_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GrowthRule(**change)


def test_impossible_wishes_are_refused():
    with pytest.raises(ValueError, match="root that fits"):
        grow_tree((32, 32), seed=0, roots=[Root((1.0, 1.0), (1.0, 0.0), 4.0)])
    with pytest.raises(ValueError, match="9 loops"):
        grow_tree((96, 96), seed=0, roots=[ROOT_2D_SMALL], rule=GrowthRule(2), loops=9)
    with pytest.raises(ValueError, match="at least 9 branches for 9 classes"):
        grow_tree((96, 96), seed=0, roots=[ROOT_2D_SMALL], rule=GrowthRule(2), classes=9)
    with pytest.raises(ValueError, match="spacing needs one positive value"):
        grow_tree((96, 96), seed=0, roots=[ROOT_2D_SMALL], spacing=(1.0, 0.0))
