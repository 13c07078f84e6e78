"""Resolution order, integrity, and downloads from a server that is slow, broken or hostile."""

import errno
import os

import pytest

from tubekit.data import DataUnavailable, IntegrityError, load_cases, resolve, verify
from tubekit.data import storage as storage_module
from tubekit.data.download import DownloadError, download, part_path
from tubekit.data.storage import cache_root, write_atomic


def stored(toy):
    """Files of the data set that lie in the cache, by relative path."""
    folder = cache_root() / "data" / "toy"
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def parts():
    folder = cache_root() / ".partial"
    return list(folder.iterdir()) if folder.is_dir() else []


def test_mirror_comes_first(toy, server, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(toy.write_mirror(tmp_path / "mirror")))
    found = resolve("toy")
    assert set(found.source.values()) == {"mirror"}
    assert found.files["a"]["label"] == tmp_path / "mirror/toy/labels/a.png"
    assert not server.requests


def test_download_converts_verifies_and_is_cached(toy, server):
    found = resolve("toy")
    assert set(found.source.values()) == {"download"}
    assert stored(toy) == toy.made
    asked = len(server.requests)
    assert set(resolve("toy").source.values()) == {"cache"}
    assert len(server.requests) == asked
    assert not parts()


def test_mirror_behind_http(toy, server, monkeypatch):
    server.files = {f"toy/{path}": data for path, data in toy.made.items()}
    monkeypatch.setenv("TUBEKIT_MIRROR", server.url)
    resolve("toy")
    assert stored(toy) == toy.made
    assert all(path.startswith("/toy/") for path, _ in server.requests)


def test_own_folder_of_one_data_set(toy, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_TOY_DIR", str(toy.write_mirror(tmp_path / "own") / "toy"))
    assert len(resolve("toy", offline=True).files) == 3


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_never_asks_the_network(toy, server, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    with pytest.raises(
        DataUnavailable, match=r"toy: expected its files in .*network is off.*fetch"
    ):
        resolve("toy", offline=by == "argument")
    assert not server.requests


def test_no_server_ends_quickly_after_one_attempt(toy, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "tubekit.data.transfer.download",
        lambda url, limit: calls.append(url) or download(url, limit=limit),
    )
    monkeypatch.setattr("tubekit.data.transfer.SIDE_BY_SIDE", 1)
    with pytest.raises(DataUnavailable, match="3 missing, first a"):
        resolve("toy")
    assert len(calls) == 1


def test_missing_case_is_reported_and_fatal_only_when_asked_for(toy, server):
    del server.files["raw/b.png"]
    found = resolve("toy")
    assert sorted(found.files) == ["a", "c"]
    assert "404" in found.unavailable["b"]
    assert [case.id for case in load_cases("toy", "train")] == ["a"]
    with pytest.raises(DataUnavailable, match="1 missing, first b"):
        resolve("toy", ["a", "b"])


@pytest.mark.parametrize("fault", ["slow", "break", "stall", "503"])
def test_passing_troubles_heal(toy, server, fault):
    server.fault, server.times = fault, 2
    resolve("toy", ["a"])
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]
    assert not parts()


def test_broken_transfer_resumes_where_it_stopped(toy, server):
    server.fault, server.times = "break", 1
    resolve("toy", ["a"])
    (first, second) = [wanted for path, wanted in server.requests if path == "/raw/a.png"]
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= len(toy.raw["raw/a.png"]) // 2


def test_broken_for_good_then_a_second_call_resumes(toy, server):
    server.fault, server.times = "break", 99
    with pytest.raises(DataUnavailable, match=r"raw/a\.png: expected a complete download"):
        resolve("toy", ["a"])
    assert not stored(toy)
    have = part_path(f"{server.url}/raw/a.png").stat().st_size
    assert have > 0
    server.requests.clear()
    server.times = 0
    resolve("toy", ["a"])
    assert server.requests[0] == ("/raw/a.png", f"bytes={have}-")
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]
    assert not parts()


def test_server_that_ignores_ranges_is_asked_anew(toy, server):
    part = part_path(f"{server.url}/raw/a.png")
    part.parent.mkdir(parents=True)
    part.write_bytes(toy.raw["raw/a.png"][:100])
    server.fault, server.times = "no range", 1
    resolve("toy", ["a"])
    assert [path for path, _ in server.requests] == ["/raw/a.png", "/raw/a_mask.png"]
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]


def test_leftover_of_another_version_is_fetched_anew(toy, server):
    part = part_path(f"{server.url}/raw/a.png")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"other" * 20)
    resolve("toy", ["a"])
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]


def test_part_that_is_already_complete(toy, server):
    part = part_path(f"{server.url}/raw/a.png")
    part.parent.mkdir(parents=True)
    part.write_bytes(toy.raw["raw/a.png"])
    resolve("toy", ["a"])
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]


@pytest.mark.parametrize("fault", ["tamper", "truncate"])
def test_wrong_bytes_are_refused_and_others_arrive(toy, server, fault):
    server.fault, server.times = fault, 1
    with pytest.raises(IntegrityError, match=r"raw/a\.png: expected SHA-256 \w+ .*got \w+ .*fetch"):
        resolve("toy", ["a"])
    assert list(stored(toy)) == ["labels/a.png"]
    assert not parts()
    resolve("toy", ["a"])
    assert stored(toy)["images/a.png"] == toy.made["images/a.png"]


def test_wrong_bytes_of_a_converted_file(toy, server):
    server.files["raw/a_mask.png"] = server.files["raw/b_mask.png"]
    with pytest.raises(IntegrityError, match=r"a_mask\.png: expected SHA-256"):
        resolve("toy", ["a"])
    server.files["raw/a_mask.png"] = page = b"<html>not a picture</html>"
    with pytest.raises(IntegrityError, match=r"a_mask\.png: expected SHA-256"):
        resolve("toy", ["a"])
    toy.raw["raw/a_mask.png"] = page
    toy.write_manifest(server.url)
    with pytest.raises(IntegrityError, match=r"a_mask\.png: the conversion 'threshold_png' failed"):
        resolve("toy", ["a"])
    assert sorted(stored(toy)) == ["images/a.png"]


def test_not_found_is_one_clear_error(toy, server):
    with pytest.raises(
        DownloadError, match=r"nothing\.png: expected the file, got HTTP status 404"
    ):
        download(f"{server.url}/nothing.png", limit=9)
    assert not parts()
    assert len(server.requests) == 1


def test_tampered_mirror_names_file_hashes_and_remedy(toy, monkeypatch, tmp_path):
    mirror = toy.write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    bad = mirror / "toy/images/b.png"
    bad.write_bytes(bad.read_bytes()[:-3])
    with pytest.raises(IntegrityError, match=r"images/b\.png: expected SHA-256 .* got .*delete"):
        resolve("toy")
    states = {(f.case_id, f.role): state for f, state in verify("toy")}
    assert states[("a", "image")] == "ok"
    assert states[("b", "image")].startswith(str(bad))


def test_mirror_file_changed_after_it_was_verified(toy, monkeypatch, tmp_path):
    mirror = toy.write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    resolve("toy")
    bad = mirror / "toy/images/b.png"
    data = bad.read_bytes()
    bad.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # the size stays
    with pytest.raises(IntegrityError):
        resolve("toy")


def test_other_packing_of_the_same_pixels_passes(toy, monkeypatch, tmp_path):
    import imageio.v3 as iio

    mirror = toy.write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    label = mirror / "toy/labels/a.png"
    array = iio.imread(label)
    iio.imwrite(label, array, compress_level=0)
    assert label.read_bytes() != toy.made["labels/a.png"]
    resolve("toy", ["a"])
    array[0, 0] = 255
    iio.imwrite(label, array)
    with pytest.raises(IntegrityError):
        resolve("toy", ["a"])


def test_full_disk_leaves_nothing_behind(toy, server, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        resolve("toy", ["a"])
    assert raised.value.errno == errno.ENOSPC
    assert "free space" in str(raised.value)
    assert not stored(toy)
    monkeypatch.undo()


def test_full_disk_while_downloading(toy, server, monkeypatch):
    def full(self, url, file, pooch):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", full)
    with pytest.raises(OSError, match="No space left"):
        resolve("toy", ["a"])
    assert not stored(toy)
    assert not parts()


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage_module.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_set_behind_a_registration_says_how_to_get_it(toy, monkeypatch, tmp_path):
    monkeypatch.delenv("TUBEKIT_MANIFESTS")
    with pytest.raises(DataUnavailable, match=r"register at https://drive.*TUBEKIT_DRIVE_DIR"):
        resolve("drive")


def test_cases_of_an_unlisted_set_are_found_on_disk(toy, monkeypatch, tmp_path):
    monkeypatch.delenv("TUBEKIT_MANIFESTS")
    images = tmp_path / "cow" / "imagesTr"
    labels = tmp_path / "cow" / "cow_seg_labelsTr"
    images.mkdir(parents=True)
    labels.mkdir()
    for n in range(1, 6):
        for kind in ("ct", "mr"):
            (images / f"topcow_{kind}_{n:03d}_0000.nii.gz").write_bytes(b"x")
            (labels / f"topcow_{kind}_{n:03d}.nii.gz").write_bytes(b"x")
    (images / "notes.txt").write_bytes(b"x")
    monkeypatch.setenv("TUBEKIT_TOPCOW_DIR", str(tmp_path / "cow"))
    manifest = resolve("topcow").manifest
    assert len(manifest.cases) == 10
    assert manifest.groups["topcow_ct_003"] == manifest.groups["topcow_mr_003"] == "003"
    where = {i: s for s in ("train", "val", "test") for i in getattr(manifest.splits, s)}
    assert len(where) == 10
    assert where["topcow_ct_003"] == where["topcow_mr_003"]
    assert set(where.values()) == {"train", "val", "test"}
