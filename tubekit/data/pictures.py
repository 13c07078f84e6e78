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

    An indexed picture keeps its indices and brings its palette. GIF and BMP know no other kind, so
    there a palette of greys holds the values. Opacity is left out.

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
        indexed = _indexed(upright)
        return indexed if image.format == "PNG" or indexed.seen.channels else indexed.seen
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
    return Stored(indices, palette=palette)
