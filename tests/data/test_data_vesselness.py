"""Vesselness as a channel: where it is computed, how it is scaled, and its cache."""

import dataclasses

import numpy as np
import pytest

from tubekit.data import vesselness_channel, with_vesselness
from tubekit.geometry import frangi, jerman, meijering, sato
from tubekit.types import Case


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))


def box(spacing=(1.0, 1.0, 1.0), *, noise=2.0):
    """A round organ (100 HU) in fat (-100 HU), with a tube of 160 HU and radius 2 mm along x."""
    shape = tuple(round(n / s) for n, s in zip((24, 28, 32), spacing, strict=True))
    z, y, x = ((np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True))
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    organ = ((z - 12) / 10) ** 2 + ((y - 14) / 12) ** 2 + ((x - 16) / 15) ** 2 < 1
    tube = (z - 12) ** 2 + (y - 14) ** 2 < 4
    image = np.where(organ, np.where(tube, 160, 100), -100)
    image = image + np.random.default_rng(0).normal(0, noise, shape)
    label = (tube & organ).astype(np.uint8)
    return Case("b", image[None].astype(np.float32), label, spacing, organ)


@pytest.mark.parametrize("name", ["jerman", "frangi", "sato", "meijering"])
def test_the_tube_answers_and_the_border_of_the_organ_less_after_erosion(name):
    case = box()
    made = with_vesselness(case, filter=name)
    assert made.image.shape == (2, 24, 28, 32)
    assert made.derived == 1
    assert (made.image[0] == case.image[0]).all()
    assert made.label is case.label
    assert made.spacing == case.spacing
    assert made.image[1].min() == 0
    assert made.image[1].max() == 1
    tissue = case.valid & (case.label == 0)
    seen = []
    for layers in (0, 2, 4):
        channel = with_vesselness(case, filter=name, erode_voxels=layers).image[1]
        assert not channel[~case.valid].any()
        seen.append(channel[tissue].mean() / channel[12, 14, 8:24].mean())
    assert seen[0] > seen[1] > seen[2]
    assert seen[2] < 0.3


def test_channel_is_the_filter_in_the_eroded_organ_over_its_maximum():
    case = box((1.0, 0.8, 0.8))
    organ = case.valid.copy()
    for _ in range(2):  # two layers of faces, by hand; the organ does not touch the border
        inner = organ.copy()
        for axis in range(3):
            inner &= np.roll(organ, 1, axis) & np.roll(organ, -1, axis)
        organ = inner
    sigmas = (1.0, 2.0)
    for name, function in (("frangi", frangi), ("sato", sato), ("meijering", meijering)):
        wanted = function(case.image[0], sigmas, case.spacing, mask=organ)
        got = with_vesselness(case, filter=name, sigmas_mm=sigmas).image[-1]
        assert np.array_equal(got, wanted / wanted.max())
    for tau in (None, 0.2, 0.9):
        wanted = jerman(case.image[0], sigmas, case.spacing, tau=tau or 0.2, mask=organ)
        got = with_vesselness(case, sigmas_mm=sigmas, tau=tau).image[-1]
        assert np.array_equal(got, wanted / wanted.max())
    kept = with_vesselness(case, sigmas_mm=sigmas, erode_voxels=0).image[-1]
    wanted = jerman(case.image[0], sigmas, case.spacing, tau=0.2, mask=case.valid)
    assert np.array_equal(kept, wanted / wanted.max())


def test_default_scales_are_four_from_1_4_to_2_4_mm_in_equal_ratios():
    scales = vesselness_channel.LIVER_SIGMAS_MM
    assert (scales[0], scales[-1], len(scales)) == (1.4, 2.4, 4)
    assert np.allclose(np.diff(np.log(scales)), np.log(2.4 / 1.4) / 3, atol=1e-4)


def test_scales_are_millimetres():
    """Doubling every length leaves the answer as it is."""
    case = box()
    double = dataclasses.replace(case, spacing=(2.0, 2.0, 2.0))
    a = with_vesselness(case, sigmas_mm=(1.5, 2.0)).image[-1]
    b = with_vesselness(double, sigmas_mm=(3.0, 4.0)).image[-1]
    assert np.allclose(a, b, atol=2e-5)
    assert not np.allclose(a, with_vesselness(double, sigmas_mm=(1.5, 2.0)).image[-1], atol=0.05)


def test_dark_vessels_of_the_green_channel(rng):
    image = np.full((3, 40, 44), 120, np.float32)
    image[1, 18:22] = 70
    image[0, :, 8:12] = 200
    case = Case("r", image, None, (1.0, 1.0))
    made = with_vesselness(case, channel=1, bright=False, sigmas_mm=(1, 2, 3, 4), tau=0.75)
    assert made.derived == 1
    vessel = made.image[3]
    assert vessel[18:22, 3:-3].min() > 0.5
    assert vessel[:10].max() < 0.05  # the bright column of the red channel is not seen
    assert with_vesselness(case, channel=1, sigmas_mm=(1, 2)).image[3][18:22].max() < 0.1


def test_border_of_the_image_is_no_border_of_the_organ():
    image = np.full((1, 30, 40), 50, np.float32)
    image[0, 13:16] = 90
    everywhere = Case("e", image, None, (1.0, 1.0))
    filled = dataclasses.replace(everywhere, valid=np.ones((30, 40), bool))
    a = with_vesselness(everywhere).image[-1]
    assert (a == with_vesselness(filled).image[-1]).all()
    assert a[14, 0] > 0.5


def test_flat_image_has_no_vessels_and_maps_are_stacked():
    case = Case("f", np.full((1, 9, 9), 7, np.float32), None, (1.0, 1.0))
    twice = with_vesselness(with_vesselness(case), filter="sato")
    assert twice.derived == 2
    assert twice.image.shape[0] == 3
    assert not twice.image[1:].any()
    with pytest.raises(ValueError, match="case f: expected a channel among its 1 measured ones"):
        with_vesselness(twice, channel=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"filter": "otsu"}, "filter must be one of 'jerman', .*got 'otsu'"),
        ({"filter": "sato", "tau": 0.5}, "tau belongs to filter='jerman', got filter='sato'"),
        ({"channel": 1}, "case b: expected a channel among its 1 measured ones, got 1; "),
        ({"channel": -1}, "got -1"),
        ({"erode_voxels": -1}, "erode_voxels must be an integer of at least 0, got -1"),
        ({"erode_voxels": 1.5}, "erode_voxels must be an integer of at least 0, got 1.5"),
        ({"erode_voxels": None}, "erode_voxels must be an integer of at least 0, got None"),
        ({"erode_voxels": 40}, "case b: expected an organ mask thicker than 40 layers .*lower"),
        ({"sigmas_mm": ()}, "sigmas_mm needs at least one scale"),
        ({"sigmas_mm": 2.0}, "sigmas_mm must be a list of scales, got 2.0"),
        ({"sigmas_mm": None}, "sigmas_mm must be a list of scales, got None"),
        ({"tau": 0.0}, "tau must be"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments(arguments, told):
    with pytest.raises(ValueError, match=told):
        with_vesselness(box(), **arguments)


def test_nan_in_the_organ_names_the_case():
    case = box()
    case.image[0, 12, 14, 16] = np.nan
    with pytest.raises(ValueError, match="case b: image must be finite"):
        with_vesselness(case)


def test_empty_organ_and_masks_without_image():
    case = box()
    empty = dataclasses.replace(case, valid=np.zeros_like(case.valid))
    with pytest.raises(ValueError, match=r"case b: expected an organ mask .*got an empty one"):
        with_vesselness(empty)
    masks = dataclasses.replace(case, image=case.image[:0])
    with pytest.raises(ValueError, match=r"among its 0 measured ones, got 0; .*render an image"):
        with_vesselness(masks)


@pytest.fixture
def counted(monkeypatch):
    made = []

    def counting(*arguments, **named):
        made.append(arguments)
        return jerman(*arguments, **named)

    monkeypatch.setitem(vesselness_channel.FILTERS, "jerman", counting)
    return made


def test_cache_and_what_its_key_covers(tmp_path, counted, monkeypatch):
    case = box()
    first = with_vesselness(case, folder=tmp_path / "v").image
    again = with_vesselness(dataclasses.replace(case, id="other"), folder=tmp_path / "v").image
    assert len(counted) == 1
    assert (first == again).all()
    smaller = case.valid.copy()
    smaller[12] = False
    others = [
        (dataclasses.replace(case, image=case.image + 1), {}),
        (dataclasses.replace(case, valid=smaller), {}),
        (dataclasses.replace(case, spacing=(1.0, 1.0, 2.0)), {}),
        (case, {"sigmas_mm": (1.4, 2.4)}),
        (case, {"tau": 0.3}),
        (case, {"bright": False}),
        (case, {"erode_voxels": 1}),
    ]
    for other, arguments in others:
        with_vesselness(other, folder=tmp_path / "v", **arguments)
    monkeypatch.setattr(vesselness_channel, "sources", lambda *names: "another version")
    with_vesselness(case, folder=tmp_path / "v")
    assert len(counted) == len(list((tmp_path / "v").iterdir())) == len(others) + 2


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short"])
def test_damaged_entry_is_computed_anew(tmp_path, counted, damage):
    wanted = with_vesselness(box(), folder=tmp_path / "v").image
    (entry,) = (tmp_path / "v").iterdir()
    good = entry.read_bytes()
    entry.write_bytes(damage)
    assert (with_vesselness(box(), folder=tmp_path / "v").image == wanted).all()
    assert len(counted) == 2
    assert entry.read_bytes() == good


def test_default_folder_is_in_the_cache(tmp_path):
    with_vesselness(box())
    assert len(list((tmp_path / "cache" / "vesselness").iterdir())) == 1
