"""Golden records: two steps of a recipe of each kind of data, which must come out the same.

A change of the numbers is noticed by the commit that makes it. Then the records of the book are
made again, or the change is said; ``python -m tests.experiments.test_golden`` writes new ones.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tubekit.chapters import chapter, known
from tubekit.experiments.environment import device_name, versions
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.run import run

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.json"))


def machine() -> dict[str, str]:
    return {"device": device_name("cpu"), **{n: versions()[n] for n in ("torch", "numpy", "scipy")}}


def made(golden: dict[str, Any]) -> dict[str, Any]:
    recipe = chapter(golden["chapter"]).recipe("smoke", golden["recipe"]).shortened(steps=2)
    short = dataclasses.replace(recipe, metrics=("dice",))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        record = run(short, 0, device="cpu", precision="32-true").record
    finally:
        torch.set_num_threads(threads)
    return {
        "history": [list(row) for row in record.history],
        "validation": [list(row) for row in record.validation],
        "dice": {case: values["dice"] for case, values in record.cases.items()},
        "source": record.source,
        "machine": machine(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_golden_record_comes_out_the_same(path: Path, request: pytest.FixtureRequest) -> None:
    golden = json.loads(path.read_text())
    if golden["source"] != "phantom":
        request.getfixturevalue("mirror")
    found = made(golden)
    if found["machine"] == golden["machine"]:  # to the bit
        assert found == {name: golden[name] for name in found}
        return
    # Elsewhere sums are taken in another order: two steps keep the losses to a thousandth.
    for name in ("history", "validation"):
        assert [row[1] for row in found[name]] == pytest.approx(
            [row[1] for row in golden[name]], rel=1e-3, abs=1e-3
        )
    assert found["dice"] == pytest.approx(golden["dice"], abs=0.01)


@pytest.mark.parametrize("name", known())
def test_every_kind_of_data_has_one(name: str) -> None:
    """The functions that make the splits, with the phantom or set that they are called with."""
    own = [json.loads(p.read_text())["recipe"] for p in FILES if p.stem.startswith(name)]
    kinds = {kind_of(chapter(name).recipe("smoke", recipe)) for recipe in own}
    wanted = {kind_of(recipe) for recipe in chapter(name).recipes("smoke")}
    assert wanted - kinds <= {"canal"}  # as cow, with one class


def kind_of(recipe: Recipe) -> str:
    return recipe.data.kwargs.get("name", recipe.data.target.__name__)


if __name__ == "__main__":
    for path in FILES:
        golden = json.loads(path.read_text())
        path.write_text(json.dumps(golden | made(golden), indent=1, sort_keys=True) + "\n")
