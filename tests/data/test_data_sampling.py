"""Patches: a pure function of (seed, step), aligned under every augmentation, 2-D and 3-D."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tubekit.data import PatchSampler, load_cases, normalise, target_map, transforms
from tubekit.data.transforms import Geometry, random_geometry, random_intensity, take_patch
from tubekit.types import Case


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))


def make_case(shape, *, id="a", channels=1, classes=1, valid=None, seed=0):
    """Thick lines whose intensity is their class, so that image and label can be compared."""
    rng = np.random.default_rng(seed)
    label = np.zeros(shape, np.uint8)
    for c in range(1, classes + 1):
        for axis in range(len(shape)):
            index = [slice(max(0, p - 3), p + 4) for p in rng.integers(4, [n - 4 for n in shape])]
            index[axis] = slice(None)
            label[tuple(index)] = c
    image = np.repeat(label[None].astype(np.float32) * 10, channels, axis=0)
    return Case(id, image, label, (1.0,) * len(shape), valid)


@pytest.mark.parametrize(("shape", "patch"), [((90, 70), (32, 48)), ((20, 40, 30), (16, 24, 24))])
@pytest.mark.parametrize("when", ["patch", "case"])
def test_shapes_types_and_purity(shape, patch, when):
    cases = [make_case(shape, id=i, channels=3, seed=n) for n, i in enumerate("ab")]
    maps = ("tube", "skeleton", "signed_distance")

    def sampler(seed=1):
        return PatchSampler(cases, patch, 2, maps=maps, seed=seed, when=when)

    forward = [sampler().batch(step) for step in range(4)]
    one = sampler()
    backward = [one.batch(step) for step in (3, 2, 1, 0)][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert a.keys() == b.keys() == {"image", "target", *maps}
        assert all(torch.equal(a[k], b[k]) for k in a)
    first = forward[0]
    assert first["image"].shape == (2, 3, *patch)
    assert first["image"].dtype == torch.float32
    assert first["target"].shape == first["tube"].shape == (2, 1, *patch)
    assert first["target"].dtype == first["tube"].dtype == first["skeleton"].dtype == torch.int64
    assert first["signed_distance"].dtype == torch.float32
    assert not torch.equal(forward[0]["image"], forward[1]["image"])
    assert not torch.equal(sampler(2).batch(0)["image"], first["image"])


@pytest.mark.parametrize("patch", [(24, 20), (24, 16), (12, 20)])
def test_a_batch_leaves_the_case_as_it_was(patch):
    """Also where a patch is the whole case, or whole rows of it, and nothing turns it."""
    sampler = PatchSampler([make_case((24, 20))], patch, 2, mirror_axes=(), seed=1)
    first = [sampler.batch(step)["image"] for step in range(12)]
    again = [sampler.batch(step)["image"] for step in range(12)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_patches_of_one_batch_differ():
    batch = PatchSampler([make_case((90, 70))], (32, 32), 8, augment=False).batch(0)
    assert len({p.numpy().tobytes() for p in batch["image"]}) > 4


@pytest.mark.parametrize(("shape", "patch"), [((90, 70), (40, 40)), ((30, 40, 40), (20, 24, 24))])
@pytest.mark.parametrize("when", ["patch", "case"])
def test_image_label_and_maps_stay_aligned(shape, patch, when, monkeypatch):
    """With every spatial change switched on, thresholded intensity is the label, in every voxel
    that linear interpolation does not blur, and the tube lies in the label."""
    for name in ("P_ROTATE", "P_SCALE"):
        monkeypatch.setattr(transforms, name, 1.0)
    for name in ("P_NOISE", "P_BRIGHTNESS", "P_CONTRAST", "P_GAMMA"):
        monkeypatch.setattr(transforms, name, 0.0)
    case = make_case(shape)
    normal = normalise(case)
    low, high = float(normal.min()), float(normal.max())
    sampler = PatchSampler([case], patch, 4, maps=("tube", "skeleton"), when=when)
    for step in range(5):
        batch = sampler.batch(step)
        share = (batch["image"] - low) / (high - low)
        sharp = (share < 0.01) | (share > 0.99)
        assert sharp.float().mean() > 0.6
        assert torch.equal((share > 0.5)[sharp], (batch["target"] > 0)[sharp])
        assert batch["target"].any()
        assert not batch["tube"][batch["target"] == 0].any()
        assert not (batch["skeleton"].bool() & ~batch["tube"].bool()).any()
        if when == "patch":
            wanted = target_map("tube", batch["target"][0, 0].numpy())
            assert (batch["tube"][0, 0].numpy() == wanted).all()


def test_maps_of_the_patch_and_of_the_case_differ_only_near_the_border():
    case = make_case((120, 120))
    options = {"augment": False, "maps": ("tube",), "foreground_fraction": 1.0}
    by_patch = PatchSampler([case], (64, 64), 2, when="patch", **options).batch(0)
    by_case = PatchSampler([case], (64, 64), 2, when="case", **options).batch(0)
    assert torch.equal(by_patch["image"], by_case["image"])
    inner = np.s_[:, :, 12:-12, 12:-12]
    assert torch.equal(by_patch["tube"][inner], by_case["tube"][inner])


def test_small_case_is_padded_and_padding_is_not_valid():
    case = make_case((20, 60))
    batch = PatchSampler([case], (32, 32), 2, augment=False).batch(0)
    assert batch["valid"][:, :, :20].all()
    assert not batch["valid"][:, :, 20:].any()
    assert not batch["image"][:, :, 20:].any()
    assert not batch["target"][:, :, 20:].any()


def test_field_of_view_follows_the_image():
    valid = np.zeros((80, 80), bool)
    valid[10:70, 15:75] = True
    batch = PatchSampler([make_case((80, 80), valid=valid)], (48, 48), 4).batch(3)
    assert batch["valid"].dtype == torch.bool
    assert 0 < batch["valid"].float().mean() < 1
    plain = PatchSampler([make_case((80, 80), valid=valid)], (48, 48), 4, augment=False).batch(3)
    assert not plain["image"][~plain["valid"]].any()


def test_foreground_fraction_and_rare_classes():
    case = make_case((200, 200))
    label = np.zeros((200, 200), np.uint8)
    label[:, 40:50] = 1
    label[150, 150] = 2  # one pixel
    case = Case("a", case.image, label, (1.0, 1.0))

    def patches_with(c, fraction):
        sampler = PatchSampler(
            [case], (16, 16), 40, maps=(), foreground_fraction=fraction, augment=False
        )
        return int((sampler.batch(0)["target"] == c).flatten(1).any(1).sum())

    assert patches_with(2, fraction=1.0) > 12
    assert patches_with(1, fraction=1.0) + patches_with(2, fraction=1.0) == 40
    assert patches_with(2, fraction=0.0) < 4


def test_foreground_voxel_is_in_the_middle_as_far_as_the_border_allows():
    for place, inside in (((50, 60), (8, 8)), ((2, 60), (2, 8)), ((99, 99), (15, 15))):
        label = np.zeros((100, 100), np.uint8)
        label[place] = 1
        case = Case("a", np.zeros((1, 100, 100), np.float32), label, (1.0, 1.0))
        options = {"maps": (), "foreground_fraction": 1, "augment": False}
        target = PatchSampler([case], (16, 16), 1, **options).batch(0)["target"]
        assert torch.nonzero(target[0, 0]).tolist() == [list(inside)]


def test_case_without_foreground():
    case = Case("empty", np.ones((1, 40, 40), np.float32), np.zeros((40, 40), np.uint8), (1.0, 1.0))
    batch = PatchSampler([case], (16, 16), 2, foreground_fraction=1.0).batch(0)
    assert not batch["target"].any()
    assert torch.isfinite(batch["image"]).all()


def test_no_mirror_axes_means_no_mirroring(monkeypatch):
    """A letter that knows left from right keeps its handedness."""
    for name in ("P_ROTATE", "P_SCALE", "P_NOISE", "P_BRIGHTNESS", "P_CONTRAST", "P_GAMMA"):
        monkeypatch.setattr(transforms, name, 0.0)
    label = np.zeros((16, 16), np.uint8)
    label[2:14, 2:5] = 1
    label[11:14, 2:12] = 1  # an L
    case = Case("L", label[None].astype(np.float32), label, (1.0, 1.0))
    kept = PatchSampler([case], (16, 16), 32, mirror_axes=(), maps=()).batch(0)["target"]
    assert all((p[0].numpy() == label).all() for p in kept)
    free = PatchSampler([case], (16, 16), 64, maps=()).batch(0)["target"]
    assert len({p.numpy().tobytes() for p in free}) == 8  # all symmetries of the square
    half = PatchSampler([case], (16, 16), 64, mirror_axes=(1,), maps=()).batch(0)["target"]
    assert {p.numpy().tobytes() for p in half} == {
        np.ascontiguousarray(x, np.int64).tobytes() for x in (label, label[:, ::-1])
    }


def test_no_quarter_turns_between_unequal_spacings():
    rng = np.random.default_rng(0)
    drawn = [random_geometry(rng, (16, 16, 16), (5.0, 1.0, 1.0), (0, 1, 2)) for _ in range(40)]
    planes = {(a, b) for g in drawn for a, b, _ in g.quarter_turns}
    assert planes == {(1, 2)}
    for geometry in drawn:
        if geometry.matrix is not None:  # the thick axis is scaled, never turned
            assert not geometry.matrix[0, 1:].any()
            assert not geometry.matrix[1:, 0].any()


def test_rotation_is_rigid_in_millimetres(monkeypatch):
    monkeypatch.setattr(transforms, "P_SCALE", 0.0)
    monkeypatch.setattr(transforms, "P_ROTATE", 1.0)
    spacing = np.array([2.0, 1.0])
    matrix = random_geometry(np.random.default_rng(0), (16, 16), (2.0, 1.0), ()).matrix
    physical = np.diag(spacing) @ matrix @ np.diag(1 / spacing)
    assert np.allclose(physical @ physical.T, np.eye(2))
    assert abs(np.rad2deg(np.arctan2(physical[1, 0], physical[0, 0]))) <= transforms.MAX_ANGLE_DEG


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), data=st.data())
def test_flips_and_turns_only_move_voxels(seed, data):
    rng = np.random.default_rng(seed)
    array = rng.normal(size=(2, 12, 12, 12)).astype(np.float32)
    flips = data.draw(st.sets(st.integers(0, 2)))
    turns = data.draw(st.lists(st.sampled_from([(0, 1, 1), (0, 2, 3), (1, 2, 2)]), max_size=2))
    geometry = Geometry(None, tuple(flips), tuple(turns))
    start = tuple(int(s) for s in rng.integers(0, 5, 3))
    patch = take_patch(array, start, (8, 8, 8), geometry, interpolate=True)
    window = array[:, start[0] : start[0] + 8, start[1] : start[1] + 8, start[2] : start[2] + 8]
    assert patch.flags.c_contiguous
    for c in range(2):
        assert (np.sort(patch[c].ravel()) == np.sort(window[c].ravel())).all()


def test_identity_matrix_gives_the_plain_window():
    array = np.random.default_rng(0).normal(size=(1, 30, 30)).astype(np.float32)
    plain = take_patch(array, (4, 7), (16, 16), Geometry(), interpolate=True)
    same = take_patch(array, (4, 7), (16, 16), Geometry(np.eye(2)), interpolate=True)
    assert np.allclose(plain, same, atol=1e-6)
    mask = array > 0
    same = take_patch(mask, (4, 7), (16, 16), Geometry(np.eye(2)), interpolate=False)
    assert same.dtype == bool
    assert (same == mask[:, 4:20, 7:23]).all()


def test_only_images_are_interpolated():
    steps = np.arange(20.0, dtype=np.float32)[None, :, None].repeat(20, 2)
    half = Geometry(np.eye(2) / 2)
    linear = take_patch(steps, (0, 0), (20, 20), half, interpolate=True)[0, :, 0]
    assert np.allclose(np.diff(linear), 0.5, atol=1e-5)
    nearest = take_patch(steps, (0, 0), (20, 20), half, interpolate=False)[0, :, 0]
    assert set(nearest) <= set(range(20))


def test_scaling_grows_what_is_in_the_middle():
    array = np.zeros((1, 41, 41), np.int64)
    array[0, 18:23, 18:23] = 1
    patch = take_patch(array, (0, 0), (41, 41), Geometry(np.eye(2) / 2), interpolate=False)
    assert patch.sum() == pytest.approx(4 * 25, abs=20)
    assert patch[0, 20, 20] == 1


@pytest.mark.parametrize("name", ["P_NOISE", "P_BRIGHTNESS", "P_CONTRAST", "P_GAMMA"])
def test_each_intensity_change_changes_the_image_alone(name, monkeypatch):
    for other in ("P_NOISE", "P_BRIGHTNESS", "P_CONTRAST", "P_GAMMA"):
        monkeypatch.setattr(transforms, other, float(other == name))
    image = np.random.default_rng(0).normal(size=(3, 20, 20)).astype(np.float32)
    before = image.copy()
    made = random_intensity(np.random.default_rng(1), image)
    assert made.dtype == np.float32
    assert (image == before).all()
    assert not np.allclose(made, image)
    assert np.corrcoef(made.ravel(), image.ravel())[0, 1] > 0.9
    constant = np.ones((1, 4, 4), np.float32)
    assert np.isfinite(random_intensity(np.random.default_rng(1), constant)).all()


def test_normalise_measures_inside_the_field_of_view():
    rng = np.random.default_rng(0)
    valid = np.zeros((30, 30), bool)
    valid[5:25, 5:25] = True
    image = (rng.normal(size=(2, 30, 30)) * [[[3.0]], [[0.1]]] + 7).astype(np.float32)
    image[:, ~valid] = 1e6
    made = normalise(Case("a", image, None, (1.0, 1.0), valid))
    assert np.allclose(made[:, valid].mean(axis=1), 0, atol=1e-5)
    assert np.allclose(made[:, valid].std(axis=1), 1, atol=1e-5)
    assert not made[:, ~valid].any()
    assert made.dtype == np.float32


@pytest.mark.parametrize("value", [0.0, 0.1, 1234.567])
def test_normalise_constant_image(value):
    image = np.full((1, 9, 9), value, np.float32)
    assert not normalise(Case("a", image, None, (1.0, 1.0))).any()


def test_normalise_refuses_nan():
    image = np.full((1, 3, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="image of case a must be finite, got 9 NaN"):
        normalise(Case("a", image, None, (1.0, 1.0)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cases": []}, "at least one case"),
        ({"maps": ("tubes",)}, "target map must be one of"),
        ({"when": "never"}, "when must be one of"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"patch_size": (0, 8)}, "patch_size must be an integer of at least 1"),
        ({"patch_size": (8, 8, 8)}, "3 spatial axes, got shape"),
        ({"foreground_fraction": 1.5}, r"must lie in \[0, 1\]"),
        ({"mirror_axes": (2,)}, r"must lie in 0\.\.1"),
        ({"cases": [make_case((20, 20)), make_case((20, 20), channels=3)]}, "expected 1 channels"),
        (
            {"cases": [Case("u", np.zeros((1, 9, 9), np.float32), None, (1.0, 1.0))]},
            "case u: expected a label",
        ),
    ],
)
def test_bad_arguments(change, told):
    arguments = {"cases": [make_case((20, 20))], "patch_size": (8, 8), "batch_size": 1, **change}
    with pytest.raises(ValueError, match=told):
        PatchSampler(**arguments)


def test_real_images(mirror, monkeypatch):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    cases = load_cases("chase_db1", "train", limit=2, scale=0.5)
    batch = PatchSampler(cases, (192, 192), 4).batch(0)
    assert batch["image"].shape == (4, 3, 192, 192)
    assert abs(float(batch["image"][:, :, batch["valid"][0, 0]].mean())) < 1.5
    assert batch["target"].any()
    assert "valid" in batch
    # Vessels are darker than their surroundings in the green channel.
    green, target, valid = batch["image"][:, 1:2], batch["target"] == 1, batch["valid"]
    assert green[target & valid].mean() < green[~target & valid].mean()
