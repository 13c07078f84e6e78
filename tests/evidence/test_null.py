"""The null check: the same method with other seeds is called different in at most 5 %."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from tubekit.chapters import known
from tubekit.evidence.verdict import ALPHA, PATIENTS, RUNS, over_runs_and_patients, per_unit
from tubekit.experiments.record import read_records

# Per fold: number of runs and of test patients. One fold is a phantom, whose runs share all cases.
DESIGNS = {
    "phantom, fewest runs": ((RUNS, 12),),
    "phantom, six runs": ((6, 12),),
    "phantom, eight cases": ((6, 8),),
    "three folds, three runs each": ((3, 4),) * 3,
    "three folds, fewest runs": ((2, 4), (2, 4), (1, 4)),
    "folds of a liver": ((3, 6), (3, 5), (3, 5)),
}
# Deviation over runs, over patients, and of single pairs: same seeds, same patients, neither.
DRAWS = 300
DEVIATIONS = ((1, 0, 0.3), (1, 0, 1), (0.3, 1, 1), (1, 1, 1), (1, 3, 1), (0.5, 1, 0.2))


def places(folds):
    """Run and patient of each pair."""
    runs, patients = [], []
    for fold, (many, cases) in enumerate(folds):
        for run, case in product(range(many), range(cases)):
            runs.append(100 * fold + run)
            patients.append(f"{fold}/{case}")
    return runs, patients


def called_different(draws, runs, patients):
    return np.mean([over_runs_and_patients(d, runs, patients).p() < ALPHA for d in draws])


@pytest.mark.parametrize("folds", DESIGNS.values(), ids=DESIGNS)
def test_simulated_runs_of_one_method_rarely_differ(folds):
    rng = np.random.default_rng(0)
    runs, patients = places(folds)
    _, run = np.unique(runs, return_inverse=True)
    _, patient = np.unique(patients, return_inverse=True)
    shares = []
    for of_runs, of_patients, of_pairs in DEVIATIONS:
        draws = [
            of_runs * rng.normal(size=run.max() + 1)[run]
            + of_patients * rng.normal(size=patient.max() + 1)[patient]
            + of_pairs * rng.normal(size=len(run))
            for _ in range(DRAWS)
        ]
        shares.append(called_different(draws, runs, patients))
    assert np.mean(shares) <= ALPHA
    # A share of so many draws lies three of its own deviations above 5 % once in 700 times.
    assert max(shares) <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / DRAWS) ** 0.5


def residuals(records, metric):
    """Of every run with a twin on the same patients: what its seed did to each of them."""
    found, groups = defaultdict(list), defaultdict(list)
    for record in records:
        values = per_unit([record], metric)
        groups[(*record.key, *sorted(values))].append([values[p] for p in sorted(values)])
    for (_, data, _, *patients), runs in groups.items():
        if len(runs) > 1 and patients:
            own = np.array(runs) - np.mean(runs, axis=0)
            found[data, tuple(patients)] += list(own * (len(runs) / (len(runs) - 1)) ** 0.5)
    return found


@pytest.mark.parametrize("chapter", known())
def test_committed_runs_of_one_method_rarely_differ(chapter):
    """Two methods that are one: the same recipe, its seeds drawn anew from those that were run."""
    rng = np.random.default_rng(0)
    records = read_records(chapter, "laptop")
    shares = []
    for metric in ("dice", "cldice", "betti_error_0", "precision", "recall"):
        folds_of = defaultdict(list)
        for (data, patients), rows in residuals(records, metric).items():
            if len(rows) > RUNS:
                folds_of[data].append((len(patients), rows))
        for folds in folds_of.values():
            if sum(cases for cases, _ in folds) < PATIENTS:
                continue
            each = -(-RUNS // len(folds))
            runs, patients = places([(each, cases) for cases, _ in folds])
            draws = [
                np.concatenate(
                    [
                        np.subtract(*(rng.choice(rows, each) for _ in "ab")).ravel()
                        for _, rows in folds
                    ]
                )
                for _ in range(60)
            ]
            shares.append(called_different(draws, runs, patients))
    assert shares
    assert np.mean(shares) <= ALPHA
