"""PNG, JPEG, GIF, BMP and WebP: one picture, upright, of grey values, indices or colours."""

import io
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageOps

from tubekit.data.stored import ReadError, Stored, without_opacity

# Bytes 24 and 25 of a PNG: bits of a value, and whether values are colours or grey with opacity.
_BITS, _KIND = 24, 25


def read_picture(data: bytes, name: str | PurePath) -> Stored:
    """Decode one picture, turned as its EXIF orientation says.

    An indexed picture keeps its indices and brings its palette, unless that holds greys only:
    programs that pack grey values make such. Opacity is left out.

    Raises:
        ReadError: several frames, colours of 16 bits, transparent parts.
        OSError, ValueError and others of Pillow: damaged bytes.
    """
    with Image.open(io.BytesIO(data)) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # a photograph with its preview
            raise ReadError(
                f"{name}: expected one picture, got {frames} frames; save the one that you mean, "
                "or a stack of slices as TIFF or NIfTI"
            )
        if image.format == "PNG" and data[_BITS] == 16 and data[_KIND] != 0:
            raise ReadError(
                f"{name}: expected colours of 8 bits, got 16; store the picture as TIFF, or with 8"
            )
        upright = ImageOps.exif_transpose(image)
    if upright.mode == "P":
        return _indexed(upright)
    if upright.mode in ("CMYK", "YCbCr", "PA", "La", "RGBa"):
        upright = upright.convert("RGB" if upright.mode in ("CMYK", "YCbCr") else "RGBA")
    array = np.asarray(upright)
    if upright.mode in ("LA", "RGBA"):
        array, channels = without_opacity(array, name)
        return Stored(array, channels=channels)
    return Stored(array, channels=array.ndim == 3)


def _indexed(image: Image.Image) -> Stored:
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    indices = np.asarray(image)
    # Indices beyond the palette are black, as viewers show them.
    missing = int(indices.max(initial=0)) + 1 - len(colours)
    palette = np.pad(colours, ((0, max(0, missing)), (0, 0)))
    return as_indexed(indices, palette)


def as_indexed(indices: np.ndarray, palette: np.ndarray) -> Stored:
    """Indices with their palette, or grey values where the palette holds no other."""
    if (palette == palette[:, :1]).all():
        return Stored(palette[:, 0][indices])
    return Stored(indices, palette=palette)
