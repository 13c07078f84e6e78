"""Whether a training had converged, and which setting a grid chooses."""

import math

import pytest

from tests.experiments.factory import record
from tubekit.chapters import chapter, known
from tubekit.evidence.curves import end_gain, not_flat
from tubekit.evidence.grid import chosen, grid_html, settings_of
from tubekit.evidence.names import labels
from tubekit.experiments.record import read_records


def run(scores, steps=100, **changes):
    every = steps // len(scores)
    curve = [(every * (i + 1), score) for i, score in enumerate(scores)]
    return record(validation=curve, steps_done=steps, **changes)


def test_the_gain_of_the_last_fifth_by_hand():
    flat = [0.5] * 16
    assert end_gain(run([*flat, 0.49, 0.503, 0.5, 0.5])) == pytest.approx(0.3)
    assert end_gain(run([*flat, 0.4, 0.4, 0.4, 0.4])) == 0
    assert end_gain(run([*flat[:-1], 0.503, 0.5, 0.5, 0.5, 0.5])) == 0
    assert math.isnan(end_gain(run([0.5] * 10)))  # every tenth of the steps is too seldom
    assert math.isnan(end_gain(run([0.5] * 20).model_copy(update={"steps_done": 200})))
    assert math.isnan(end_gain(record(validation=[])))


def test_flat_is_the_mean_over_the_runs():
    rising, still = run([0.5] * 19 + [0.503]), run([0.5] * 20)
    assert "gained 0.30 points" in not_flat([rising])
    assert not_flat([rising, still]) is None
    assert "every 5 %" in not_flat([still, run([0.5] * 3)])
    assert "found nothing" in not_flat([still, run([0.0] * 20)])


def test_the_best_mean_of_best_scores_is_chosen():
    grid = {"srl": ["a", "b"], "ce_dice": ["c"], "cldice": ["d", "e"]}
    runs_of = {
        "a": [run([0.6, 0.9, 0.5]), run([0.1, 0.1, 0.1], seed=1)],
        "b": [run([0.6, 0.6, 0.6]), run([0.6, 0.6, 0.6], seed=1)],
        "c": [run([0.5])],
        "d": [run([0.5])],
    }
    assert chosen(runs_of, grid) == {"srl": "b", "ce_dice": "c"}  # of cldice a setting is missing
    uneven = runs_of | {"b": runs_of["b"][:1]}
    assert "srl" not in chosen(uneven, grid)


def test_the_grid_is_shown_with_what_was_chosen():
    records = [
        record(seed=0, table="grid", method=f"ce_dice_w1_lr0.00{rate}", validation=[(1, score)])
        for rate, score in ((1, 0.8), (4, 0.825))
    ]
    page = grid_html(records, "skeleton_recall", "retina").text
    assert "82.50" in page
    assert page.count(">yes<") == 1


@pytest.mark.parametrize("name", known())
def test_the_grid_of_the_labels_is_that_of_the_recipes(name):
    methods = {r.method for r in chapter(name).recipes("laptop") if r.table == "grid"}
    assert {s for settings in labels(name).grid.values() for s in settings} == methods


@pytest.mark.parametrize("name", known())
def test_the_decisive_runs_use_what_the_committed_grid_chose(name):
    recipes = {(r.table, r.data_name, r.method): r for r in chapter(name).recipes("laptop")}
    records = read_records(name, "laptop")
    for data in {data for table, data, _ in recipes if table == "grid"}:
        taken = chosen(settings_of(records, data), labels(name).grid)
        finished = {r.method for r in recipes.values() if (r.table, r.data_name) == ("grid", data)}
        if not finished <= set(settings_of(records, data)):
            continue  # the grid is still being run
        for method, setting in taken.items():
            same = [
                recipe
                for (table, of, by), recipe in recipes.items()
                if table.startswith("decisive") and (of, by) == (data, method)
            ]
            assert same, f"{method} on {data} has chosen {setting}; write it into CHOSEN"
            assert {r.digest for r in same} == {recipes["grid", data, setting].digest}
