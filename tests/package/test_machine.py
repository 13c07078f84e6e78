"""The share of a machine: affinity, control groups of both versions, the scheduler's limit."""

import os
from pathlib import Path

import pytest
import torch

from tubekit import _machine

GROUPS_1 = "4:memory:/job\n2:cpu,cpuacct:/job/7\n1:cpuset:/\n0::/\n"
GROUPS_2 = "0::/job/7\n"


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def quota(tmp_path: Path, groups: str) -> int:
    (tmp_path / "cgroup").write_text(groups)
    return _machine._quota.__wrapped__(tmp_path / "cgroup", tmp_path / "fs")


@pytest.mark.parametrize(("value", "processors"), [("400000 100000", 4), ("150000 100000", 1)])
@pytest.mark.parametrize("group", ["", "job", "job/7", "unified/job/7"])
def test_the_second_version_limits_a_group_and_all_below_it(tmp_path, group, value, processors):
    write(tmp_path / "fs" / group, "cpu.max", value + "\n")
    write(tmp_path / "fs/other", "cpu.max", "100000 100000")
    assert quota(tmp_path, GROUPS_2) == processors


def test_the_smallest_limit_on_the_way_holds(tmp_path):
    write(tmp_path / "fs/job", "cpu.max", "200000 100000")
    write(tmp_path / "fs/job/7", "cpu.max", "800000 100000")
    assert quota(tmp_path, GROUPS_2) == 2


@pytest.mark.parametrize("place", ["cpu,cpuacct/job/7", "cpu/job/7", "cpu"])
def test_the_first_version(tmp_path, place):
    write(tmp_path / "fs" / place, "cpu.cfs_quota_us", "300000")
    write(tmp_path / "fs" / place, "cpu.cfs_period_us", "100000")
    assert quota(tmp_path, GROUPS_1) == 3


@pytest.mark.parametrize("groups", ["", GROUPS_1, GROUPS_2, "0::/../elsewhere\n"])
def test_no_limit_is_none(tmp_path, groups):
    write(tmp_path / "fs/job/7", "cpu.max", "max 100000")
    write(tmp_path / "fs/cpu", "cpu.cfs_quota_us", "-1")
    write(tmp_path / "fs/cpu", "cpu.cfs_period_us", "100000")
    assert quota(tmp_path, groups) > 10**6


def test_the_least_of_all_limits(monkeypatch):
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(_machine, "_quota", lambda: 2**31)
    assert _machine.cores() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert _machine.cores() == 4
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2(x3)")
    assert _machine.cores() == 8
    monkeypatch.setattr(_machine, "_quota", lambda: 3)
    assert [_machine.threads_of_worker(jobs) for jobs in (1, 2, 3, 9)] == [3, 1, 1, 1]


def test_a_computation_keeps_to_the_quota_and_to_what_was_chosen(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(_machine, "_quota", lambda: 2**31)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert _machine.threads() == 64
    monkeypatch.setattr(_machine, "_quota", lambda: 3)
    assert _machine.threads() == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert _machine.threads() == 2


def test_a_system_without_affinity_has_all_its_processors(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    monkeypatch.setattr(_machine, "_quota", lambda: 2**31)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert _machine.cores() == 5


def test_workers_share_the_threads(monkeypatch):
    monkeypatch.setattr(_machine, "cores", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with _machine.processes(2) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_the_peak_is_in_bytes_and_outlives_what_took_it() -> None:
    before = _machine.peak_memory()
    grown = b"x" * (before + 10_000_000)
    assert len(grown) <= _machine.peak_memory() <= 10 * len(grown)
    del grown
    assert _machine.peak_memory() > before
