"""Recipes with several stages: pseudo-labels between them, resuming in either, kept weights."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.experiments.test_runs import stage, tiny
from tubekit.data import PatchSampler
from tubekit.experiments import run as runs
from tubekit.experiments import sources, weights
from tubekit.experiments.data import Split
from tubekit.experiments.queue import pending, stale, work
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.record import read_record, read_records
from tubekit.experiments.run import run
from tubekit.experiments.sources import sources_of
from tubekit.inference.predictors import Predictor
from tubekit.losses import SoftDiceLoss, SoftRecallLoss
from tubekit.training import Adversarial, Objective, Supervised, Term, switch
from tubekit.types import Spec


def guessed(split: Split, predict: Predictor, *, trust: float) -> Split:
    """Pseudo-labels for the training cases, whose own labels are gone; test cases keep theirs."""
    train = []
    for case in split.train:
        probs = predict(case)[0]
        maps = {"guess": (probs > np.median(probs)).astype(np.int64), "trust": 0 * probs + trust}
        train.append(dataclasses.replace(case, label=None, maps=maps))
    return dataclasses.replace(split, train=train)


class Trusted(torch.nn.Module):
    needs = ("trust",)

    def forward(self, logits, target, *, trust, valid):
        wrong = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target.float(), reduction="none"
        )
        return (trust * wrong * valid).mean()


def of_guesses() -> Objective:
    return Objective(Term("guessed", Trusted(), target="guess"))


def two_stages(**changes) -> Recipe:
    sampler = Spec(PatchSampler, patch_size=(64, 64), batch_size=1)
    second = dataclasses.replace(
        stage(),
        name="pseudo",
        update=Spec(Supervised, loss=Spec(of_guesses)),
        sampler=sampler,
        steps=3,
        prepare=Spec(guessed, trust=0.5),
        select=None,
    )
    return tiny(stages=(stage(), dataclasses.replace(second, **changes)))


def weights_of(network) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("killed", [(0, 1), (1, 0), (1, 2)])
def test_a_recipe_of_two_stages_resumes_in_either(tmp_path, monkeypatch, killed) -> None:
    recipe = two_stages()
    whole = run(recipe, 0, device="cpu", precision="32-true")
    fit, calls = runs.fit, []

    def stopping(update, batches, **options):
        calls.append(len(calls))

        def until(index):
            if (calls[-1], index) == killed:
                raise RuntimeError("killed")
            return batches(index)

        return fit(update, until, **options, checkpoint_every=1, prefetch=False)

    monkeypatch.setattr(runs, "fit", stopping)
    options = {"device": "cpu", "precision": "32-true", "checkpoint": tmp_path / "a.pt"}
    with pytest.raises(RuntimeError, match="killed"):
        run(recipe, 0, **options)
    monkeypatch.setattr(runs, "fit", fit)
    again = run(recipe, 0, **options)
    assert torch.equal(weights_of(again.network), weights_of(whole.network))
    assert (again.record.history, again.record.terms) == (whole.record.history, whole.record.terms)
    assert again.record.cases == whole.record.cases
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-pseudo.pt", "a-training.pt"]


def test_a_record_counts_the_steps_of_all_stages() -> None:
    record, _, split = run(two_stages(), 0, device="cpu", precision="32-true")
    assert record.steps_done == record.best_step == 5
    assert [step for step, _ in record.history] == [1, 2, 3, 4, 5]
    assert [step for step, _ in record.terms["guessed"]] == [3, 4, 5]
    assert [step for step, _ in record.validation] == [2]
    assert all(case.label is None for case in split.train)


def test_a_stage_starts_from_the_last_one_or_anew(monkeypatch) -> None:
    begins = []
    fit = runs.fit

    def watched(update, batches, **options):
        begins.append(weights_of(update.modules["network"]).clone())
        return fit(update, batches, **options)

    monkeypatch.setattr(runs, "fit", watched)
    for fresh in (False, True):
        run(two_stages(fresh=fresh), 0, device="cpu", precision="32-true")
    assert not torch.equal(begins[0], begins[1])
    assert torch.equal(begins[2], begins[3])


def test_a_map_that_nobody_makes_is_named() -> None:
    with pytest.raises(ValueError, match="got guess, trust; let the stage's prepare"):
        run(two_stages(prepare=None), 0, device="cpu")


def test_every_part_of_a_stage_is_part_of_the_digest() -> None:
    base = two_stages()
    others = [
        two_stages(steps=4),
        two_stages(fresh=True),
        two_stages(prepare=Spec(guessed, trust=0.6)),
        two_stages(name="other"),
        dataclasses.replace(base, stages=base.stages[:1]),
        dataclasses.replace(base, precision="32-true"),
    ]
    assert len({recipe.digest for recipe in (base, *others)}) == 1 + len(others)
    assert base.made(base.to_dict())
    assert not any(recipe.made(base.to_dict()) for recipe in others)


def test_weights_are_kept_and_read_back(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))
    recipe = tiny()
    assert work([(recipe, 0)], root=tmp_path / "results", device="cpu") == []
    path = weights.place(recipe, 0, "phantom")
    assert path.is_file()
    network, about = weights.load(recipe, path)
    assert (about["image_channels"], about["source"]) == (1, "phantom")
    trained = run(recipe, 0, device="cpu").network
    assert torch.equal(weights_of(network), weights_of(trained))
    wider = dataclasses.replace(
        recipe, network=Spec(recipe.network.target, ndim=2, features=(6, 8))
    )
    with pytest.raises(ValueError, match="expected weights for the network of t/fundus/srl"):
        weights.load(wider, path)


def test_records_of_other_sources_are_listed(tmp_path: Path) -> None:
    recipe = tiny()
    assert work([(recipe, 0)], root=tmp_path, device="cpu") == []
    (record,) = read_records("test", "smoke", tmp_path)
    assert record.sources == sources_of(recipe)
    assert stale([recipe], tmp_path) == []
    path = next(tmp_path.glob("test/smoke/*.json"))
    path.write_text(path.read_text().replace(record.sources, "0" * 64))
    assert stale([recipe], tmp_path) == [(recipe, 0)]


def test_a_tree_with_uncommitted_changes_makes_no_record(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TUBEKIT_COMMIT", "abc+")
    with pytest.raises(ValueError, match="without uncommitted changes"):
        work([(tiny(), 0)], root=tmp_path, device="cpu")
    assert not list(tmp_path.iterdir())
    assert work([(tiny(), 0)], root=tmp_path, device="cpu", allow_dirty=True) == []
    assert read_record(next(tmp_path.glob("test/smoke/*.json"))).dirty
    assert read_records("test", "smoke", tmp_path) == []  # and so no table shows it


def test_stages_of_one_name_or_a_first_one_that_prepares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"different names, got \['training', 'training'\]"):
        tiny(stages=(stage(), dataclasses.replace(stage(), fresh=True)))
    with pytest.raises(ValueError, match="no prepare in the first stage"):
        tiny(stages=(dataclasses.replace(stage(), prepare=Spec(guessed, trust=0.5)),))


def test_what_an_update_builds_depends_on_the_seed_alone() -> None:
    """A judge of its own is not drawn from the state that somebody left."""
    seen = []
    for state in (1, 2):
        torch.manual_seed(state)
        recipe = tiny(stages=(dataclasses.replace(stage(), update=Spec(with_judge)),))
        seen.append(run(recipe, 0, device="cpu", precision="32-true").record.terms)
    assert seen[0] == seen[1]


def with_judge(network) -> Adversarial:
    judge = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, stride=2), torch.nn.Flatten())
    return Adversarial(network, judge, SoftDiceLoss(), reference="target")


def test_a_term_that_is_switched_on_late_is_recorded() -> None:
    changed = dataclasses.replace(stage(), update=Spec(Supervised, loss=Spec(late_recall)), steps=4)
    record = run(tiny(stages=(changed,)), 0, device="cpu", precision="32-true").record
    assert [step for step, _ in record.terms["dice"]] == [1, 2, 3, 4]
    assert [step for step, _ in record.terms["later"]] == [3, 4]


def late_recall() -> Objective:
    both = Term("dice", SoftDiceLoss()), Term("later", SoftRecallLoss(), weight=switch(0.5))
    return Objective(*both)


def test_a_trial_is_done_again_from_a_committed_tree(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TUBEKIT_COMMIT", "abc+")
    assert work([(tiny(), 0)], root=tmp_path, device="cpu", allow_dirty=True) == []
    monkeypatch.setenv("TUBEKIT_COMMIT", "abc")
    assert pending([tiny()], tmp_path) == [(tiny(), 0)]


def test_sources_are_those_that_a_run_imports(tmp_path, monkeypatch) -> None:
    """A package of lazy names, one module of which is asked for; what editors read counts not."""
    files = {
        "__init__.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
        "    from tubekit.used import a\n    from tubekit.idle import b\n",
        "start.py": "from tubekit import a\n",
        "used.py": "a = 1\n",
        "idle.py": "b = 1\n",
    }
    (tmp_path / "tubekit").mkdir()
    for name, text in files.items():
        (tmp_path / "tubekit" / name).write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path / "tubekit")

    def told() -> str:
        sources._hash.cache_clear()
        sources._imports.cache_clear()
        return sources._hash(("tubekit.start",))

    first = told()
    (tmp_path / "tubekit" / "idle.py").write_text("b = 2\n")
    assert told() == first
    (tmp_path / "tubekit" / "used.py").write_text("a = 2\n")
    assert told() != first
    monkeypatch.undo()
    sources._hash.cache_clear()
    sources._imports.cache_clear()


def test_a_checkpoint_is_no_file_of_weights(tmp_path) -> None:
    run(tiny(), 0, device="cpu", checkpoint=tmp_path / "a.pt")
    with pytest.raises(ValueError, match="expected weights as `tubekit run` keeps them"):
        weights.load(tiny(), tmp_path / "a-training.pt")
