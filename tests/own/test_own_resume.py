"""A killed training goes on where it was, and only as the training that it was."""

import json

import pytest
import torch

from tests.own.scenes import contents, quick
from tubekit.data import PatchSampler
from tubekit.own import Model, load, train
from tubekit.own.folder import Entry
from tubekit.own.place import Place


def weights(folder) -> dict[str, torch.Tensor]:
    return torch.load(folder / "weights.pt", weights_only=True)


def killed_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """The machine goes down while batch ``step`` is made; batch 0 is also looked at before."""
    honest = PatchSampler.batch

    def batch(self, index):
        if index == step:
            raise KeyboardInterrupt
        return honest(self, index)

    patch.setattr(PatchSampler, "batch", batch)


def run(root, name: str, **changes):
    return train(root / "images", root / "labels", root / name, quick(**changes))


def test_a_resumed_training_gives_the_same_bits(grey, monkeypatch):
    run(grey, "whole")
    for step in (2, 5):
        with monkeypatch.context() as patch:
            killed_at(step, patch)
            with pytest.raises(KeyboardInterrupt):
                run(grey, "parts")
        assert (grey / "parts" / "unfinished" / "checkpoint").is_file()
        with pytest.raises(ValueError, match="got a training that was interrupted; call the same"):
            load(grey / "parts")
    said: list[str] = []
    model = train(grey / "images", grey / "labels", grey / "parts", quick(), say=said.append)
    assert "goes on after its last checkpoint" in said[-1]
    assert model.facts["steps_done"] == 6
    one, other = weights(grey / "whole"), weights(grey / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    cards = [json.loads((grey / name / "model.json").read_text()) for name in ("whole", "parts")]
    assert cards[0] == cards[1]
    assert not (grey / "parts" / "unfinished").exists()


def test_a_kill_while_saving_loses_nothing(grey, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", lambda self, folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(grey, "m")
    assert run(grey, "m").facts["steps_done"] == 6


def test_a_finished_model_is_not_trained_again(grey, monkeypatch):
    run(grey, "m")
    before = contents(grey)
    monkeypatch.setattr("tubekit.own.training.fit", lambda *a, **k: 1 / 0)
    said: list[str] = []
    train(grey / "images", grey / "labels", grey / "m", quick(), say=said.append)
    assert "not trained again" in said[0]
    assert contents(grey) == before


@pytest.mark.parametrize("finished", [True, False])
def test_other_arguments_or_files_are_refused_and_named(grey, monkeypatch, finished):
    with monkeypatch.context() as patch:
        if not finished:
            killed_at(3, patch)
        try:
            run(grey, "m")
        except KeyboardInterrupt:
            assert not finished
    before = contents(grey)
    for changes, says in (
        ({"loss": "srl"}, "loss srl instead of dice_ce"),
        ({"steps": 7, "seed": 1}, "steps 7 instead of 6, seed 1 instead of 0"),
    ):
        with pytest.raises(ValueError, match=f"was begun, got {says}; repeat those"):
            run(grey, "m", **changes)
    assert contents(grey) == before
    label = grey / "labels" / "a_1.png"
    label.write_bytes((grey / "labels" / "c_1.png").read_bytes())
    for folder in ("images", "labels"):
        (grey / folder / "b_1.png").rename(grey / folder / "d_1.png")
    with pytest.raises(ValueError, match="another image d_1, no image b_1, changed files of a_1;"):
        run(grey, "m")


def test_minutes_end_a_training(grey, monkeypatch):
    clock = iter(range(0, 100_000, 5))
    monkeypatch.setattr("tubekit.training.loop.time.perf_counter", lambda: float(next(clock)))
    model = run(grey, "m", steps=None, minutes=1)
    card = model.facts
    assert 1 <= card["steps_done"] < 12
    assert card["validation_dice"]["255"] is not None


def test_without_validation_the_last_weights_are_kept(grey):
    model = run(grey, "m", validation=0)
    assert model.facts["validation"] == []
    assert model.facts["validation_dice"] == {"255": None}
    assert len(model.facts["train"]) == 4


def test_values_beside_a_header_are_files_of_the_training(tmp_path):
    for name in ("image", "label"):
        (tmp_path / f"{name}.raw").write_bytes(bytes(6))
        (tmp_path / f"{name}.mhd").write_text(
            f"NDims = 2\nDimSize = 3 2\nElementType = MET_UCHAR\nElementDataFile = {name}.raw\n"
        )
    entry = Entry("a", tmp_path / "image.mhd", tmp_path / "label.mhd", "a")
    place = Place.of(tmp_path / "m", quick(), "cpu", [entry])
    place.begin()
    assert Place.of(tmp_path / "m", quick(), "cpu", [entry]) == place
    (tmp_path / "label.raw").write_bytes(bytes([1] * 6))
    with pytest.raises(ValueError, match="got changed files of a; repeat"):
        Place.of(tmp_path / "m", quick(), "cpu", [entry])
