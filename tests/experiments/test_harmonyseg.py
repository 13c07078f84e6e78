"""The splits and recipes of the HarmonySeg chapter: who is trained on, what is one run."""

import numpy as np
import pytest

from tests.experiments.test_runs import tiny
from tubekit.chapters import chapter
from tubekit.chapters.harmonyseg import liver
from tubekit.chapters.harmonyseg.incomplete import incomplete_split
from tubekit.data import DataUnavailable
from tubekit.experiments.data import CaseSet, Split, phantom_split
from tubekit.experiments.queue import twins, work
from tubekit.experiments.record import read_records
from tubekit.types import Case, Spec


def boxes(names):
    """Small cases that only have a name of their own."""
    label = np.zeros((16, 16, 16), np.int64)
    label[4:12, 8, 8] = 1
    image = label[None].astype(np.float32)
    return tuple(Case(n, image, label, (2.0,) * 3, np.ones(label.shape, bool)) for n in names)


@pytest.fixture
def patients(monkeypatch):
    painted, real = boxes(f"painted_{i:02d}" for i in range(9)), list(boxes(["real_1", "real_2"]))
    monkeypatch.setattr(liver, "rendered_cases", lambda spacing, count, window: painted[:count])
    monkeypatch.setattr(liver, "real_cases", lambda spacing, window: real)


def test_every_painted_patient_is_tested_once_and_the_real_ones_never_train(patients):
    splits = [liver.liver_split(seed=s) for s in range(3)]
    tested = [c.id for split in splits for c in split.test]
    assert sorted(tested) == [f"painted_{i:02d}" for i in range(9)]
    for split in splits:
        parts = [{c.id for c in getattr(split, p)} for p in ("train", "validation", "test")]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 9
        assert not any(name.startswith("real") for name in set.union(*parts))
        assert [c.id for c in split.further["external"].cases] == ["real_1", "real_2"]
        assert (split.source, split.further["external"].source) == ("rendered", "real")
    assert {c.id for c in splits[0].validation} != {c.id for c in splits[1].validation}


def test_vesselness_reaches_every_part_of_a_split(patients):
    split = liver.liver_split(seed=0, vesselness="liver")
    cases = [*split.train, *split.validation, *split.test, *split.further["external"].cases]
    assert {(c.image.shape[0], c.derived) for c in cases} == {(2, 1)}
    with pytest.raises(ValueError, match="vesselness"):
        liver.liver_split(seed=0, vesselness="kidney")


def test_without_masks_phantoms_take_the_place_and_say_so(monkeypatch):
    def absent(*_: object) -> None:
        raise DataUnavailable("no masks")

    monkeypatch.setattr(liver, "rendered_cases", absent)
    assert liver.liver_split(seed=0).source == "phantom"


def test_removed_branches_are_missing_in_training_and_asked_for_afterwards():
    small = {"seed": 0, "train": 2, "validation": 1, "test": 1}
    whole = incomplete_split(fraction=0.0, **small)
    some, more = (incomplete_split(fraction=f, **small) for f in (0.25, 0.5))
    assert whole.further == {}
    for complete, kept, less in zip(whole.train, some.train, more.train, strict=True):
        assert (kept.label <= complete.label).all()
        assert (less.label <= kept.label).all()  # what a quarter removes, a half removes too
        assert (less.label != kept.label).any()
    removed = some.further["missing_25_removed"].cases
    for complete, kept, asked in zip(whole.train, some.train, removed, strict=True):
        np.testing.assert_array_equal(kept.label + asked.label, complete.label)
        assert asked.label.any()
    np.testing.assert_array_equal(some.test[0].label, whole.test[0].label)
    assert (some.validation[0].label != whole.validation[0].label).any()


def test_cells_of_several_tables_are_one_run():
    digest = {r.id: r.digest for r in chapter("harmonyseg").recipes("laptop")}
    for same in (
        ("table-1/hvs/nnunet", "table-6/hvs/plain", "table-7/hvs/baseline"),
        ("table-1/hvs/harmonyseg", "table-6/hvs/full"),
        ("table-6/hvs/gsb", "table-7/hvs/all", "table-8/hvs/lambda_1"),
    ):
        assert len({digest[name] for name in same}) == 1
    assert len(set(digest.values())) == len(digest) - 5


def test_a_twin_is_copied_under_its_own_name_and_only_if_everything_was_measured(tmp_path):
    recipe = tiny(table="a", method="one")
    assert work([(recipe, 0)], root=tmp_path, device="cpu") == []
    twin = tiny(table="b", method="two")
    assert twin.digest == recipe.digest
    (copied,) = twins(twin, 0, tmp_path)
    assert copied.key == ("b", "fundus", "two")
    assert twins(twin, 1, tmp_path) == []
    assert twins(tiny(table="b", batch_size=2), 0, tmp_path) == []
    assert twins(tiny(table="b", metrics=("dice", "hausdorff")), 0, tmp_path) == []
    assert work([(twin, 0)], root=tmp_path, device="cpu") == []
    one, two = read_records("test", "smoke", tmp_path)
    assert one.cases == two.cases
    assert one.finished == two.finished  # not trained again


def split_with_further(*, seed: int) -> Split:
    """A phantom split whose test set is tested again under another name."""
    split = phantom_split("fundus", seed=seed, train=1, validation=1, test=1)
    split.further["elsewhere"] = CaseSet(split.test, "real")
    return split


def test_a_further_test_set_gets_a_record_of_its_own(tmp_path):
    recipe = tiny(data=Spec(split_with_further))
    assert work([(recipe, 0)], root=tmp_path, device="cpu") == []
    other, own = sorted(
        read_records("test", "smoke", tmp_path), key=lambda r: r.source == "phantom"
    )
    assert (other.key, other.source) == (("t", "elsewhere", "srl"), "real")
    assert own.key == ("t", "fundus", "srl")
    assert other.cases == own.cases
    assert {r.key[1] for r in twins(tiny(data=recipe.data, table="u"), 0, tmp_path)} == {
        "elsewhere",
        "fundus",
    }
