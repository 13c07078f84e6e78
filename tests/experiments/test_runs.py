"""Splits, evaluation, a whole run, the queue, costs and the passport."""

import dataclasses
import json

import numpy as np
import pytest

from tubekit.experiments import passport
from tubekit.experiments.cost import read_costs, write_costs
from tubekit.experiments.data import cross_validation, phantom_split
from tubekit.experiments.evaluate import DEFAULT, evaluate
from tubekit.experiments.queue import pending, work
from tubekit.experiments.recipe import Recipe, Stage, supervised, windows
from tubekit.experiments.record import read_records, record_path
from tubekit.experiments.run import run
from tubekit.losses import DiceCELoss, SkeletonRecallLoss, WeightedSum
from tubekit.networks import UNet
from tubekit.phantoms import phantom_cases
from tubekit.training import adamw
from tubekit.types import Case, Spec


def stage(**changes) -> Stage:
    usual = {"steps": 2, "batch_size": 1, "patch_size": (64, 64), "validations": 1}
    both = [Spec(DiceCELoss), Spec(SkeletonRecallLoss)]
    loss = Spec(WeightedSum, losses=both, weights=[1.0, 1.0])
    return supervised(loss=loss, optimizer=Spec(adamw, lr=1e-3), **{**usual, **changes})


def tiny(**changes) -> Recipe:
    asked = {k: changes.pop(k) for k in ("batch_size", "patch_size") if k in changes}
    recipe = Recipe(
        chapter="test",
        table="t",
        data_name="fundus",
        method="srl",
        profile="smoke",
        data=Spec(phantom_split, name="fundus", train=1, validation=1, test=2),
        network=Spec(UNet, ndim=2, features=(4, 8)),
        stages=(stage(**asked),),
        predictor=windows((64, 64)),
        seeds=(0,),
    )
    return dataclasses.replace(recipe, **changes)


def test_a_run_is_repeatable_and_complete(tmp_path):
    first, network, split = run(tiny(), 0, device="cpu", precision="32-true")
    again, _, _ = run(tiny(), 0, device="cpu", precision="32-true")
    other, _, _ = run(tiny(), 1, device="cpu", precision="32-true")
    assert first.cases == again.cases
    assert first.history == again.history != other.history
    assert set(first.cases) == {c.id for c in split.test}
    assert all(set(v) == set(DEFAULT) for v in first.cases.values())
    assert (first.source, first.steps_done, first.stopped_by) == ("phantom", 2, "steps")
    assert first.parameters == sum(p.numel() for p in network.parameters())


def test_the_queue_skips_what_has_a_record_and_repeats_what_changed(tmp_path):
    recipe = tiny()
    assert work(pending([recipe], tmp_path), root=tmp_path, device="cpu") == []
    assert pending([recipe], tmp_path) == []
    assert len(read_records("test", "smoke", tmp_path)) == 1
    changed = tiny(batch_size=2)
    assert pending([changed], tmp_path) == [(changed, 0)]


def test_a_failing_run_does_not_stop_the_queue(tmp_path):
    broken, good = tiny(method="broken", patch_size=(63, 63)), tiny()
    failures = work([(broken, 0), (good, 0)], root=tmp_path, device="cpu")
    assert len(failures) == 1
    assert "broken" in failures[0]
    assert record_path(good.id, "test", "smoke", 0, tmp_path).is_file()


def test_every_real_case_is_tested_once_and_never_trained_with_its_patient(mirror, monkeypatch):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    splits = [cross_validation("chase_db1", seed=s, scale=0.25) for s in range(3)]
    tested = [c.id for split in splits for c in split.test]
    assert len(tested) == len(set(tested)) >= 24
    for split in splits:
        side = {}
        for part in ("train", "validation", "test"):
            for case in getattr(split, part):
                assert side.setdefault(split.groups[case.id], part) == part
        assert split.source == "real"


def test_absent_data_become_a_phantom_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(tmp_path))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    assert cross_validation("hrf", seed=0).source == "phantom"


def test_binary_phantoms_merge_the_classes():
    sizes = {"name": "cow", "seed": 0, "train": 1, "validation": 1, "test": 1}
    assert phantom_split(**sizes).classes == 14  # even if an artery is absent everywhere
    assert phantom_split(**sizes, binary=True).classes == 2


def test_evaluation_leaves_out_what_lies_outside_the_field_of_view():
    label = np.zeros((8, 8), int)
    label[2, :] = 1
    valid = np.zeros((8, 8), bool)
    valid[:, :4] = True
    case = Case("a", np.zeros((1, 8, 8), np.float32), label, (1.0, 1.0), valid)
    prediction = label.copy()
    prediction[5, 6] = 1  # outside: must not matter
    assert evaluate(prediction, case, 2)["precision"] == 1.0
    prediction[5, 1] = 1  # inside: 5 predicted, 4 right; 1 of 28 background voxels is wrong
    found = evaluate(prediction, case, 2)
    assert found["precision"] == pytest.approx(4 / 5)
    assert found["false_positive_rate"] == pytest.approx(1 / 28)


def test_evaluation_averages_over_the_classes_that_are_there():
    label = np.zeros((6, 6), int)
    label[1] = 1
    label[4] = 3
    case = Case("a", np.zeros((1, 6, 6), np.float32), label, (1.0, 1.0))
    assert evaluate(label, case, 4)["dice"] == 1.0
    missed = np.where(label == 3, 0, label)
    assert evaluate(missed, case, 4)["dice"] == pytest.approx(0.5)
    assert evaluate(missed, case, 4)["hd95"] is None or evaluate(missed, case, 4)["hd95"] == 0.0


def test_costs_survive_the_disk_and_say_what_is_missing(tmp_path):
    write_costs("a", [{"method": "srl", "step_seconds": 1.0}], "cpu", tmp_path)
    assert read_costs("a", tmp_path)["rows"][0]["method"] == "srl"
    with pytest.raises(ValueError, match="tubekit cost"):
        read_costs("b", tmp_path)


def test_the_passport_reaches_the_build_and_the_page(tmp_path, monkeypatch):
    target = tmp_path / "passport.json"
    monkeypatch.setenv(passport.ENVIRONMENT_VARIABLE, str(target))
    page = passport.start("01", "smoke", device="cpu")
    page.data_used("CHASE_DB1", "real")
    page.data_used("CHASE_DB1", "real")
    page.verdicts({"reproduced": 2})
    page.verdicts({"reproduced": 1, "trend only": 1})
    html = page.finish()._repr_html_()
    facts = json.loads(target.read_text())
    assert len(facts["data"]) == 1
    assert facts["verdicts"] == {"reproduced": 3, "trend only": 1}
    assert facts["peak_memory_mb"] > 0
    assert "CHASE_DB1 (real)" in html


def test_a_phantom_in_place_of_absent_data_shows_a_badge(monkeypatch, capsys):
    monkeypatch.setenv("TUBEKIT_MIRROR", "")
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    monkeypatch.setenv("TUBEKIT_CACHE", "/nonexistent")
    shown = []
    monkeypatch.setattr(passport, "display", shown.append)
    page = passport.start("01", "smoke", device="cpu")
    cases = page.cases("chase_db1", "fundus", limit=2)
    assert len(cases) == 2
    assert "phantom-badge" in shown[0].text
    assert "CHASE_DB1" in shown[0].text
    page.data_used("vascular", "phantom")  # meant to be one: no badge
    assert len(shown) == 1
    assert [d["in_place_of"] for d in page.facts["data"]] == ["CHASE_DB1", ""]


def test_real_data_show_no_badge(monkeypatch):
    case = phantom_cases("fundus", 1, 0)[0]
    monkeypatch.setattr(passport, "first_cases", lambda *a, **k: ([case], "real"))
    monkeypatch.setattr(passport, "display", lambda _: pytest.fail("a badge"))
    page = passport.start("01", "smoke", device="cpu")
    assert page.cases("chase_db1", "fundus") == [case]
    assert page.facts["data"][0]["name"] == "CHASE_DB1"
