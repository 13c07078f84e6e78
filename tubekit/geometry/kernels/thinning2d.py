"""Thinning of images after Zhang and Suen (1984), on a list of pixels.

A neighbourhood is kept as 8 bits of one number, clockwise from the pixel above.
"""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled

_NAMES = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

# Where scikit-image departs from the paper, so that staircases become one pixel wide and blocks of
# four do not vanish: neighbours that make a pixel go in both halves of a round, in one, or in none.
_REVISED = {
    0b11: ("N E", "E S", "S W", "W N"),
    0b01: (
        *("NW N", "N NE", "NE E", "N NE E", "W NW N"),
        *("NW N E", "W N NE", "S W NW", "SW W N", "SW W N NE"),
    ),
    0b10: (
        *("E SE", "S SW", "SW W", "E SE S", "S SW W"),
        *("N E SE", "E S SW", "SE S W", "NE E S SW"),
    ),
    0b00: ("SE S", "W NW"),
}


def _halves() -> np.ndarray:
    """For all 256 neighbourhoods: bit 0 (1) is set where the first (second) half deletes."""
    table = np.zeros(256, np.uint8)
    for key in range(256):
        ring = [key >> i & 1 for i in range(8)]
        north, _, east, _, south, _, west, _ = ring
        starts = sum(ring[i - 1] < ring[i] for i in range(8))
        if 2 <= sum(ring) <= 6 and starts == 1:
            first = not (east and south and (north or west))
            second = not (north and west and (east or south))
            table[key] = first | second << 1
    for halves, neighbourhoods in _REVISED.items():
        for names in neighbourhoods:
            table[sum(1 << _NAMES.index(name) for name in names.split())] = halves
    return table


_HALVES = _halves()


@compiled
def thin_image(image: np.ndarray, pixels: np.ndarray, row: int) -> int:
    """Delete pixels until none can go.

    A round has two halves: one looks for pixels at the lower right, one for those at the upper
    left of their object; the pixels found in a half go all at once. A pixel is looked at in the
    first two halves and in the two after each change beside it; otherwise it would stay anyway.

    Args:
        image: uint8, 0 and 1, in a frame of zeros, flat; thinned in place.
        pixels: indices of its ones; those that stay are moved to the front.
        row: distance between neighbours along y.
    Returns:
        How many pixels stay. Every object keeps some: no pixel goes in one half together with all
        its neighbours.
    """
    active, doomed = pixels.copy(), np.empty_like(pixels)
    halves_left = np.empty_like(image)  # read at pixels of the list only
    halves_left[pixels] = 2
    count = len(active)
    while count:
        for half in (1, 2):
            kept = gone = 0
            for v in active[:count]:
                if _HALVES[_neighbours(image, v, row)] & half:
                    doomed[gone] = v
                    gone += 1
                    continue
                halves_left[v] -= 1
                if halves_left[v]:
                    active[kept] = v
                    kept += 1
            for v in doomed[:gone]:
                image[v] = 0
            for v in doomed[:gone]:
                for y in (-row, 0, row):
                    for w in range(v + y - 1, v + y + 2):
                        if image[w] == 0:
                            continue
                        if halves_left[w] == 0:
                            active[kept] = w
                            kept += 1
                        halves_left[w] = 2
            count = kept
    for v in pixels:
        if image[v]:
            pixels[count] = v
            count += 1
    return count


@compiled
def _neighbours(image: np.ndarray, v: int, row: int) -> int:
    """The 8 neighbours of pixel ``v`` as bits."""
    above, below = v - row, v + row
    upper = image[above] | image[above + 1] << 1 | image[v + 1] << 2 | image[below + 1] << 3
    lower = image[below] | image[below - 1] << 1 | image[v - 1] << 2 | image[above - 1] << 3
    return upper | lower << 4
