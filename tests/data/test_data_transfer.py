"""Several files from one download, several downloads for one file, and how much is announced."""

import hashlib
import threading
import zipfile

import pytest
from typer.testing import CliRunner

from tubekit.data import load_cases, resolve
from tubekit.data.cli import app
from tubekit.data.convert import CONVERSIONS
from tubekit.data.download import DownloadError, part_path
from tubekit.data.fetch import fetch_all, plan
from tubekit.data.origin import File, FileFacts, Source
from tubekit.data.schema import Options
from tubekit.data.transfer import deliver


def joined(*parts: bytes, member: str) -> bytes:
    return b"|".join(parts) + member.encode()


@pytest.fixture
def order(server, monkeypatch):
    """``order(path, *names)``: a file that is made of some of the server's files."""
    monkeypatch.setitem(CONVERSIONS, "joined", joined)

    def make(path, *names):
        datas = [server.files.get(name, b"absent") for name in names]
        facts = FileFacts(sha256=hashlib.sha256(joined(*datas, member=path)).hexdigest(), bytes=1)
        sources = tuple(
            Source(f"{server.url}/{name}", hashlib.sha256(data).hexdigest(), len(data))
            for name, data in zip(names, datas, strict=True)
        )
        return File("toy", "", "others", path, facts, sources, "joined", Options(member=path))

    server.files |= {f"s{k}": bytes([k]) * (k + 5) for k in range(12)}
    return make


def asked(server):
    return sorted(path.removeprefix("/") for path, _ in server.requests)


def test_what_files_share_is_fetched_once(order, server, tmp_path):
    files = [
        order("one", "s0"),
        order("two", "s0"),
        order("three", "s1", "s0"),
        order("four", "s2"),
    ]
    ready = []
    assert deliver(files, tmp_path, ready.append) == {}
    assert asked(server) == ["s0", "s1", "s2"]
    assert {f.path for f in ready} == {"one", "two", "three", "four"}
    assert (tmp_path / "three").read_bytes() == server.files["s1"] + b"|" + server.files["s0"] + (
        b"three"
    )
    assert not list(part_path("x").parent.iterdir())


def test_slices_stay_in_their_order_and_a_second_call_asks_for_the_missing_one(
    order, server, tmp_path
):
    names = [f"s{k}" for k in (3, 11, 7, 0)]
    file = order("volume", *names)
    kept = server.files.pop("s0")
    assert "404" in str(deliver([file], tmp_path)["volume"])
    assert not (tmp_path / "volume").exists()
    assert asked(server) == sorted(names)
    server.requests.clear()
    server.files["s0"] = kept
    assert deliver([file], tmp_path) == {}
    assert asked(server) == ["s0"]
    parts = [server.files[name] for name in names]
    assert (tmp_path / "volume").read_bytes() == b"|".join(parts) + b"volume"


def test_one_failure_stops_no_other_file(order, server, tmp_path):
    bad = order("bad", "nothing", "s1")
    failures = deliver([bad, order("good", "s1")], tmp_path)
    assert list(failures) == ["bad"]
    assert failures["bad"].reason == "HTTP status 404"
    assert (tmp_path / "good").is_file()
    assert part_path(bad.sources[1].url).is_file()  # the bad one may still want it


def test_four_transfers_run_side_by_side(order, server, tmp_path, monkeypatch):
    monkeypatch.setattr("tubekit.data.transfer.SIDE_BY_SIDE", 4)
    together = threading.Barrier(4, timeout=20)

    def wait(url, *, limit):
        together.wait()  # passes only when four wait at once
        raise DownloadError("met", reason="met")

    monkeypatch.setattr("tubekit.data.transfer.download", wait)
    failures = deliver([order(f"f{k}", f"s{k}") for k in range(8)], tmp_path)
    assert {str(error) for error in failures.values()} == {"met"}
    assert len(failures) == 8


def test_server_that_does_not_answer_is_asked_no_more(order, tmp_path, monkeypatch):
    calls = []

    def silent(url, *, limit):
        calls.append(url)
        raise DownloadError("silent", reason="silence", unreachable=True)

    monkeypatch.setattr("tubekit.data.transfer.download", silent)
    failures = deliver([order(f"f{k}", f"s{k}") for k in range(8)], tmp_path)
    assert len(failures) == 8
    assert len(calls) == 1
    assert "does not answer" in failures["f7"].reason
    assert "does not answer" in deliver([order("f9", "s9")], tmp_path)["f9"].reason
    assert len(calls) == 1  # nor by the next data set
    monkeypatch.setattr("tubekit.data.transfer.SILENT_S", 0.0)
    assert deliver([order("f9", "s9")], tmp_path)["f9"].reason == "silence"


def test_more_bytes_than_promised_are_cut_off(order, server, tmp_path):
    file = order("small", "s1")
    server.files["s1"] = bytes(10_000_000)
    failures = deliver([file], tmp_path)
    assert failures["small"].reason == "larger than the manifest says"
    assert not part_path(file.sources[0].url).exists()
    assert not (tmp_path / "small").exists()


def test_full_disk_ends_everything(order, tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tubekit.data.transfer.write_atomic", full)
    with pytest.raises(OSError, match="No space left"):
        deliver([order("f", "s1")], tmp_path)


def test_plan_counts_what_is_still_to_come(toy, server):
    before = plan("toy")
    assert before == (6, 6, sum(map(len, toy.raw.values())))
    part = part_path(f"{server.url}/raw/a.png")
    part.parent.mkdir(parents=True)
    part.write_bytes(toy.raw["raw/a.png"][:100])
    assert plan("toy").bytes == before.bytes - 100
    resolve("toy", ["a"])
    assert plan("toy").files == 4
    assert not plan("toy").bytes > before.bytes - len(toy.raw["raw/a.png"])
    server.requests.clear()
    plan("toy")
    assert not server.requests


def test_command_says_first_how_much_and_last_what_could_not_be_had(toy, server):
    del server.files["raw/b.png"], server.files["raw/c.png"]
    result = CliRunner().invoke(app, ["fetch", "toy"])
    size = sum(map(len, toy.raw.values())) / 1e6
    assert result.output == (
        f"6 files of 1 data set are missing: {size:.1f} MB to download, about 1 min at 2 MB/s\n"
        "toy: 4 files ready, 2 not here\n"
        "  2 files: HTTP status 404 (first images/b.png)\n"
    )
    assert result.exit_code == 0
    server.files = {}
    for path in (toy.root / "cache" / "data").rglob("*.png"):
        path.unlink()
    assert CliRunner().invoke(app, ["fetch", "toy"]).exit_code == 1


def test_command_reports_a_damaged_file_and_goes_on(toy, server):
    server.fault, server.times = "tamper", 1
    result = CliRunner().invoke(app, ["fetch", "toy"])
    assert result.exit_code == 1
    assert "toy: 5 files ready, 1 not here" in result.output
    assert "1 files: not the file that the manifest describes (first images/a.png)" in result.output


def test_archive_is_for_one_data_set(toy, tmp_path):
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as opened:
        opened.writestr("images/a.png", b"x")
    result = CliRunner().invoke(
        app, ["fetch", "--archive", str(tmp_path / "toy.zip"), "toy", "toy"]
    )
    assert result.exit_code == 2
    assert "the name of one data set" in result.output
    (tmp_path / "toy.zip").write_bytes(b"no archive")
    broken = CliRunner().invoke(app, ["fetch", "toy", "--archive", str(tmp_path / "toy.zip")])
    assert broken.exit_code == 1
    assert "expected a zip or tar" in broken.output


def test_files_that_no_case_reads_are_fetched_and_verified(toy, server):
    server.files["raw/notes"] = b"notes"
    text = toy.write_manifest(server.url)
    sha = hashlib.sha256(b"notes").hexdigest()
    text += f'\n[origin.others]\nurl = "{server.url}"\n[facts.others]\n"maps/notes" = {{ '
    upstream = f'sha256 = "{sha}", bytes = 5'
    text += f'{upstream}, upstream = [{{ path = "raw/notes", {upstream} }}] }}\n'
    (toy.root / "manifests" / "toy.toml").write_text(text)
    assert len(resolve("toy").files["a"]) == 2
    assert "/raw/notes" not in [path for path, _ in server.requests]
    assert fetch_all("toy") == (7, {})
    assert (toy.root / "cache/data/toy/maps/notes").read_bytes() == b"notes"


def test_a_few_cases_download_no_others(toy, server):
    assert [case.id for case in load_cases("toy", "train", limit=1)] == ["a"]
    assert asked(server) == ["raw/a.png", "raw/a_mask.png"]
    server.requests.clear()
    for path in (toy.root / "cache" / "data").rglob("*.png"):
        path.unlink()
    del server.files["raw/a.png"]
    assert [case.id for case in load_cases("toy", "train", limit=1)] == ["b"]
    assert not any("raw/c" in path for path in asked(server))
