"""TIFF: pages and channels to (z, y, x, c), as the file's own tags and metadata name its axes."""

import io
from pathlib import PurePath
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tubekit.data.stored import ReadError, Stored, without_opacity

_PAGES = "ZIQ"
"""Slices; pages in a row; axes without a name. One of these is z."""
_MORE = {"T": "time points", "C": "channels", "S": "samples"}
_OPACITY = (1, 2)  # ExtraSamples
_ORIENTATION = 274


def read_tiff(data: bytes, name: str | PurePath) -> Stored:
    """Decode a picture, a stack of pages, or an ImageJ or OME file of channels and slices.

    Raises:
        ReadError: several time points, images of different sizes, axes that no volume has, or a
            compression that nothing here can read.
        ValueError and others of tifffile: damaged bytes.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        # Pages that are marked as smaller copies are previews.
        found = [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)
        first, page = found[0], found[0].keyframe
        kinds = {(s.shape, s.axes, s.dtype) for s in found}
        if len(kinds) > 1:
            shapes = ", ".join(" x ".join(map(str, s.shape)) for s in found[:4])
            raise ReadError(
                f"{name}: expected one image or pages of one size, got {len(found)} images of "
                f"{shapes}; export the one that you mean"
            )
        values = [_values(series, data, name) for series in found]
        axes = first.axes if len(found) == 1 else f"I{first.axes}"
        array = values[0] if len(found) == 1 else np.stack(values)
        array, channels = _ordered(array, axes, name)
        if channels and tuple(page.extrasamples)[-1:] and page.extrasamples[-1] in _OPACITY:
            array, channels = without_opacity(array, name)
        tag = page.tags.get(_ORIENTATION)
        array = _upright(array, int(tag.value) if tag else 1, array.ndim - channels)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            return Stored(array, palette=(np.asarray(page.colormap).T >> 8).astype(np.uint8))
    return Stored(array, channels=channels)


def _ordered(array: np.ndarray, axes: str, name: object) -> tuple[np.ndarray, bool]:
    """Axes as (z, y, x, c), and whether there are channels."""
    sizes = dict(zip(axes, array.shape, strict=True))
    alone = len(sizes) == len(axes)
    drop = [i for i, a in enumerate(axes) if array.shape[i] == 1 and a not in f"YX{_PAGES}"]
    array = array.squeeze(tuple(drop))
    axes = "".join(a for i, a in enumerate(axes) if i not in drop)
    pages = [a for a in axes if a in _PAGES]
    several = [a for a in axes if a in "CS"]
    known = {"Y", "X", *pages[:1], *several[:1]}
    if not alone or set(axes) != known or not {"Y", "X"} <= set(axes):
        words = ", ".join(f"{n} {_MORE.get(a, a)}" for a, n in sizes.items() if a not in "YX")
        raise ReadError(
            f"{name}: expected the axes of a picture or a volume, got {''.join(sizes)} with "
            f"{words}; save each volume as a file of its own, or name the axis of slices Z"
        )
    wanted = [*pages, "Y", "X", *several]
    return array.transpose([axes.index(a) for a in wanted]), bool(several)


def _upright(array: np.ndarray, orientation: int, ndim: int) -> np.ndarray:
    """As the tag says: where the first row and the first column of the picture are."""
    y, x = ndim - 2, ndim - 1
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(y, x)
    flips = {2: (x,), 3: (y, x), 4: (y,), 6: (x,), 7: (y, x), 8: (y,)}.get(orientation, ())
    return np.flip(array, flips) if flips else array


def _values(series: Any, data: bytes, name: object) -> np.ndarray:
    if any(page is None for page in series.pages):
        raise ReadError(
            f"{name}: expected all planes in this file, got some in others; export one file"
        )
    try:
        return np.asarray(series.asarray())
    except ValueError as error:
        # tifffile needs another package for LZW and JPEG inside TIFF; Pillow reads them page by
        # page, but drops colours of 16 bits to 8.
        if "imagecodecs" not in str(error):
            raise
        packed, page = series.keyframe.compression.name, series.keyframe
        if page.samplesperpixel == 1 or page.bitspersample == 8:
            with_pillow = _by_pillow(series, data)
            if with_pillow is not None:
                return with_pillow
        raise ReadError(
            f"{name}: expected packed colours of 8 bits, got {packed} with {page.bitspersample}; "
            "store the TIFF uncompressed, or type: pip install imagecodecs"
        ) from error


def _by_pillow(series: Any, data: bytes) -> np.ndarray | None:
    """Pages as tifffile would have them; ``None`` where Pillow reads another type, or nothing."""
    pages = []
    try:
        with Image.open(io.BytesIO(data)) as image:
            for page in series.pages:
                image.seek(page.index)
                tag = page.keyframe.tags.get(_ORIENTATION)
                pages.append(_turned_back(np.asarray(image), int(tag.value) if tag else 1))
    except OSError:
        return None
    made = np.stack(pages)
    if series.keyframe.planarconfig == 2 and made.ndim == 4:
        made = np.moveaxis(made, -1, 1)
    if series.keyframe.photometric == tifffile.PHOTOMETRIC.MINISWHITE and made.itemsize == 1:
        made = ~made  # Pillow shows such values as they are seen; stored they count from white
    if made.dtype != series.dtype or made.size != series.size:
        return None
    return made.reshape(series.shape)


def _turned_back(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo what Pillow has turned already, so that both ways go on alike."""
    return _upright(array, {6: 8, 8: 6}.get(orientation, orientation), 2)
