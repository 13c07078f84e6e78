"""Vesselness as an image channel: computed in the organ, once per case, kept on disk."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32

from tubekit import _check
from tubekit._accept import PathLike, Whole, whole
from tubekit._accept import path as as_path
from tubekit.data.cache import cached_array, content_key, sources
from tubekit.data.storage import cache_root
from tubekit.geometry import frangi, jerman, meijering, sato
from tubekit.geometry._scale_space import checked_scales
from tubekit.types import Case

FILTERS: dict[str, Callable[..., Float32[np.ndarray, "..."]]] = {
    "jerman": jerman,
    "frangi": frangi,
    "sato": sato,
    "meijering": meijering,
}

LIVER_SIGMAS_MM = tuple(float(round(s, 4)) for s in np.geomspace(1.4, 2.4, 4))
"""Four scales in millimetres, evenly spaced in their logarithm."""
LIVER_TAU = 0.2


def with_vesselness(
    case: Case,
    *,
    filter: str = "jerman",
    sigmas_mm: Iterable[float] = LIVER_SIGMAS_MM,
    tau: float | None = None,
    bright: bool = True,
    channel: Whole = 0,
    erode_voxels: Whole = 2,
    folder: PathLike | None = None,
) -> Case:
    """Append the vesselness of one channel as a derived channel.

    Computed inside the organ (``case.valid``) without its outermost voxels, where the border of the
    organ looks like a plate or a tube; 0 elsewhere. The response is divided by its largest value
    there, so that every case reaches 1 unless nothing answers. It is kept on disk and made again
    when the image, the organ, an argument or the code changes; a damaged entry is made anew.

    The defaults suit contrast CT of the liver. For vessels of the retina, dark in the green
    channel: ``channel=1, bright=False, sigmas_mm=(1, 2, 3, 4), tau=0.75``.

    Args:
        case: 2-D or 3-D; ``valid=None`` means that the organ fills the image.
        filter: ``"jerman"``, ``"frangi"``, ``"sato"`` or ``"meijering"`` of ``tubekit.geometry``,
            with their default parameters.
        sigmas_mm: scales in millimetres, about the radii of the vessels.
        tau: in (0, 1], of ``"jerman"`` only: the lower, the more do weak vessels count. ``None``
            means 0.2.
        bright: vessels are brighter than what surrounds them.
        channel: index of the channel to filter, not a derived one.
        erode_voxels: layers of the organ that are left out, counted in faces. The border of the
            image is no border of the organ.
        folder: of the cache; ``None`` means the user's cache folder.
    Returns:
        The case with one more channel, in [0, 1], and ``derived`` larger by one.
    Raises:
        ValueError: no such filter or channel, an organ that is empty (or empty without its
            outermost voxels), ``tau`` for another filter, or what the filter refuses: an argument,
            or NaN in or near the organ.
    Reference: Jerman et al., Enhancement of vascular structures in 3D and 2D angiographic images,
        IEEE TMI 35(9), 2016. Scales and ``tau`` for the liver: Lamy et al., Vesselness filters: a
        survey with benchmarks applied to liver imaging, ICPR 2020.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> image = np.zeros((1, 16, 16))
        >>> image[:, 7:9] = 100
        >>> case = Case("a", image, None, (1.0, 1.0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = with_vesselness(case, sigmas_mm=[1.0], folder=folder)
        >>> made.image.shape, made.derived, float(made.image[1].max())
        ((2, 16, 16), 1, 1.0)
    """
    _check.option("filter", filter, list(FILTERS))
    if tau is not None and filter != "jerman":
        raise ValueError(f"tau belongs to filter='jerman', got filter={filter!r}; leave tau out")
    measured = case.image.shape[0] - case.derived
    channel, layers = whole("channel", channel, -1), whole("erode_voxels", erode_voxels, 0)
    if not 0 <= channel < measured:
        raise ValueError(
            f"case {case.id}: expected a channel among its {measured} measured ones, got "
            f"{channel}; count channels from 0, and render an image where only masks exist"
        )
    organ = _organ(case, layers)
    image = np.ascontiguousarray(case.image[channel])
    sigmas = checked_scales(sigmas_mm)
    parameters = {"tau": LIVER_TAU if tau is None else float(tau)} if filter == "jerman" else {}

    def compute() -> Float32[np.ndarray, "*s"]:
        found = FILTERS[filter](
            image, sigmas, case.spacing, bright=bright, mask=organ, **parameters
        )
        top = found.max(initial=0)
        return found / top if top > 0 else found

    head = f"{filter} {sigmas} {parameters} {bright} {case.spacing} {sources(__name__)}"
    name = content_key(head, image, organ)
    place = cache_root() / "vesselness" if folder is None else as_path(folder)
    with _check.about(f"case {case.id}"):
        made = cached_array(place / f"{name}.npz", image.shape, compute)
    channels = np.concatenate([case.image, made[None]])
    return dataclasses.replace(case, image=channels, derived=case.derived + 1)


def _organ(case: Case, layers: int) -> Bool[np.ndarray, "*s"]:
    grid = case.image.shape[1:]
    if case.valid is None:
        return np.ones(grid, bool)
    if not case.valid.any():
        raise ValueError(
            f"case {case.id}: expected an organ mask (case.valid) to compute vesselness in, got an "
            "empty one; leave the case out or correct its mask"
        )
    if layers == 0:  # SciPy would erode until nothing is left
        return case.valid
    organ = scipy.ndimage.binary_erosion(case.valid, iterations=layers, border_value=1)
    if not organ.any():
        raise ValueError(
            f"case {case.id}: expected an organ mask thicker than {layers} layers of voxels, got "
            f"{int(case.valid.sum())} voxels of which none is left; lower erode_voxels"
        )
    return organ
