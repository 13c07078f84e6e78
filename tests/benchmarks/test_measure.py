"""Measuring two ways to one result: time, peak memory, equality, and the stored table."""

import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tubekit.benchmarks import measure as measuring
from tubekit.benchmarks import run as runner
from tubekit.benchmarks.measure import Row, describe, measure, peak_memory
from tubekit.bookbuild import benchmarks_page

CLOCK = [0.0]  # moves only when a side of a row says how long it took


@pytest.fixture(autouse=True)
def only_the_rows_take_time(monkeypatch):
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: CLOCK[0]))


def example(**changes):
    """A row whose ratios are known: a third of the time, a quarter of the memory."""

    def allocate(megabytes, seconds):
        CLOCK[0] += seconds
        return float(np.ones(megabytes * 125_000).sum()) * 0 + 1.0

    parts = {
        "instrument": "sum",
        "peer": "another sum",
        "ours": lambda: allocate(20, 0.02),
        "peer_run": lambda: allocate(80, 0.06),
        "difference": lambda a, b: abs(a - b),
        "equality": "difference of sums",
        "tolerance": 0.0,
        "time_target": 0.5,
        "memory_target": 0.5,
    }
    return Row(**{**parts, **changes})


def test_peak_memory_sees_what_was_freed_before_the_end():
    def spike():
        return float(np.ones(12_500_000).sum())

    _, megabytes = peak_memory(spike)
    assert 95 < megabytes < 130
    result, megabytes = peak_memory(lambda: 7)
    assert result == 7
    assert megabytes < 10


def test_ratios_of_a_known_pair():
    measured = measure(example())
    assert measured.time_ratio == pytest.approx(1 / 3)
    assert 0.1 < measured.memory_ratio < 0.5
    assert measured.equal
    assert "asked: 0.5, yes" in describe(measured)


def test_a_wrong_result_is_not_equal_however_fast():
    measured = measure(example(ours=lambda: 2.0))
    assert not measured.equal
    assert "DIFFERENT" in describe(measured)


def test_a_target_that_is_missed_says_so():
    assert "NO" in describe(measure(example(time_target=0.01, memory_target=None)))


@pytest.mark.parametrize("subject", runner.SUBJECTS)
def test_every_subject_has_rows_and_a_title(subject):
    assert callable(importlib.import_module(f"tubekit.benchmarks.{subject}").rows)
    assert benchmarks_page.TITLES[subject]


def test_rows_measured_again_replace_only_themselves(tmp_path, monkeypatch):
    first, second = ("soft_cldice", example()), ("topology", example(instrument="other"))
    monkeypatch.setattr(runner, "rows", lambda only: iter([first, second]))
    path = runner.run(root=tmp_path)
    assert [r["instrument"] for r in json.loads(path.read_text())["rows"]] == ["sum", "other"]
    monkeypatch.setattr(runner, "rows", lambda only: iter([("topology", example(note="again"))]))
    runner.run("sum", root=tmp_path)
    monkeypatch.setattr(runner, "rows", lambda only: iter([]))
    with pytest.raises(ValueError, match="expected a part of a subject or instrument, got 'none'"):
        runner.run("none", root=tmp_path)


def test_rows_of_two_machines_do_not_mix(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "rows", lambda only: iter([("topology", example())]))
    runner.run(root=tmp_path)
    monkeypatch.setattr(runner, "device_name", lambda device: "another machine")
    with pytest.raises(ValueError, match="expected the machine of the stored table"):
        runner.run("sum", root=tmp_path)


def test_the_page_shows_targets_ratios_and_notes(tmp_path, monkeypatch):
    row = example(note="a remark", time_target=0.001)
    monkeypatch.setattr(runner, "rows", lambda only: iter([("topology", row)]))
    runner.run(root=tmp_path)
    record = json.loads((tmp_path / "costs" / f"{runner.RECORD}.json").read_text())
    monkeypatch.setattr(benchmarks_page, "read_costs", lambda name: record)
    page = benchmarks_page.benchmark_tables()
    assert "missed" in page
    assert "reached" in page
    assert "A remark" in page
    assert record["device"] in page
