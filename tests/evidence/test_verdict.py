"""The paired test and the word that follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.experiments.factory import record
from tubekit.evidence.verdict import claim_verdict, compare, holm, per_unit, sign_flip_p


def runs(values: dict[str, float], seeds: int = 3) -> list:
    return [record(seed=s, cases={c: {"dice": v} for c, v in values.items()}) for s in range(seeds)]


def test_sign_flip_p_by_hand():
    # Two differences of one sign: of the four sign patterns, ++ and -- reach the observed mean.
    assert sign_flip_p(np.array([1.0, 2.0])) == 0.5
    assert sign_flip_p(np.ones(10)) == 2 / 2**10
    assert sign_flip_p(np.zeros(5)) == 1.0


def test_sign_flip_p_is_nearly_exact_where_it_must_draw():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1.0, 14)
    exact = sign_flip_p(differences)
    drawn_signs = np.random.default_rng(2).choice((1.0, -1.0), (200_000, 14))
    drawn = (abs(drawn_signs @ differences) >= abs(differences.sum())).mean()
    assert exact == pytest.approx(drawn, abs=5e-3)


def test_compare_pairs_by_patient_not_by_image():
    # Two eyes of one child are one observation.
    eyes = {"01L": 0.8, "01R": 0.8, "02L": 0.7, "02R": 0.7}
    group = {c: c[:2] for c in eyes}
    better = [
        record(seed=s, groups=group, cases={c: {"dice": v + 0.1} for c, v in eyes.items()})
        for s in range(3)
    ]
    base = [
        record(seed=s, groups=group, cases={c: {"dice": v} for c, v in eyes.items()})
        for s in range(3)
    ]
    result = compare(better, base, "dice")
    assert result is not None
    assert (result.units, result.seeds) == (2, 3)
    assert result.difference == pytest.approx(0.1)
    assert result.p == 0.5


def test_undefined_values_are_left_out_not_counted_as_zero():
    assert per_unit([record(cases={"a": {"dice": None}, "b": {"dice": 0.5}})], "dice") == {"b": 0.5}


def test_verdict_words():
    base = {f"c{i}": 0.5 for i in range(8)}
    up = compare(runs({k: 0.6 for k in base}), runs(base), "dice")
    mixed = compare(
        runs({k: 0.5 + (0.1 if i < 5 else -0.1) for i, k in enumerate(base)}), runs(base), "dice"
    )
    assert claim_verdict(up, higher=True)[0] == "reproduced"
    assert claim_verdict(up, higher=False)[0] == "not reproduced"
    assert claim_verdict(up, higher=True, margin=0.2)[0] == "not reproduced"
    assert claim_verdict(mixed, higher=True)[0] == "trend only"
    assert claim_verdict(None, higher=True)[0] == "not comparable"
    stuck = [r.model_copy(update={"validation": [(1, 0.0), (2, 0.0)]}) for r in runs(base)[:1]]
    failed = compare(runs({k: 0.6 for k in base}), [*stuck, *runs(base)[1:]], "dice")
    assert failed is not None
    assert failed.untrained == 1
    assert claim_verdict(failed, higher=True)[0] == "not comparable"
    blind = [r.model_copy(update={"validation": []}) for r in runs(base)]
    unseen = compare(runs({k: 0.6 for k in base}), blind, "dice")
    assert claim_verdict(unseen, higher=True)[0] == "reproduced"
    few = compare(runs({k: 0.6 for k in base}, seeds=2), runs(base, seeds=2), "dice")
    assert claim_verdict(few, higher=True)[0] == "not comparable"


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values):
    corrected = holm(p_values)
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    assert all(c <= 1 for c in corrected)
    by_p = [c for _, c in sorted(zip(p_values, corrected, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
