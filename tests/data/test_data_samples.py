"""True upstream files, served by a local server, become our files: address, conversion, hash."""

import functools
import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import nibabel
import numpy as np
import pytest

from tests.conftest import SAMPLES
from tests.data.test_data_dicom import slice_of
from tubekit.data import known_names, load_manifest
from tubekit.data.convert import CONVERSIONS
from tubekit.data.integrity import check_file
from tubekit.data.places import cache_folder
from tubekit.data.storage import file_sha256
from tubekit.data.transfer import deliver


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def samples():
    """Folder laid out like the public addresses, and the address of a server that stands in."""
    if not SAMPLES.is_dir():
        pytest.skip(f"upstream samples not found: {SAMPLES}; set TUBEKIT_UPSTREAM_SAMPLES")
    handler = functools.partial(_Handler, directory=str(SAMPLES))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SAMPLES, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def places(samples, monkeypatch, tmp_path):
    folder, url = samples
    monkeypatch.setenv("TUBEKIT_PUBLIC_HOST", url)
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("TUBEKIT_MIRROR", raising=False)
    monkeypatch.delenv("TUBEKIT_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder, url


def buildable(name, folder, url):
    """The files of a data set all of whose upstream files are among the samples."""
    manifest = load_manifest(name)
    return manifest, [
        file
        for file in manifest.all_files()
        if file.sources
        and all((folder / s.url.removeprefix(f"{url}/")).is_file() for s in file.sources)
    ]


@pytest.mark.parametrize("name", known_names())
def test_every_sample_becomes_our_file(places, name):
    manifest, files = buildable(name, *places)
    if not files:
        pytest.skip(f"no sample of {name}")
    assert deliver(files, cache_folder(manifest)) == {}
    for file in files:
        path = cache_folder(manifest) / file.path
        check_file(path, file)
        if "dicom" not in file.conversion:  # written by other code, so equal in content only
            assert file_sha256(path) == file.facts.sha256


def test_samples_cover_every_conversion_but_that_of_loose_slices(places):
    seen = {f.conversion for name in known_names() for f in buildable(name, *places)[1]}
    assert seen == set(CONVERSIONS) - {"dicom_crop_nifti"}


def test_structures_of_one_archive_lie_where_the_mirror_has_them(places, mirror):
    manifest, files = buildable("ircad01", *places)
    assert {f.path.split("/")[1] for f in files} == {"ircad01_07"}
    deliver(files, cache_folder(manifest))
    for file in files:
        made, ours = (
            nibabel.Nifti1Image.from_bytes(gzip.decompress((folder / file.path).read_bytes()))
            for folder in (cache_folder(manifest), mirror / manifest.folder)
        )
        assert np.allclose(made.affine, ours.affine, rtol=0, atol=1e-4)
        assert made.header.get_xyzt_units()[0] == ours.header.get_xyzt_units()[0] == "mm"


@pytest.mark.slow
def test_loose_slices_of_an_image_give_the_mirror(mirror):
    """No slices are among the samples, so they are cut from the mirror's own volume."""
    manifest = load_manifest("ircad01")
    file = next(f for f in manifest.case_files("ircad01_07") if f.role == "image")
    path = mirror / manifest.folder / file.path
    ours = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
    array = np.asarray(ours.dataobj).T
    (z0, z1), (y0, y1), (x0, x1) = file.options.crop
    assert len(file.sources) == z1 - z0 == len(array)
    full = np.zeros((z1 - z0, 512, 512), array.dtype)
    full[:, y0:y1, x0:x1] = array
    x, y, z = ours.header.get_zooms()
    slices = [slice_of(page, spacing=(float(z), float(y), float(x))) for page in full]
    made = CONVERSIONS[file.conversion](*slices, **file.options.given())
    again = nibabel.Nifti1Image.from_bytes(gzip.decompress(made))
    assert (array == np.asarray(again.dataobj).T).all()
    assert np.allclose(again.affine, ours.affine, rtol=0, atol=1e-4)
