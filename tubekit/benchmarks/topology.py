"""Betti numbers of a vessel tree, against cubical homology and against labelling."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.geometry import betti_numbers
from tubekit.phantoms import Root, grow_tree, rasterise

with extra("test", __name__):
    import gudhi
    from skimage import measure

SIZE = 128


def rows() -> Iterator[Row]:
    """A tree with two loops in 128 x 128 x 128 voxels."""
    root = Root((6.0, SIZE / 2, SIZE / 2), (1.0, 0.0, 0.0), 3.5)
    tree = grow_tree((SIZE,) * 3, seed=0, roots=[root], loops=2)
    mask = rasterise(tree).owner > 0
    peers = (
        ("gudhi, cubical complex", by_homology, 1, "homology also yields the loops themselves"),
        ("scikit-image, label twice + Euler number", by_labelling, 3, ""),
    )
    for name, peer, repeats, note in peers:
        yield Row(
            instrument=f"Betti numbers, {SIZE} x {SIZE} x {SIZE}",
            peer=name,
            ours=lambda: betti_numbers(mask),
            peer_run=lambda peer=peer: peer(mask),
            difference=lambda ours, theirs: float(np.abs(np.subtract(ours, theirs)).max()),
            equality="largest difference of a Betti number",
            tolerance=0,
            time_target=1 / 5,
            memory_target=1 / 3,
            repeats=repeats,
            note=note,
        )


def by_homology(mask: Bool[np.ndarray, "z y x"]) -> tuple[int, ...]:
    """Ranks of the homology of the voxels as closed cubes, with coefficients modulo 2."""
    cells = gudhi.CubicalComplex(top_dimensional_cells=np.where(np.pad(mask, 1), 0.0, 1.0))
    cells.compute_persistence(homology_coeff_field=2)
    return tuple(cells.persistent_betti_numbers(0.5, 0.5)[:3])


def by_labelling(mask: Bool[np.ndarray, "z y x"]) -> tuple[int, ...]:
    """Components of object and background, 26- and 6-connected; tunnels by the Euler number."""
    pieces = measure.label(mask, connectivity=3, return_num=True)[1]
    background = np.pad(~mask, 1, constant_values=True)
    cavities = measure.label(background, connectivity=1, return_num=True)[1] - 1
    return pieces, pieces + cavities - int(measure.euler_number(mask, connectivity=3)), cavities
