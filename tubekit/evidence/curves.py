"""Validation curves of records: whether a training had converged."""

from collections.abc import Sequence

import numpy as np

from tubekit.experiments.record import Record

LAST = 0.2
"""Share of the steps at the end of a training in which little may be gained."""
POINTS = 0.2
"""What that is, in points of validation Dice."""
EVERY = 0.05
"""Largest share of the steps between two validations."""


def end_gain(record: Record) -> float:
    """Points of validation Dice by which the best of the last fifth exceeds the best before.

    0 where it does not; NaN where the validations lie too far apart to tell.
    """
    steps = np.array([0, *(step for step, _ in record.validation)])
    if len(steps) == 1 or steps[-1] < record.steps_done or _gap(steps) > EVERY * steps[-1]:
        return float("nan")
    scores = np.nan_to_num([score for _, score in record.validation], nan=0.0)
    early = steps[1:] <= (1 - LAST) * steps[-1]
    return max(0.0, 100.0 * float(scores[~early].max() - scores[early].max()))


def _gap(steps: np.ndarray) -> int:
    return int(np.diff(steps).max())


def not_flat(runs: Sequence[Record]) -> str | None:
    """Why the trainings of one method had not converged; None if they had.

    The gain at the end is the mean over the runs: a single curve has noise of its own.
    """
    name = runs[0].key[2]
    if any(not any(score > 0 for _, score in run.validation) for run in runs):
        return f"not converged: a run of {name} found nothing in its validation cases"
    gain = float(np.mean([end_gain(run) for run in runs]))
    if np.isnan(gain):
        return f"not converged: {name} was not validated every {100 * EVERY:.0f} % of its steps"
    if gain >= POINTS:
        return (
            f"not converged: {name} gained {gain:.2f} points of validation Dice in the last "
            f"{100 * LAST:.0f} % of its steps"
        )
    return None
