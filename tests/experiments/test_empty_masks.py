"""Records say that two empty masks agree; that must not change under them."""

import numpy as np

from tubekit.experiments.evaluate import MEASURES, evaluate
from tubekit.types import Case


def test_two_empty_masks_agree_in_records():
    nothing = np.zeros((12, 12), np.int64)
    case = Case("slice without the organ", np.zeros((1, 12, 12), np.float32), nothing, (1.0, 1.0))
    found = evaluate(nothing, case, 2, tuple(MEASURES))
    agreeing = ("dice", "iou", "cldice", "centerline_f1")
    assert [found[name] for name in agreeing] == [1, 1, 1, 1]
    zeros = ("hallucination_rate", "false_positive_rate", "betti_error_0", "betti_error_1")
    zeros += ("betti_difference_0",)
    assert [found[name] for name in zeros] == [0, 0, 0, 0, 0]
    others = set(MEASURES) - {*agreeing, *zeros}
    assert {found[name] for name in others} == {None}
