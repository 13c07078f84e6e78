"""The graph of a skeleton against skan."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.geometry import SkeletonGraph, skeleton_graph, skeletonize
from tubekit.phantoms import Root, grow_tree, rasterise

with extra("test", __name__):
    import pandas
    import skan

SIZE = 128


def rows() -> Iterator[Row]:
    """The skeleton of a tree with two loops, and of a sponge with hundreds."""
    root = Root((6.0, SIZE / 2, SIZE / 2), (1.0, 0.0, 0.0), 3.5)
    tree = grow_tree((SIZE,) * 3, seed=0, roots=[root], loops=2)
    noise = np.random.default_rng(0).normal(size=(SIZE,) * 3)
    masks = {"tree": rasterise(tree).owner > 0, "sponge": ndimage.gaussian_filter(noise, 3) > 0}
    for name, mask in masks.items():
        skeleton = skeletonize(mask)
        yield Row(
            instrument=f"skeleton graph, {name}, {' x '.join(map(str, skeleton.shape))}",
            peer="skan 0.13, Skeleton + summarize",
            ours=lambda skeleton=skeleton: skeleton_graph(skeleton),
            peer_run=lambda skeleton=skeleton: by_skan(skeleton),
            difference=difference,
            equality="difference in pieces and loops",
            tolerance=0,
            time_target=1.0,
            note="to skan each voxel without exactly two neighbours is a node, so a junction of "
            "several voxels has branches of one step: branches and lengths are not comparable",
        )


def by_skan(skeleton: Bool[np.ndarray, "z y x"]) -> pandas.DataFrame:
    """One row for each branch."""
    return skan.summarize(skan.Skeleton(skeleton), separator="_")


def difference(ours: SkeletonGraph, theirs: pandas.DataFrame) -> float:
    """In pieces with a branch, and in independent loops of the graph."""
    nodes = np.unique(np.concatenate([theirs["node_id_src"], theirs["node_id_dst"]]))
    pieces = theirs["skeleton_id"].nunique()
    loops = len(theirs) - len(nodes) + pieces
    specks = np.count_nonzero(ours.degrees == 0)
    return float(abs(ours.pieces - specks - pieces) + abs(ours.loops - ours.hidden_loops - loops))
