"""NRRD (.nrrd, .nhdr), as 3D Slicer writes it: the fastest axis first in the file, last here."""

import io
import re
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from tubekit import _check
from tubekit._extras import extra
from tubekit.data.metaimage import from_lps
from tubekit.data.stored import ReadError, Stored
from tubekit.types import Placed, Spacing

# What turns a space's axes into (left, back, top).
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_MILLIMETRES = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "cm": 10.0, "m": 1e3}
_NOT_SPACE = ("list", "point", "vector", "time", "color", "scalar", "complex", "matrix")


def read_nrrd(data: bytes, name: str | PurePath) -> Stored:
    """Decode a picture or volume with its place; lengths without a unit are millimetres.

    Raises:
        ReadError: more than one axis beside those of space.
        MissingExtra: the package of ``[files]`` is not installed.
        OSError, ValueError and others of pynrrd: damaged bytes.
    """
    with extra("files", f"{name}"):
        import nrrd
    file = io.BytesIO(data)
    header: dict[str, Any] = nrrd.read_header(file)
    array = nrrd.read_data(header, file, str(Path(name)), index_order="C")
    # From here on axes in the order of the file, the reverse of the array's.
    space = _axes_of_space(header, array.ndim)
    more = [i for i in range(array.ndim) if i not in space and array.shape[-1 - i] > 1]
    if len(space) not in (2, 3) or len(more) > 1 or "time" in _kinds(header, array.ndim, more):
        raise ReadError(
            f"{name}: expected 2 or 3 axes of space and at most one of channels, got sizes "
            f"{list(array.shape[::-1])} of kinds {header.get('kinds')}; store each volume as a file"
        )
    order = [array.ndim - 1 - i for i in (*space[::-1], *more)]
    rest = [i for i in range(array.ndim) if i not in order]
    array = array.transpose([*rest, *order]).reshape([array.shape[i] for i in order])
    return Stored(np.ascontiguousarray(array), _place(header, space), channels=bool(more))


def values_file(data: bytes, name: str | PurePath) -> Path | None:
    """The file of values that a header names; ``None`` where they follow the header."""
    header = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    found = re.search(rb"^data ?file:[ \t]*(.+?)\s*$", header, re.MULTILINE | re.IGNORECASE)
    return Path(name).parent / found[1].decode("utf-8", "surrogateescape") if found else None


def _kinds(header: dict[str, Any], ndim: int, axes: list[int]) -> str:
    kinds = header.get("kinds") or ["domain"] * ndim
    return " ".join(str(kinds[i]) for i in axes).lower()


def _axes_of_space(header: dict[str, Any], ndim: int) -> list[int]:
    """Those with a direction; without directions, those whose kind is none of values."""
    if (directions := header.get("space directions")) is not None:
        return [i for i, d in enumerate(directions) if d is not None and not np.isnan(d).any()]
    return [
        i for i in range(ndim) if not any(word in _kinds(header, ndim, [i]) for word in _NOT_SPACE)
    ]


def _place(header: dict[str, Any], space: list[int]) -> Spacing:
    ndim = len(space)
    units = header.get("space units") or header.get("units") or ["mm"] * ndim
    unit = _MILLIMETRES.get(str(units[0]).lower(), 1.0)
    directions = header.get("space directions")
    if directions is None:
        sides = header.get("spacings")
        steps = np.ones(ndim) if sides is None else np.asarray(sides, float)[space]
        spacing = np.where(np.isnan(steps), 1.0, steps) * unit
        return Placed.of(_check.millimetres(spacing[::-1].tolist(), ndim), None)
    matrix = np.eye(ndim + 1)
    matrix[:ndim, :ndim] = np.array([directions[i] for i in space], float).T[:ndim] * unit
    origin = header.get("space origin", np.zeros(ndim))
    matrix[:ndim, ndim] = np.asarray(origin, float)[:ndim] * unit
    sides = np.linalg.norm(matrix[:ndim, :ndim], axis=0)[::-1]
    placed = _check.millimetres([float(f"{v:.6g}") for v in sides], ndim)
    signs = _SPACES.get(str(header.get("space", "")).lower())
    if signs is None:
        return Placed.of(placed, None)
    matrix[:ndim] *= np.array(signs[:ndim], float)[:, None]
    return Placed.of(placed, from_lps(matrix))
