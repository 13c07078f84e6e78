"""The paired test over runs and patients, and the word that follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.experiments.factory import record
from tubekit.evidence.verdict import (
    PATIENTS,
    RUNS,
    compare,
    excess,
    holm,
    objection,
    over_runs_and_patients,
    per_unit,
    word,
)

FLAT = [(step, 0.5) for step in range(5, 101, 5)]


def runs(values, seeds=RUNS, **changes):
    """A record for each seed; ``values`` may depend on the seed."""
    made = {"validation": FLAT, "steps_done": 100} | changes
    of = values if callable(values) else lambda _: values
    return [
        record(seed=s, cases={c: {"dice": v} for c, v in of(s).items()}, **made)
        for s in range(seeds)
    ]


BASE = {f"c{i}": 0.5 for i in range(PATIENTS)}


def better(by, **changes):
    """Runs that lead by so much, with a little noise over runs and patients."""

    def values(seed):
        return {c: 0.5 + by + 0.001 * ((seed + i) % 3 - 1) for i, c in enumerate(BASE)}

    return runs(values, **changes)


def judged(method, baseline, *, higher=True, margin=0.0, equal=False):
    pair = compare(method, baseline, "dice")
    found = objection(pair, method, baseline)
    if found:
        return found[0]

    def beyond(difference):
        return excess(difference, higher=higher, margin=margin, equal=equal)

    leads = [beyond(lead) for lead in pair.leads]
    return word(pair, beyond(pair.difference), leads, pair.p(beyond(pair.difference)))


def test_both_errors_are_added_by_hand():
    # Two runs by two patients: run means 1 and 3, patient means 1.5 and 2.5, mean 2.
    pair = over_runs_and_patients(np.array([0.5, 1.5, 2.5, 3.5]), [0, 0, 1, 1], ["a", "b"] * 2)
    assert pair.difference == 2
    assert pair.leads == (1, 3)
    # Squared errors of two means each: ((1 - 2)² + (3 - 2)²) / 2 = 1, and 0.25; together 1.25.
    assert pair.error == pytest.approx(1.25**0.5)
    assert pair.freedom == 1  # of the smaller sample
    assert pair.interval[0] < 0 < pair.interval[1]
    assert pair.p() > 0.05


def test_the_interval_and_p_agree():
    pair = over_runs_and_patients(np.random.default_rng(0).normal(size=4), [0, 0, 1, 1], [*"abab"])
    low, high = pair.interval
    for bound in (low, high):
        assert pair.p(pair.difference - bound) == pytest.approx(0.05)


def test_compare_pairs_by_run_and_patient_not_by_image():
    # Two eyes of one child are one observation; the runs differ by 0.2, but both methods alike.
    eyes = {"01L": 0.6, "01R": 0.8, "02L": 0.5, "02R": 0.7}
    group = {c: c[:2] for c in eyes}
    better, base = (
        runs(lambda s, by=by: {c: v + by + 0.2 * s for c, v in eyes.items()}, 3, groups=group)
        for by in (0.1, 0.0)
    )
    result = compare(better, base[::-1], "dice")
    assert (result.units, len(result.leads)) == (2, 3)
    assert result.difference == pytest.approx(0.1)
    assert result.error == pytest.approx(0, abs=1e-9)
    assert compare(better[:1], base, "dice") is None
    assert compare(better, [], "dice") is None


def test_undefined_values_are_left_out_not_counted_as_zero():
    assert per_unit([record(cases={"a": {"dice": None}, "b": {"dice": 0.5}})], "dice") == {"b": 0.5}


def test_verdict_words():
    base = runs(BASE)
    assert judged(better(0.1), base) == "reproduced"
    assert judged(better(0.1), base, higher=False) == "opposite"
    assert judged(better(0.1), base, margin=0.2) == "opposite"
    assert judged(better(0.1), base, margin=0.05) == "reproduced"
    steady = runs(lambda s: {c: 0.51 + 0.1 * s * (c == "c0") for c in BASE})
    assert judged(steady, base) == "trend only"  # in every run, but it hangs on one patient
    one_against = better(0.1)[1:] + runs(BASE | {c: 0.499 for c in BASE})[:1]
    assert judged(one_against, base) == "trend only"  # certain or not, one run says no
    assert judged(better(0.0), base) == "open"


def test_no_difference_asks_for_an_interval_within_the_margin():
    base = runs(BASE)
    assert judged(better(0.0), base, margin=0.01, equal=True) == "reproduced"
    assert judged(better(0.1), base, margin=0.01, equal=True) == "opposite"
    wide = runs(lambda s: {c: 0.5 + 0.1 * (-1) ** s for c in BASE}, seeds=6)
    assert judged(wide, runs(BASE, seeds=6), margin=0.05, equal=True) == "open"


def test_what_may_not_be_judged():
    base = runs(BASE)
    assert judged(better(0.1, seeds=RUNS - 1), base) == "open"
    few = {c: 0.5 for c in list(BASE)[1:]}
    assert judged(runs({c: 0.6 for c in few}), runs(few)) == "open"
    assert judged([], base) == "not comparable"
    assert judged(better(0.1, precision="bf16-mixed"), base) == "not comparable"
    steep = [(step, step / 100) for step in range(5, 101, 5)]
    assert judged(better(0.1, validation=steep), base) == "open"
    assert judged(base, better(0.1, validation=steep)) == "open"


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values):
    corrected = holm(p_values)
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    assert all(c <= 1 for c in corrected)
    by_p = [c for _, c in sorted(zip(p_values, corrected, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
