"""What selects the weights of a training: scores on validation cases, never on test cases."""

from collections.abc import Callable

import numpy as np

from tubekit.experiments.data import Split
from tubekit.inference.predictors import Predictor, label_of
from tubekit.metrics import dice


def mean_dice(predict: Predictor, split: Split, *, rule: int = 2) -> float:
    """Mean Dice of the foreground classes over the validation cases; a class that a case lacks is
    left out.

    Args:
        predict: case to probabilities.
        split: its validation cases are looked at.
        rule: version of this rule, which stands in every recipe: 1 looked at the whole image, 2
            looks inside the field of view, as every loss does.
    Raises:
        ValueError: another rule than 2.
    """
    if rule != 2:
        raise ValueError(f"rule must be 2, got {rule}; records of an older rule are made anew")
    values = []
    for case in split.validation:
        if case.label is None:
            continue
        valid = np.ones(case.label.shape, bool) if case.valid is None else case.valid
        found, label = label_of(predict(case))[valid], case.label[valid]
        for k in range(1, split.classes):
            if (label == k).any():
                values.append(dice((found == k)[None], (label == k)[None]))
    return float(np.mean(values))


Select = Callable[[Predictor, Split], float]
