"""What recipes measure is what the single functions say, inside the field of view."""

import numpy as np
import pytest

from tests.metrics.test_report import SINGLE
from tubekit import metrics
from tubekit.experiments.evaluate import DEFAULT, MEASURES, evaluate
from tubekit.types import Case

SPACING = (0.7, 1.3, 2.0)
AGREE = ("dice", "iou", "cldice", "centerline_f1", "hallucination_rate")


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    label = np.zeros((12, 14, 16), int)
    label[2:5, 2:12, 3:9], label[7:9, 3:5, 2:14] = 1, 2
    pred = np.where(rng.random(label.shape) > 0.1, np.roll(label, 1, -1), 0)
    valid = np.ones(label.shape, bool)
    valid[:, :4] = False
    return pred, label, valid


@pytest.mark.parametrize("masked", [False, True])
def test_every_line_of_the_catalogue_is_the_function_of_its_name(masked: bool):
    pred, label, valid = scene()
    image = np.zeros((1, *label.shape), np.float32)
    case = Case("a", image, label, SPACING, valid if masked else None)
    found = evaluate(pred, case, 3, tuple(MEASURES))
    seen = valid if masked else np.ones(label.shape, bool)
    for name, value in found.items():
        each = []
        for k in (1, 2):
            masks = [seen & (labels == k) for labels in (pred, label)]
            if hasattr(metrics.Counts, name):  # of the voxels that count, wherever they lie
                masks = [mask[seen][None] for mask in masks]
            spacing = None if masks[0].ndim == 2 else SPACING
            each.append(SINGLE[name](*masks, spacing=spacing))
        defined = [number for number in each if not np.isnan(number)]
        assert value == (np.mean(defined) if defined else None), name


def test_the_catalogue_states_what_tables_need():
    assert set(DEFAULT) <= set(MEASURES)
    assert len({measure.label for measure in MEASURES.values()}) == len(MEASURES)
    for name, measure in MEASURES.items():
        assert measure.percent == measure.label.endswith("(%)"), name
        assert (measure.unit == "mm") == measure.text.endswith("in mm"), name
