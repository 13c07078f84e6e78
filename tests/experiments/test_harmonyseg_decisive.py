"""The decisive rows of the HarmonySeg chapter: equal passes, equal sizes, rates from the grid."""

import collections

import numpy as np
import pytest

from tubekit.chapters import chapter
from tubekit.chapters.harmonyseg import decisive
from tubekit.experiments.record import read_records

GRID = [r for r in chapter("harmonyseg").recipes("laptop") if r.table == "grid"]


def test_every_method_chooses_from_the_same_rates():
    rates = collections.defaultdict(set)
    for recipe in GRID:
        method, _, _ = recipe.method.partition("_lr")
        optimizer = recipe.stages[-1].update.kwargs["optimizer"]
        rates[recipe.data_name, method].add(optimizer.kwargs["lr"])
    assert len(rates) == 10
    assert set(map(frozenset, rates.values())) == {frozenset(decisive.RATES)}


def test_all_losses_pass_as_many_batches_through_the_network():
    passes = {}
    for recipe in GRID:
        loss = recipe.stages[-1].update.kwargs["loss"].build()
        passes[recipe.id] = recipe.steps * (2 if "mixed_logits" in loss.needs else 1)
    assert {n for name, n in passes.items() if "/missing_" in name} == {1920}


def test_the_widened_network_is_as_large_as_the_one_with_attention():
    networks = {r.method.partition("_lr")[0]: r.network for r in GRID if r.data_name == "hvs"}
    sizes = {
        method: sum(
            p.numel()
            for p in networks[method].build(in_channels=channels, out_channels=1).parameters()
        )
        for method, channels in (("wide", 1), ("d2sd_sadf", 2))
    }
    assert sizes["wide"] == pytest.approx(sizes["d2sd_sadf"], rel=0.03)


def test_chosen_rates_are_the_best_of_the_grid_on_validation_cases():
    scores = collections.defaultdict(dict)
    for record in read_records("harmonyseg", "laptop"):
        table, data, name = record.key
        if table == "grid" and not data.endswith("_removed") and data != "external":
            method, _, rate = name.partition("_lr")
            best = max(score for _, score in record.validation)
            scores[data, method].setdefault(float(rate), []).append(best)
    best = {
        key: max(by_rate, key=lambda rate: np.mean(by_rate[rate]))
        for key, by_rate in scores.items()
        if set(by_rate) == set(decisive.RATES)
    }
    for key, rate in decisive.CHOSEN.items():
        assert best[key] == rate, key
