"""Updates: terms and their curves, what each loss sees, two players with a teacher, a student."""

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training import _run
from tubekit.losses import CrossEntropyLoss, SoftDiceLoss
from tubekit.training import (
    Adversarial,
    Distil,
    Objective,
    Progress,
    Supervised,
    Term,
    adamw,
    deterministic,
    fit,
    load_checkpoint,
    ramp,
    switch,
)
from tubekit.training.distil import divergence
from tubekit.types import SegOutput, Spec


class Branches(nn.Module):
    """A trunk with two branches of its own, one of them with a map of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.main = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1)
        self.edge, self.idle = nn.Conv2d(2, 1, 1), nn.Conv2d(2, 1, 1)

    def forward(self, image: Tensor) -> SegOutput:
        x = self.trunk(image)
        return SegOutput(self.main(x), maps={"edge": self.edge(x), "idle": self.idle(x)})


def judge() -> nn.Module:
    with deterministic(4):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.LeakyReLU(), nn.Flatten(), nn.Linear(36, 1)
        )


def adversarial(**options: object) -> Adversarial:
    return Adversarial(
        _run.network(),
        judge(),
        CrossEntropyLoss(),
        follow=0.9,
        optimizer=Spec(adamw, lr=0.01),
        judge_optimizer=Spec(adamw, lr=0.02),
        weight=ramp(0.0, 0.5, 0.1, 0.6),
        **options,
    )


def with_reference(step: int) -> dict[str, Tensor]:
    return _run.batches(step) | {"reference": _run.batches(1000 + step)["target"]}


def everything(update: Adversarial) -> dict[str, Tensor]:
    return {
        f"{name}.{entry}": value.clone()
        for name, module in update.modules.items()
        for entry, value in module.state_dict().items()
    }


def test_two_players_with_a_teacher_survive_ten_kills_to_the_bit(tmp_path: Path) -> None:
    whole = adversarial()
    steps = 30
    told = fit(whole, with_reference, steps=steps).history
    expected = everything(whole)
    for stop in random.Random(5).sample(range(1, steps), 10):
        path = tmp_path / f"{stop}.ckpt"

        def until(step: int, stop: int = stop) -> dict[str, Tensor]:
            if step == stop:
                raise RuntimeError("killed")
            return with_reference(step)

        options = {"steps": steps, "checkpoint": path, "checkpoint_every": 3, "prefetch": False}
        with pytest.raises(RuntimeError, match="killed"):
            fit(adversarial(), until, **options)
        resumed = adversarial()
        found = fit(resumed, with_reference, **options).history
        assert found == told
        assert all(torch.equal(expected[k], v) for k, v in everything(resumed).items()), stop


def test_each_player_and_the_teacher_move_and_are_kept(tmp_path: Path) -> None:
    update = adversarial()
    before = everything(update)
    fit(update, with_reference, steps=4, checkpoint=tmp_path / "a.ckpt")
    after = everything(update)
    for part in ("network", "judge", "teacher"):
        weights = [k for k in before if k.startswith(part) and k.endswith("weight")]
        assert any(not torch.equal(before[k], after[k]) for k in weights), part
    kept = load_checkpoint(tmp_path / "a.ckpt")
    assert set(kept["modules"]) == {"network", "judge", "objective", "teacher"}
    assert set(kept["optimizers"]) == {"network", "judge"}
    # The teacher by hand: a copy of the first weights, then nine tenths of what it was.
    student = _run.network()
    players = Adversarial(student, judge(), CrossEntropyLoss(), follow=0.9, weight=0.0)
    seen: list[Tensor] = []
    for _ in range(2):
        fit(players, with_reference, steps=1)
        seen.append(student[0].weight.detach().clone())
    teacher = players.modules["teacher"].module[0].weight
    torch.testing.assert_close(teacher, 0.9 * seen[0] + 0.1 * seen[1])


def test_the_judge_does_not_move_by_the_turn_of_the_network() -> None:
    """Its step depends on its own loss alone, whatever the weight of ``fool`` is."""
    found = []
    for weight in (0.0, 5.0):
        player = judge()
        update = Adversarial(_run.network(), player, CrossEntropyLoss(), weight=weight)
        fit(update, with_reference, steps=1)
        found.append(player[0].weight.detach().clone())
    assert torch.equal(*found)


def test_a_batch_without_target_trains_against_the_judge_alone() -> None:
    def unlabelled(step: int) -> dict[str, Tensor]:
        batch = with_reference(step)
        return {"image": batch["image"], "reference": batch["reference"]}

    result = fit(adversarial(), unlabelled, steps=3)
    assert set(result.history[0]) == {"step", "fool", "judge", "loss", "lr", "validation"}


def test_terms_follow_their_curves_and_are_recorded_by_name() -> None:
    constant = torch.ones((), requires_grad=True)

    class One(nn.Module):
        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            return constant + 0 * logits.sum()

    objective = Objective(
        Term("usual", CrossEntropyLoss()),
        Term("grows", One(), weight=ramp(0.5, 2.5, 0.2, 0.6)),
        Term("later", One(), weight=switch(0.5)),
    )
    rows = fit(Supervised(_run.network(), objective), _run.batches, steps=10).history
    grows = [0.5, 0.5, 0.5, 1.0, 1.5, 2.0, 2.5, 2.5, 2.5, 2.5]
    assert [row["grows"] for row in rows] == pytest.approx(grows)
    assert [row.get("later") for row in rows] == [None] * 5 + [1.0] * 5
    for row in rows:
        total = row["usual"] + row["grows"] + row.get("later", 0.0)
        assert row["loss"] == pytest.approx(total, rel=1e-5)


def test_a_loss_on_a_branch_map_reaches_that_branch_and_no_other() -> None:
    objective = Objective(Term("edge", CrossEntropyLoss(), of="edge", target="outline"))
    network = Branches()
    before = {name: p.clone() for name, p in network.named_parameters()}
    optimizer = Spec(adamw, weight_decay=0.0)

    def outlined(step: int) -> dict[str, Tensor]:
        batch = _run.batches(step)
        return {"image": batch["image"], "outline": batch["target"]}

    fit(Supervised(network, objective, optimizer), outlined, steps=1)
    moved = {n.partition(".")[0] for n, p in network.named_parameters() if not p.equal(before[n])}
    assert moved == {"trunk", "edge"}


def test_what_an_objective_refuses() -> None:
    batch, at = _run.batches(0), Progress(0, 10)
    output = SegOutput(torch.zeros(2, 1, 8, 8), maps={"edge": torch.zeros(2, 1, 8, 8)})
    with pytest.raises(ValueError, match=r"different names, got \['a', 'a'\]"):
        Objective(Term("a", SoftDiceLoss()), Term("a", SoftDiceLoss()))
    with pytest.raises(ValueError, match="an output map 'rim', got edge"):
        Objective(Term("a", SoftDiceLoss(), of="rim"))(output, batch, at)
    with pytest.raises(ValueError, match="needs rim, got a batch with image, target"):
        Objective(Term("a", SoftDiceLoss(), target="rim"))(output, batch, at)
    with pytest.raises(ValueError, match="a term with a weight, got 0 for all"):
        Objective(Term("a", SoftDiceLoss(), weight=switch(0.5)))(output, batch, at)
    for name in ("lr", "step", "validation", "loss"):
        with pytest.raises(ValueError, match=f"names other than step, .*got {name}"):
            Objective(Term(name, SoftDiceLoss()), Term("b", SoftDiceLoss()))
    for bad in ((0.5, 0.5), (-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(ValueError, match="0 <= start < stop <= 1"):
            ramp(0, 1, *bad)
    with pytest.raises(ValueError, match="a share of the training"):
        switch(30)


def test_a_term_that_is_not_finite_is_named() -> None:
    class Broken(nn.Module):
        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            return logits.mean() * float("inf")

    objective = Objective(Term("dice", SoftDiceLoss()), Term("rim", Broken()))
    with pytest.raises(FloatingPointError, match=r"training step 1: .*dice 0\.\d+ and rim -?inf"):
        fit(Supervised(_run.network(), objective), _run.batches, steps=2)


def test_a_student_comes_nearer_to_its_teacher_which_stays() -> None:
    teacher = _run.plain()
    with deterministic(9):
        student = _run.Plain()
    before = {n: p.clone() for n, p in teacher.state_dict().items()}
    image = _run.batches(77)["image"]

    def apart() -> float:
        with torch.no_grad():
            return float(divergence(student(image).logits, teacher(image).logits, 2.0))

    first = apart()
    update = Distil(student, teacher, CrossEntropyLoss(), optimizer=Spec(adamw, lr=0.01))
    unlabelled = lambda step: {"image": _run.batches(step)["image"]}  # noqa: E731
    fit(update, unlabelled, steps=30)
    assert apart() < 0.3 * first
    assert all(torch.equal(before[n], p) for n, p in teacher.state_dict().items())


def test_the_divergence_by_hand() -> None:
    """One voxel, two classes, temperature 2: teacher (3/4, 1/4), student (1/2, 1/2)."""
    told = 2 * torch.tensor([3.0, 1.0]).log().view(1, 2, 1)
    p, q = torch.tensor([0.75, 0.25]), torch.tensor([0.5, 0.5])
    expected = 4 * (p * (p / q).log()).sum()
    torch.testing.assert_close(divergence(torch.zeros(1, 2, 1), told, 2.0), expected)
    one_channel = divergence(torch.zeros(1, 1, 1), (told[:, :1] - told[:, 1:]), 2.0)
    torch.testing.assert_close(one_channel, expected)
