"""The tubed skeleton against scikit-image's skeleton, two dilations and a product."""

import functools
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.geometry import tubed_skeleton
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise

with extra("test", __name__):
    from skimage import morphology

# Shape, radius of the trunk in voxels, generations, repeats.
SIZES: tuple[tuple[tuple[int, ...], float, int, int], ...] = (
    ((512, 512), 9.0, 8, 15),
    ((128, 128, 128), 6.0, 6, 5),
    ((256, 256, 256), 9.0, 7, 3),
    ((200, 512, 512), 10.0, 8, 1),
)


def rows() -> Iterator[Row]:
    """Trees in two classes, from a small photograph to a whole CT volume."""
    for shape, radius, generations, repeats in SIZES:
        tree = functools.partial(label, shape, radius, generations)
        yield Row(
            instrument=f"tubed skeleton, {' x '.join(map(str, shape))}",
            peer="scikit-image + SciPy",
            ours=lambda tree=tree: tubed_skeleton(tree()),
            peer_run=lambda tree=tree: skeleton_dilated_twice(tree()),
            difference=lambda ours, theirs: float(np.count_nonzero(ours != theirs)),
            equality="voxels that differ",
            tolerance=0,
            time_target=1 / 3,
            repeats=repeats,
            note="a tree; the peer's time depends on the image, ours on the tree",
        )


@functools.cache
def label(shape: tuple[int, ...], radius: float, generations: int) -> UInt8[np.ndarray, "*s"]:
    """A tree that starts in the middle of one side, its first two branches in two classes."""
    start = (*(side / 2 for side in shape[:-1]), radius + 2)
    root = Root(start, (*[0.0] * (len(shape) - 1), 1.0), radius)
    tree = grow_tree(
        shape, seed=0, roots=[root], rule=GrowthRule(generations=generations), classes=2
    )
    classes = np.array([0, *(branch.label for branch in tree.branches)], np.uint8)
    return classes[rasterise(tree).owner]


def skeleton_dilated_twice(label: UInt8[np.ndarray, "*s"]) -> UInt8[np.ndarray, "*s"]:
    """Algorithm 1 of the Skeleton Recall paper by the functions of the two packages."""
    cross = ndimage.generate_binary_structure(label.ndim, 1)
    skeleton = morphology.skeletonize(label > 0)
    return ndimage.binary_dilation(skeleton, cross, iterations=2) * label
