"""The tube around a skeleton, drawn ball by ball: no dilation of the whole image."""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def draw_tube(
    tube: np.ndarray, label: np.ndarray, skeleton: np.ndarray, radius: int, distance: np.ndarray
) -> None:
    """Write the class of every voxel within ``radius`` (l1 norm) of the skeleton.

    In the foreground this is the class of the label; in the background that of the nearest
    skeleton voxel, and the higher one of two equally near.

    Args:
        tube: class map (z y x) to write to, 0 at first.
        label: class map (z y x), 0 = background.
        skeleton: (3 n), voxels of the foreground.
        radius: 0 or more.
        distance: int (z y x), more than ``radius`` at first, used to find the nearest voxel;
            size 0 if nothing is to be written in the background.
    """
    depth, height, width = label.shape
    for i in range(skeleton.shape[1]):
        z, y, x = skeleton[0, i], skeleton[1, i], skeleton[2, i]
        here = label[z, y, x]
        for w in range(max(z - radius, 0), min(z + radius + 1, depth)):
            level = radius - abs(w - z)
            for v in range(max(y - level, 0), min(y + level + 1, height)):
                line = level - abs(v - y)
                for u in range(max(x - line, 0), min(x + line + 1, width)):
                    if label[w, v, u] != 0:
                        tube[w, v, u] = label[w, v, u]
                    elif distance.size:
                        away = radius - line + abs(u - x)
                        before = distance[w, v, u]
                        if away < before or (away == before and here > tube[w, v, u]):
                            distance[w, v, u] = away
                            tube[w, v, u] = here
