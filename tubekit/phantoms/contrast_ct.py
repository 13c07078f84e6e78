"""Contrast-enhanced liver CT rendered around given vessel and organ masks."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer
from scipy import ndimage

from tubekit import _check
from tubekit._accept import array, numbers, taking, taking_numbers
from tubekit.geometry import distance_transform, signed_distance
from tubekit.phantoms.abdomen import surroundings
from tubekit.phantoms.ct import Range, Scanner, acquire, ellipsoid_mm, over, texture, thin_vessels
from tubekit.phantoms.render import partial_volume


@taking_numbers
@dataclasses.dataclass(frozen=True)
class LiverCT(Scanner):
    """Parameters of the rendering; each case draws one value evenly from every range.

    The ranges follow what is usual in the portal-venous phase; they are not fitted to a data set.

    Attributes:
        parenchyma_hu: enhanced liver tissue (HU).
        texture_hu: standard deviation of its slow variation (HU).
        texture_mm: length over which it varies.
        portal_contrast: portal veins above the parenchyma (HU).
        hepatic_share: enhancement of the hepatic veins as a share of the portal one: below 1 in
            an early, mixed phase.
        vessel_texture_hu: standard deviation of incomplete mixing along the vessels (HU).
        inset_mm: how far the wall of a vessel lies inside the wall of its label: annotators paint
            voxels that are partly vessel.
        tumours: least and most hypodense tumours (whole number drawn).
        tumour_contrast: tumours against the parenchyma (HU).
        tumour_mm: radius of a tumour; it shrinks where vessels leave less room.
        tumour_edge_mm: width of its soft edge.
        fat_hu, muscle_hu: tissues around the liver (HU).
        neighbours: least and most organs beside the liver (whole number drawn).
        neighbour_hu: from a filled stomach to an enhanced kidney (HU).
        unlabelled: number of thin vessels that are drawn but stand in no label.
        unlabelled_mm: their radius.
    Raises:
        ValueError: a range that descends, or a negative length, share, number or noise.

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import LiverCT, render_liver_ct
        >>> vessels = np.zeros((12, 12, 12), int)
        >>> vessels[2:10, 4:8, 4:8] = 1
        >>> organ = np.ones((12, 12, 12), bool)
        >>> ct = render_liver_ct(vessels, organ, (1.0, 1.0, 1.0), 0, model=LiverCT(tumours=(0, 0)))
        >>> bool(ct[vessels == 1].mean() > ct[vessels == 0].mean())
        True
    """

    parenchyma_hu: Range = (90.0, 125.0)
    texture_hu: Range = (3.0, 7.0)
    texture_mm: Range = (5.0, 12.0)
    portal_contrast: Range = (35.0, 90.0)
    hepatic_share: Range = (0.5, 1.1)
    vessel_texture_hu: Range = (2.0, 8.0)
    inset_mm: Range = (0.0, 0.35)
    tumours: tuple[int, int] = (0, 4)
    tumour_contrast: Range = (-70.0, -25.0)
    tumour_mm: Range = (4.0, 18.0)
    tumour_edge_mm: Range = (1.5, 4.0)
    fat_hu: Range = (-110.0, -80.0)
    muscle_hu: Range = (50.0, 70.0)
    neighbours: tuple[int, int] = (2, 4)
    neighbour_hu: Range = (20.0, 210.0)
    unlabelled: int = 0
    unlabelled_mm: Range = (0.25, 0.6)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unlabelled < 0:
            raise ValueError(
                f"unlabelled must be 0 or more vessels, got {self.unlabelled}; 0 draws none"
            )


@taking(numbers, vessels=array, organ=array)
def render_liver_ct(
    vessels: Integer[np.ndarray, "z y x"],
    organ: Bool[np.ndarray, "..."],
    spacing: Sequence[float],
    seed: int,
    *,
    model: LiverCT | None = None,
) -> Float32[np.ndarray, "z y x"]:
    """Render masks of liver vessels and liver to a portal-venous CT.

    In this order: fat, muscle, bowel, neighbour organs, body wall and lung around the liver; the
    parenchyma with slow texture; tumours; vessels over all, also where they leave the liver; the
    blur of the scanner and its noise. A wall passes through a voxel by the signed distance to the
    mask (``partial_volume``), smoothed by half a voxel so that steps of the mask do not show.
    Every part has its own random stream: more tumours do not change the noise.

    The scanner's parameters hold for the scanner's grid: render masks on the grid they were drawn
    on, and resample image and masks afterwards like those of a real case.

    Args:
        vessels: 0 background, 1 portal vein, 2 hepatic veins.
        organ: the liver, tumours included.
        spacing: millimetres per voxel in array order; slices lie along the first axis, low to
            high towards the head.
        seed: the same seed gives the same image.
        model: parameters and their ranges; ``None`` takes ``LiverCT()``.
    Returns:
        Image in Hounsfield units.
    Raises:
        ValueError: masks of different shape or not 3-D, an empty organ, labels other than 0 to 2,
            a bad spacing.

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import LiverCT, render_liver_ct
        >>> vessels = np.zeros((12, 12, 12), int)
        >>> vessels[2:10, 4:8, 4:8] = 1
        >>> organ = np.ones((12, 12, 12), bool)
        >>> ct = render_liver_ct(vessels, organ, (1.0, 1.0, 1.0), 0, model=LiverCT(tumours=(0, 0)))
        >>> bool(ct[vessels == 1].mean() > ct[vessels == 0].mean())
        True
    """
    model = model or LiverCT()
    _check.same_shape(vessels=vessels, organ=organ)
    _check.dimensions("organ", organ, (3,))
    _check.integer_classes("vessels", vessels, 3)
    spacing = _check.spacing(spacing, 3)
    if not organ.any():
        raise ValueError("organ must hold at least one voxel, got none; pass the liver mask")
    shape = organ.shape
    around, inside, lesions, blood, stray, scanner = np.random.default_rng(seed).spawn(6)
    organ_mm = _surface_mm(organ, spacing)
    scene = surroundings(
        organ_mm,
        spacing,
        around,
        fat_hu=around.uniform(*model.fat_hu),
        muscle_hu=around.uniform(*model.muscle_hu),
        neighbours_hu=around.uniform(
            *model.neighbour_hu, around.integers(*model.neighbours, endpoint=True)
        ),
    )
    liver_hu = inside.uniform(*model.parenchyma_hu)
    cloud = texture(shape, spacing, inside, inside.uniform(*model.texture_mm))
    parenchyma = liver_hu + inside.uniform(*model.texture_hu) * cloud
    for share in _tumours(vessels > 0, organ, spacing, lesions, model):
        parenchyma += share * lesions.uniform(*model.tumour_contrast)
    scene = over(scene, partial_volume(organ_mm, spacing), parenchyma)
    portal = blood.uniform(*model.portal_contrast)
    contrasts = (portal, portal * blood.uniform(*model.hepatic_share))
    mixing = blood.uniform(*model.vessel_texture_hu) * texture(shape, spacing, blood, 6.0)
    inset = blood.uniform(*model.inset_mm)
    for label, contrast in enumerate(contrasts, 1):
        share = partial_volume(_surface_mm(vessels == label, spacing) + inset, spacing)
        scene = over(scene, share, liver_hu + contrast + mixing)
    if model.unlabelled:
        share = thin_vessels(
            organ & (vessels == 0), spacing, stray, model.unlabelled, model.unlabelled_mm, (8, 30)
        )
        scene += share * portal
    return acquire(scene, spacing, scanner, model)


def _surface_mm(mask: np.ndarray, spacing: tuple[float, ...]) -> Float32[np.ndarray, "z y x"]:
    """Signed distance to the wall of a mask, which runs between its voxels and the others."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, -1e3 if mask.any() else 1e3, dtype=np.float32)
    distance = signed_distance(mask, spacing) - min(spacing) / 2
    return ndimage.gaussian_filter(distance, 0.5, truncate=2.0, mode="nearest")


def _tumours(
    vessel: Bool[np.ndarray, "z y x"],
    organ: Bool[np.ndarray, "z y x"],
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    model: LiverCT,
) -> list[Float[np.ndarray, "z y x"]]:
    """Shares of lumpy ellipsoids in the roomiest of some random places without vessels."""
    count = int(rng.integers(*model.tumours, endpoint=True))
    if not count:
        return []
    free = organ & ~vessel
    room_mm = np.minimum(distance_transform(free, spacing), 1e3)
    places = np.argwhere(free)
    shares = []
    for _ in range(count if len(places) else 0):
        wanted, edge = rng.uniform(*model.tumour_mm), rng.uniform(*model.tumour_edge_mm)
        tried = places[rng.integers(len(places), size=32)]
        centre = max(tried.tolist(), key=lambda place: min(room_mm[tuple(place)], wanted))
        radius = min(float(room_mm[tuple(centre)]), wanted)
        if radius < model.tumour_mm[0]:
            continue
        radii = radius * rng.uniform(0.7, 1.0, 3)
        middle = np.array(centre) * np.array(spacing)
        lumps = 0.1 * radius * texture(organ.shape, spacing, rng, 0.5 * radius)
        distance = ellipsoid_mm(organ.shape, spacing, middle.tolist(), radii.tolist()) + lumps
        shares.append(np.clip(0.5 - distance / edge, 0.0, 1.0))
    return shares
