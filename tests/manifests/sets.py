"""The data sets of the repository, each manifest read once."""

import functools

from tubekit.data import Manifest, known_names, load_manifest
from tubekit.data.origin import File

NAMES = known_names()
ELSEWHERE = (
    "airway_bas",
    "drive",
    "imagecas",
    "livs",
    "msd08_hepatic_vessel",
    "narrow_cracks",
    "toothfairy",
    "topcow",
)
HERE = [n for n in NAMES if n not in ELSEWHERE]


@functools.cache
def read(name: str) -> Manifest:
    return load_manifest(name)


@functools.cache
def all_files(name: str) -> list[File]:
    return read(name).all_files()
