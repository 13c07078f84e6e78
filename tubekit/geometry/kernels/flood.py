"""The objects a thinning has lost, found from the voxels it deleted last, not by labelling."""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def flood_objects(
    image: np.ndarray, seeds: np.ndarray, row: int, plane: int
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of the objects (26-connected) that hold the seeds.

    Args:
        image: uint8, not 0 in objects, a volume in a frame of zeros, flat; what is found is
            deleted from it.
        seeds: indices of voxels, one in each object.
        row, plane: distance between neighbours along y and z.
    Returns:
        The indices of the voxels, object by object, and where each object ends in this list.
    """
    found, ends = list(seeds[:0]), np.empty_like(seeds)
    front = 0
    for i, seed in enumerate(seeds):
        image[seed] = 0
        found.append(seed)
        while front < len(found):
            v = found[front]
            front += 1
            for z in (-plane, 0, plane):
                for y in (-row, 0, row):
                    for w in range(v + z + y - 1, v + z + y + 2):
                        if image[w]:
                            image[w] = 0
                            found.append(w)
        ends[i] = len(found)
    return np.array(found, dtype=seeds.dtype), ends
