"""The liver rendering: stated values come out, parts are independent, ranges cover real CT."""

import numpy as np
import pytest
from scipy import ndimage

from tubekit.phantoms import LiverCT, render_liver_ct
from tubekit.phantoms.contrast_ct import _tumours
from tubekit.phantoms.ct import Scanner, acquire, ct_noise, ellipsoid_mm, texture, thin_vessels

SHAPE, SPACING = (40, 64, 64), (1.5, 0.8, 0.8)
QUIET = {"psf_mm": (0.01, 0.01), "slice_share": (1.0, 1.0), "noise_hu": (0.0, 0.0)}
PLAIN = {
    **QUIET,
    "texture_hu": (0.0, 0.0),
    "vessel_texture_hu": (0.0, 0.0),
    "inset_mm": (0.0, 0.0),
    "tumours": (0, 0),
}


@pytest.fixture(scope="module")
def masks():
    centre = (30.0, 25.0, 25.0)
    organ = ellipsoid_mm(SHAPE, SPACING, centre, (24.0, 20.0, 20.0)) < 0
    z, y, x = np.indices(SHAPE) * np.array(SPACING)[:, None, None, None]
    vessels = np.zeros(SHAPE, np.uint8)
    vessels[np.hypot(y - 20, x - 20) < 4] = 1
    vessels[np.hypot(z - 30, y - 32) < 5] = 2
    vessels[:, 40, 40] = 1
    return vessels * organ, organ


def test_stated_hounsfield_units_come_out(masks):
    vessels, organ = masks
    model = LiverCT(
        **PLAIN,
        parenchyma_hu=(104.0, 104.0),
        portal_contrast=(60.0, 60.0),
        hepatic_share=(0.5, 0.5),
    )
    image = render_liver_ct(vessels, organ, SPACING, 0, model=model)
    assert image.dtype == np.float32
    depth = ndimage.binary_erosion
    inside = depth(organ, iterations=3) & ~ndimage.binary_dilation(vessels > 0, iterations=3)
    np.testing.assert_allclose(image[inside], 104, atol=0.01)
    for label, hu in ((1, 164), (2, 134)):
        core = depth(vessels == label, iterations=2)
        assert core.any()
        np.testing.assert_allclose(image[core], hu, atol=0.01)


def test_thin_vessels_are_weakened_by_partial_volume_and_inset(masks):
    vessels, organ = masks
    thin = np.zeros_like(organ)
    thin[15:25, 40, 40] = True
    wide = ndimage.binary_erosion(vessels == 1, iterations=2)
    contrast = {}
    for inset in (0.0, 0.3):
        model = LiverCT(**{**PLAIN, "inset_mm": (inset, inset)}, portal_contrast=(60.0, 60.0))
        image = render_liver_ct(vessels, organ, SPACING, 0, model=model)
        liver = np.median(image[organ])
        contrast[inset] = image[thin].mean() - liver, image[wide].mean() - liver
    assert contrast[0.0][1] == pytest.approx(60, abs=0.1)
    assert 15 < contrast[0.0][0] < 50
    assert 0 < contrast[0.3][0] < contrast[0.0][0] - 5
    assert contrast[0.3][1] == pytest.approx(60, abs=0.1)


def test_seeds_and_independent_parts(masks):
    first, again = (render_liver_ct(*masks, SPACING, 3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - render_liver_ct(*masks, SPACING, 4)).mean() > 5
    vessels, organ = masks
    none, many = (
        render_liver_ct(*masks, SPACING, 3, model=LiverCT(tumours=(n, n), tumour_mm=(4.0, 9.0)))
        for n in (0, 3)
    )
    change = many - none
    assert np.abs(change[~ndimage.binary_dilation(organ, iterations=5)]).max() < 0.01
    assert change.min() < -20
    assert change.max() < 1
    core = ndimage.binary_erosion(vessels > 0, iterations=2)
    assert np.abs(change[core]).max() < 12  # vessels stay above tumours; only blur is left


def test_tumours_lie_inside_the_liver_and_clear_of_vessels(masks, rng):
    vessels, organ = masks
    model = LiverCT(tumours=(3, 3), tumour_mm=(4.0, 9.0))
    shares = _tumours(vessels > 0, organ, SPACING, rng, model)
    assert len(shares) == 3
    for share in shares:
        volume = share.sum() * np.prod(SPACING)
        assert 4 / 3 * np.pi * 2.5**3 < volume < 4 / 3 * np.pi * 10**3
        assert share[~organ].sum() < 0.03 * share.sum()
        assert share[vessels > 0].sum() < 0.03 * share.sum()
    assert not _tumours(vessels > 0, organ, SPACING, rng, LiverCT(tumours=(0, 0)))


def test_unlabelled_vessels_are_bright_inside_the_organ_only(masks):
    vessels, organ = masks
    none, some = (
        render_liver_ct(*masks, SPACING, 3, model=LiverCT(**QUIET, unlabelled=n)) for n in (0, 8)
    )
    change = some - none
    assert not change[~organ].any()
    assert not change[vessels > 0].any()
    assert change.min() >= 0
    assert 5 < change.max() < 90
    assert 0.001 < (change[organ] > 3).mean() < 0.1


def test_surroundings_hold_fat_lung_and_bone(masks):
    image = render_liver_ct(*masks, SPACING, 1, model=LiverCT(**QUIET))
    outside = image[~ndimage.binary_dilation(masks[1], iterations=3)]
    for low, high in ((-1000, -700), (-130, -70), (30, 90), (120, 400)):
        assert ((outside > low) & (outside < high)).mean() > 0.01


def test_noise_is_band_limited_with_the_stated_deviation(rng):
    noise = ct_noise((24, 96, 96), (2.0, 0.7, 0.7), rng, 0.45, 1.2)
    assert noise.mean() == pytest.approx(0, abs=1e-4)
    assert noise.std() == pytest.approx(1, abs=1e-4)

    def correlation(step: int, axis: int) -> float:
        return float((noise * np.roll(noise, step, axis)).mean())

    assert 0.3 < correlation(1, 2) < 0.7
    assert correlation(1, 1) == pytest.approx(correlation(1, 2), abs=0.05)
    assert abs(correlation(4, 2)) < 0.08
    assert correlation(1, 0) == pytest.approx(0.139 / 0.708, abs=0.02)
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(96, 0.7),) * 2))
    low, middle, high = (
        power[(f > a) & (f < b)].mean() for a, b in ((0, 0.04), (0.15, 0.25), (0.6, 0.7))
    )
    assert low < 0.8 * middle  # the ramp
    expected = (0.75 / 0.3) * np.exp(-((2 * np.pi * 0.45) ** 2) * (0.65**2 - 0.2**2))
    assert high / middle == pytest.approx(expected, rel=0.25)  # the kernel


def test_scanner_blurs_across_slices_by_thickness_and_within_by_the_psf():
    scene = np.zeros((21, 41, 41))
    scene[10, 20, 20] = 1e3
    scanner = Scanner(psf_mm=(1.0, 1.0), slice_share=(1.5, 1.5), noise_hu=(0.0, 0.0))
    image = acquire(scene, (2.0, 0.5, 1.0), np.random.default_rng(0), scanner)
    assert image.sum() == pytest.approx(1e3, rel=1e-3)
    for axis, sigma in enumerate((np.sqrt(2 * 0.5 / 3), 2.0, 1.0)):
        line = image.sum(axis=tuple(a for a in range(3) if a != axis))
        places = np.arange(len(line)) - len(line) // 2
        variance = (line * places**2).sum() / line.sum()
        assert np.sqrt(variance) == pytest.approx(sigma, rel=0.05)


def test_texture_scales_with_the_spacing(rng):
    field = texture((30, 40, 50), (2.0, 1.0, 1.0), np.random.default_rng(0), 3.0)
    double = texture((30, 40, 50), (4.0, 2.0, 2.0), np.random.default_rng(0), 6.0)
    np.testing.assert_allclose(field, double, atol=1e-5)
    many = np.stack([texture((20, 30), (1.0, 1.0), rng, 4.0) for _ in range(200)])
    assert many.std(axis=0).mean() == pytest.approx(1, abs=0.05)
    assert abs(many.mean()) < 0.15
    near = (many[:, :, 1:] * many[:, :, :-1]).mean()
    assert near == pytest.approx(np.exp(-0.25 / 4.0**2), abs=0.05)


def test_ellipsoid_distances():
    ball = ellipsoid_mm((9, 9, 9), (1.0, 1.0, 1.0), (4.0, 4.0, 4.0), (3.0, 3.0, 3.0))
    z, y, x = np.indices((9, 9, 9)) - 4
    np.testing.assert_allclose(ball, np.sqrt(z**2 + y**2 + x**2) - 3, atol=1e-4)
    turned = np.eye(3)[[1, 0, 2]]
    long = ellipsoid_mm((9, 9, 9), (1.0, 1.0, 1.0), (4.0, 4.0, 4.0), (2.0, 3.0, 3.0), turned)
    np.testing.assert_allclose(
        long, ellipsoid_mm((9, 9, 9), (1.0,) * 3, (4.0,) * 3, (3.0, 2.0, 3.0)), atol=1e-5
    )


def test_thin_vessels_fill_the_share_of_their_cross_section(rng):
    domain = np.ones((80, 80, 80), bool)
    share = thin_vessels(domain, (1.0, 1.0, 1.0), rng, 20, (0.3, 0.3), (15.0, 15.0))
    assert share.max() <= 0.3**2 * np.pi + 1e-6
    length = share.sum() / (np.pi * 0.3**2) / 20
    assert 10 < length < 18  # some leave the box
    assert not thin_vessels(~domain, (1.0, 1.0, 1.0), rng, 3, (0.3, 0.3), (5.0, 9.0)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parenchyma_hu": (120.0, 90.0)}, "parenchyma_hu must be an ascending pair"),
        ({"noise_hu": (-1.0, 5.0)}, "noise_hu must be 0 or more"),
        ({"tumours": (-1, 2)}, "tumours must be an ascending pair from 0"),
        ({"psf_mm": (0.1, np.inf)}, "psf_mm must be"),
        ({"slice_share": (0.5, 1.0)}, "slice_share must lie"),
        ({"unlabelled": -1}, "unlabelled must be 0 or more"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LiverCT(**change)


def test_bad_masks_are_refused(masks):
    vessels, organ = masks
    for arguments, message in (
        ((vessels, np.zeros_like(organ), SPACING), "at least one voxel"),
        ((vessels + 2, organ, SPACING), "0..2"),
        ((vessels, organ, (1.0, 1.0)), "spacing"),
        ((vessels, organ[1:], SPACING), "equal shapes"),
    ):
        with pytest.raises(ValueError, match=message):
            render_liver_ct(*arguments, 0)


@pytest.mark.parametrize("case", ["ircad01_01", "ircad01_07"])
def test_ranges_cover_real_liver_ct(mirror, case):
    nibabel = pytest.importorskip("nibabel")
    folder = mirror / "ircad01"
    if not folder.is_dir():
        pytest.skip("no liver CT")
    part = np.s_[40:-40:, 40:-40:, 40:70]

    def read(name: str) -> np.ndarray:
        return np.asarray(nibabel.load(folder / name).dataobj[part])

    image = read(f"images/{case}.nii.gz").astype(np.float32)
    liver, portal, veins = (
        read(f"labels/{case}/{n}.nii.gz") > 0 for n in ("liver", "portalvein", "venoussystem")
    )
    tissue = ndimage.binary_erosion(liver, iterations=6)
    tissue &= ~ndimage.binary_dilation(portal | veins, iterations=3)
    middle = float(np.median(image[tissue]))
    core = ndimage.binary_erosion(portal, iterations=3)
    difference = np.diff(image, axis=0)[tissue[1:] & tissue[:-1]]
    noise = 1.4826 * np.median(np.abs(difference)) / np.sqrt(2 * (1 - 0.5))
    model = LiverCT()
    for value, (low, high) in (
        (middle, model.parenchyma_hu),
        (float(np.median(image[core])) - middle, model.portal_contrast),
        (float(noise), model.noise_hu),
    ):
        assert low <= value <= high
