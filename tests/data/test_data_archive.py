"""Archives that try to write elsewhere are refused whole."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from tubekit.data import ArchiveError, extract


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in members:
            opened.writestr(name, data)
    return path


def tar_of(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as opened:
        for member, data in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_good_archive(tmp_path, make):
    archive = make(tmp_path / "good", [("DRIVE/a.txt", b"a"), ("DRIVE/sub/b.txt", b"b")])
    out = extract(archive, tmp_path / "out")
    assert (out / "DRIVE/sub/b.txt").read_bytes() == b"b"
    assert stat.S_IMODE(out.stat().st_mode) & 0o055 == 0o055


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil", r"climbs out"),
        ("a/../../evil", r"climbs out"),
        ("/etc/evil", "absolute"),
        ("C:\\evil", "absolute"),
        ("a\\..\\..\\evil", "climbs out"),
    ],
)
def test_member_outside(tmp_path, make, name, why):
    archive = make(tmp_path / "bad", [("good.txt", b"g"), (name, b"e")])
    with pytest.raises(ArchiveError, match=rf"expected members inside.*{why}.*nothing was written"):
        extract(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]


@pytest.mark.parametrize(
    "member",
    [
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.SYMTYPE, "../../outside"),
        special("link", tarfile.LNKTYPE, "../outside"),
        special("device", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
    ],
    ids=["absolute link", "climbing link", "hard link", "device", "pipe"],
)
def test_tar_links_and_devices(tmp_path, member):
    archive = tar_of(tmp_path / "bad", [("good.txt", b"g"), (member, b"")])
    with pytest.raises(ArchiveError, match="unsafe"):
        extract(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]


def test_zip_link(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or a device"):
        extract(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_cut_short(tmp_path, make):
    archive = make(tmp_path / "cut", [("a.bin", os.urandom(50_000))])
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(ArchiveError, match="fetch it again"):
        extract(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut"]


def test_damaged_member(tmp_path):
    archive = zip_of(tmp_path / "bad.zip", [("a.bin", b"A" * 5000)])
    archive.write_bytes(archive.read_bytes().replace(b"A" * 100, b"B" * 100, 1))
    with pytest.raises(ArchiveError, match="CRC"):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_full_folder_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_bytes(b"m")
    archive = zip_of(tmp_path / "good.zip", [("mine", b"theirs")])
    with pytest.raises(FileExistsError, match="empty folder"):
        extract(archive, tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_bytes() == b"m"
