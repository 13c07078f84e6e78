"""Every printed solution runs and is right; what is wrong, but looks right once, is not."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

from .exercises import Exercise, answered, exercises, needed, said
from .test_anatomy import SOURCES

ALL = {e.label: (source, e) for source in SOURCES for e in exercises(source)}
CHECKED = [label for label, (_, e) in ALL.items() if e.cell]

WRONG = {
    "ex-harm-beta": ("answer = 0.2", "answer = 0.5"),
    "ex-harm-join": (
        "def my_join(blobs): return blobs",
        "def my_join(blobs): return np.ones_like(blobs)",
        "def my_join(blobs): return binary_dilation(blobs, iterations=8)",
    ),
    "ex-harm-attention": (
        "def my_attention(q, k, v):\n    w = np.exp(q @ k.T)\n"
        "    return w / w.sum(1, keepdims=True) @ v",
        "def my_attention(q, k, v):\n    w = np.exp(q @ k.T / q.shape[1] ** 0.5)\n"
        "    return w / w.sum(0, keepdims=True) @ v",
    ),
    "ex-srl-hand": ("answer = -1.0", "answer = 0.6"),
    "ex-srl-tube": (
        "def my_tube(b, radius): return np.ones_like(b)",
        "def my_tube(b, radius): return b",
        "def my_tube(b, radius): return geometry.tubed_skeleton(b.astype(int), 2)",
        "def my_tube(b, radius): return geometry.tubed_skeleton(b.astype(int), radius, clip=False)",
    ),
    "ex-srl-width": ("answer = 6", "answer = 3"),
    "ex-srl-loop": (
        "def my_train(network, loss, batches, optimizer, steps): pass",
        "def my_train(network, loss, batches, optimizer, steps):\n"
        "    for step in range(steps):\n"
        "        batch = batches(step)\n"
        "        optimizer.zero_grad()\n"
        "        loss(network(batch['image']), batch).backward()\n"
        "        torch.nn.utils.clip_grad_norm_(network.parameters(), 12.0)\n"
        "        optimizer.step()\n",
    ),
    "ex-primer-iterations": ("answer = 1", "answer = 50"),
    "ex-instruments-knot": ("answer = (1, 1, 1)", "answer = (0, 0, 0)"),
    "ex-instruments-branch": ("answer = 33", "answer = 0.2 * 33"),
    "ex-primer-dice": ("answer = 15 / 35", "answer = 1"),
    "ex-primer-blind": (
        "def blind(target): return np.ones_like(target)",
        "def blind(target): return np.zeros_like(target)",
        "def blind(target):\n    pred = np.zeros_like(target)\n    pred[0, 0] = pred[9, 9] = True\n"
        "    return pred",
    ),
    "ex-primer-sensitivity": (
        "def sensitivity(pred, target): return pred[target].mean()",
        "def sensitivity(pred, target): return target[geometry.skeletonize(pred)].mean()",
    ),
    "ex-instruments-auc": (
        "def area(a, b): return (a[:, None] > b[None]).mean()",
        "def area(a, b): return 0.5",
    ),
}


@cache
def state(source: Path, cells: tuple[str, ...]) -> dict[str, Any]:
    """Names that the notebook has made when the reader comes to the exercise."""
    names: dict[str, Any] = {"display": lambda shown: None}
    for cell in cells:
        said(cell, names)
    plt.close("all")
    return names


def run(label: str, code: str) -> str:
    source, exercise = ALL[label]
    cells = needed(f"{exercise.cell}\n{exercise.solution}\n{code}", exercise.before)
    return said(code, dict(state(source, tuple(cells))))


def with_answer(exercise: Exercise, solution: str) -> str:
    return answered(exercise.cell, solution)


def test_every_check_has_wrong_answers() -> None:
    assert set(WRONG) == set(CHECKED)


@pytest.mark.parametrize("label", [label for label, (_, e) in ALL.items() if e.solution])
def test_printed_solutions_run_and_are_right(label: str):
    _, exercise = ALL[label]
    if exercise.cell:
        assert exercise.solution, "an exercise with a check has a solution in code"
        assert run(label, with_answer(exercise, exercise.solution)).startswith("✔")
    else:
        run(label, exercise.solution)


@pytest.mark.parametrize("label", CHECKED)
def test_an_open_exercise_says_so(label: str):
    assert run(label, ALL[label][1].cell).startswith("○")


@pytest.mark.parametrize(("label", "wrong"), [(k, w) for k, ws in WRONG.items() for w in ws])
def test_wrong_answers_are_refused(label: str, wrong: str):
    assert run(label, with_answer(ALL[label][1], wrong)).startswith("✘")
