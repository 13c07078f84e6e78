"""What skeletons keep of the topology, on solid shapes, random unions and trees with loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry import shapes
from tubekit.geometry import betti_numbers, skeletonize, topological_skeleton
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise

KNOWN = shapes.known_3d()


def peeled(mask: np.ndarray) -> np.ndarray:
    return topological_skeleton(torch.tensor(mask)[None, None], 20)[0, 0].numpy()


@pytest.mark.parametrize("name", KNOWN)
def test_skeletons_of_solid_shapes_keep_components_tunnels_and_cavities(name):
    mask, expected = KNOWN[name]
    for view in (mask, np.flip(mask, 2), mask.T):
        assert betti_numbers(skeletonize(view)) == expected
        assert betti_numbers(peeled(view.copy())) == expected


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_random_trees(seed):
    rule = GrowthRule(generations=4, length_ratio=6.5)
    root = Root((4.0, 32.0), (1.0, 0.0), 1.8)
    mask = rasterise(grow_tree((64, 64), seed=seed, roots=[root], rule=rule)).owner > 0
    assert betti_numbers(mask) == (1, 0)
    assert betti_numbers(skeletonize(mask)) == betti_numbers(peeled(mask)) == (1, 0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4), st.integers(1, 3), st.booleans())
def test_random_rings_whole_or_cut(whole, thickness, flat):
    """A chain of rings on one stem, the first of which touches the border."""
    image = np.zeros((12, 12 * len(whole)), bool)
    image[5:7] = True
    for k, closed in enumerate(whole):
        ring = image[1:11, 12 * k : 12 * k + 10]
        ring[:] = True
        ring[thickness:-thickness, thickness:-thickness] = False
        if not closed:
            ring[:thickness, 4:6] = False
    mask = image if flat else np.repeat(image[:, None], thickness, axis=1)
    expected = (1, sum(whole), 0)[: mask.ndim]
    assert betti_numbers(mask) == betti_numbers(mask, "face") == expected
    assert betti_numbers(peeled(mask)) == betti_numbers(skeletonize(mask)) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 11)] * 3, *[st.integers(1, 9)] * 3), min_size=1, max_size=6
    ),
    st.booleans(),
)
def test_random_unions_keep_their_topology_when_peeled(boxes, hollow):
    """Boxes touch each other and the borders in every way."""
    mask = np.zeros((12, 12, 12), bool)
    for z, y, x, depth, height, width in boxes:
        mask[z : z + depth, y : y + height, x : x + width] ^= True
        if hollow:
            mask[z + 1 : z + depth - 1, y + 1 : y + height - 1, x + 1 : x + width - 1] = False
    expected = betti_numbers(mask)
    assert betti_numbers(peeled(mask)) == expected
    assert betti_numbers(skeletonize(mask))[0] == expected[0]
