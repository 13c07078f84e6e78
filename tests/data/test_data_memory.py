"""Nothing needs more than a few times the room of the image or the label that it works on."""

import secrets
import tracemalloc

import nibabel
import numpy as np
import pytest
import tifffile

from tubekit import data
from tubekit.data.encode import nifti
from tubekit.data.folders import read_map
from tubekit.data.targets import MAPS
from tubekit.types import Case

LIMIT = 6
OF_LABEL = 10
"""For what has no image; a label has one byte a voxel, a distance four."""
SHAPE = (40, 128, 128)
RNG = np.random.default_rng(0)
IMAGE = RNG.normal(100, 20, (1, *SHAPE)).astype(np.float32)
LABEL = np.zeros(SHAPE, np.uint8)
LABEL[6:30, 30:36, 20:120] = 1
LABEL[16:20, 20:120, 60:66] = 2
VALID = np.zeros(SHAPE, bool)
VALID[2:-2, 5:-5, 5:-5] = True
CASE = Case("a", IMAGE, LABEL, (2.0, 1.0, 1.0), VALID)


def sampler(**options):
    return lambda _: data.PatchSampler([CASE], 32, 1, **options)


WORK = {
    "clip_window": lambda _: data.clip_window(CASE, 0, 100),
    "normalise": lambda _: data.normalise(CASE),
    "crop_to_valid": lambda _: data.crop_to_valid(CASE),
    "downscale": lambda _: data.downscale(CASE, (1, 2, 2)),
    "inside_closed_organ": lambda _: data.inside_closed_organ(CASE),
    "resample": lambda _: data.resample(CASE, (2.0, 1.05, 1.05)),
    "coarser": lambda _: data.resample(CASE, (4.0, 2.0, 2.0)),
    "with_vesselness": lambda folder: data.with_vesselness(
        CASE, folder=folder / secrets.token_hex(4)
    ),
    "PatchSampler": sampler(maps=()),
    "PatchSampler of maps": sampler(maps=("tube",), when="case"),
    **{name: lambda _, name=name: data.target_map(name, LABEL) for name in MAPS},
    **{
        f"read_image {name}": lambda folder, name=name: data.read_image(folder / name)
        for name in ("a.nii.gz", "a.nii", "a.tif")
    },
    **{
        f"read_map {name}": lambda folder, name=name: read_map(folder / name)
        for name in ("f.nii.gz", "a.tif")
    },
    "write_label": lambda folder: data.write_label(folder / "l.nii.gz", LABEL, None),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    whole = IMAGE[0].round()
    (made / "f.nii.gz").write_bytes(nifti(whole, (2.0, 1.0, 1.0)))
    (made / "a.nii.gz").write_bytes(nifti(whole.astype(np.int16), (2.0, 1.0, 1.0)))
    nibabel.save(nibabel.Nifti1Image(whole.T, np.eye(4)), made / "a.nii")
    tifffile.imwrite(made / "a.tif", whole)
    return made


@pytest.mark.parametrize("name", WORK)
def test_room_at_the_peak(monkeypatch, tmp_path, folder, name):
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    WORK[name](folder)  # compiles, imports, and keeps the maps
    tracemalloc.start()
    try:
        WORK[name](folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    alone = name in (*MAPS, "write_label")
    assert peak <= (OF_LABEL * LABEL.nbytes if alone else LIMIT * IMAGE.nbytes)
