"""The tests of simple voxels against components counted in the 3 x 3 x 3 neighbourhood."""

import itertools

import numba
import numpy as np
import pytest
import torch

from tubekit.geometry import betti_numbers, components, euler_number
from tubekit.geometry.kernels import peeling
from tubekit.geometry.simple_points import (
    CENTRE,
    OFFSETS,
    SUBFIELDS,
    boolean_simple,
    euler_simple,
)
from tubekit.plain.topology import is_simple


def at(offset: tuple[int, int, int]) -> tuple[int, int, int]:
    z, y, x = offset
    return z + 1, y + 1, x + 1


def neighbourhood(blocks: np.ndarray) -> dict[tuple[int, int, int], np.ndarray]:
    return {o: blocks[(slice(None), *at(o))].astype(np.int8) for o in (CENTRE, *OFFSETS)}


@pytest.fixture(scope="module")
def blocks() -> np.ndarray:
    rng = np.random.default_rng(1)
    density = rng.choice(np.linspace(0.1, 0.9, 9), size=(6000, 1, 1, 1))
    random = rng.random((6000, 3, 3, 3)) < density
    random[:, 1, 1, 1] = True
    return random


@pytest.fixture(scope="module")
def truth(blocks) -> np.ndarray:
    return np.array([is_simple(block) for block in blocks])


def test_boolean_is_exact(blocks, truth):
    assert 1000 < truth.sum() < 5000
    assert np.array_equal(boolean_simple(neighbourhood(blocks)), truth)


def test_boolean_ignores_the_voxel_itself(blocks):
    emptied = blocks.copy()
    emptied[:, 1, 1, 1] = False
    assert np.array_equal(
        boolean_simple(neighbourhood(emptied)), boolean_simple(neighbourhood(blocks))
    )
    assert euler_simple(neighbourhood(emptied)).all()  # nothing is deleted, nothing changes


def test_euler_is_necessary_and_not_sufficient(blocks, truth):
    euler = euler_simple(neighbourhood(blocks))
    assert euler[truth].all()
    assert euler[~truth].any()


def test_a_ring_over_a_stem_deceives_euler():
    """A split and a tunnel cancel; the primer draws this block."""
    block = np.array(list("010101010000010000000010000"), int).reshape(1, 3, 3, 3).astype(bool)
    assert euler_simple(neighbourhood(block)).all()
    assert not boolean_simple(neighbourhood(block)).any()
    deleted = block[0].copy()
    deleted[1, 1, 1] = False
    assert betti_numbers(block[0]) == (1, 0, 0)
    assert betti_numbers(deleted) == (2, 1, 0)


def test_euler_counts_what_deletion_changes(blocks):
    euler = euler_simple(neighbourhood(blocks[:300]))
    for block, same in zip(blocks, euler, strict=False):
        deleted = block.copy()
        deleted[1, 1, 1] = False
        assert (euler_number(block) == euler_number(deleted)) == same


def test_one_slice_gives_the_simple_pixels_of_an_image():
    every = ((np.arange(512)[:, None] >> np.arange(9)) & 1).astype(bool).reshape(-1, 3, 3)
    every = every[every[:, 1, 1]]
    flat = np.zeros((len(every), 3, 3, 3), dtype=bool)
    flat[:, 1] = every
    for pixels, simple in zip(every, boolean_simple(neighbourhood(flat)), strict=True):
        ring = pixels.copy()
        ring[1, 1] = False
        gaps, _ = components(~pixels, 4)
        faces = {gaps[0, 1], gaps[1, 0], gaps[1, 2], gaps[2, 1]} - {0}
        assert simple == (components(ring, 8)[1] == 1 and len(faces) == 1)


def test_arrays_and_tensors_agree(blocks):
    arrays = neighbourhood(blocks[:500])
    tensors = {o: torch.from_numpy(a) for o, a in arrays.items()}
    for test in (boolean_simple, euler_simple):
        assert np.array_equal(test(tensors).numpy(), test(arrays))


def test_subfields_visit_every_voxel_once_and_no_neighbours_together():
    visits = np.zeros((5, 6, 7), dtype=int)
    for z, y, x in SUBFIELDS:
        field = np.zeros_like(visits)
        field[z::2, y::2, x::2] = 1
        visits += field
        assert components(field)[1] == field.sum()
    assert (visits == 1).all()


BITS = np.array([1 << (9 * (z + 1) + 3 * (y + 1) + x + 1) for z, y, x in OFFSETS])
CENTRE_BIT = 1 << 13


def from_bits(codes: np.ndarray) -> dict[tuple[int, int, int], np.ndarray]:
    pairs = zip((*OFFSETS, CENTRE), (*BITS, CENTRE_BIT), strict=True)
    return {offset: (codes & bit != 0).astype(np.int8) for offset, bit in pairs}


@numba.njit
def judged(test, codes):
    verdicts = np.empty(codes.size, np.bool_)
    for i in range(codes.size):
        verdicts[i] = test(codes[i])
    return verdicts


def few_bits(most: int) -> np.ndarray:
    """All neighbourhoods with at most so many object voxels."""
    return np.array([sum(c) for n in range(most + 1) for c in itertools.combinations(BITS, n)])


@pytest.mark.parametrize("centre", [0, CENTRE_BIT])
@pytest.mark.parametrize(
    ("compiled", "plain"),
    [(peeling._boolean_simple, boolean_simple), (peeling._euler_simple, euler_simple)],
)
def test_compiled_conditions_agree(compiled, plain, centre):
    rng = np.random.default_rng(2)
    few = few_bits(4)
    # Intersections and unions of random numbers are sparse and dense.
    a, b, c = rng.integers(0, 1 << 27, (3, 250_000)) & ~CENTRE_BIT
    codes = np.concatenate([few, BITS.sum() - few, a, a & b, a | b, a & b & c, a | b | c])
    codes = (codes | centre).astype(np.int32)
    verdicts = judged(compiled, codes)
    assert np.array_equal(verdicts, plain(from_bits(codes)))
    # What the two spare bits say must not matter.
    assert np.array_equal(judged(compiled, codes[::50] | np.int32(3 << 27)), verdicts[::50])


def test_compiled_boolean_is_exact(blocks, truth):
    codes = sum(blocks[(slice(None), *at(o))] * bit for o, bit in zip(OFFSETS, BITS, strict=True))
    assert np.array_equal(judged(peeling._boolean_simple, codes.astype(np.int32)), truth)
