"""`tubekit evaluate`: names of classes, and options as people give them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.scenes import run, table
from tests.evaluation.test_classes import write_rare
from tubekit.evaluation.files import Options
from tubekit.evaluation.names import class_names


def test_names_of_classes(tmp_path: Path):
    file = tmp_path / "names.json"
    for content in (
        ["back", "a", "b"],
        {"0": "back", "1": "a", "2": "b"},
        {"back": 0, "a": 1, "b": 2},
    ):
        for whole in (content, {"labels": content, "channel_names": {"0": "CT"}}):
            file.write_text(json.dumps(whole))
            assert class_names(str(file)) == {0: "back", 1: "a", 2: "b"}
    for text in ("a,a", "a,,b", "a,b/c", "back,mean"):
        with pytest.raises(ValueError, match=r"expected (different )?names"):
            class_names(text)
    for bad in ("{", json.dumps({"labels": {"whole": [1, 2]}}), "3"):
        file.write_text(bad)
        with pytest.raises(ValueError, match=r"names\.json: expected JSON with names of classes"):
            class_names(str(file))
    with pytest.raises(ValueError, match=r"none\.json: expected JSON"):
        class_names(str(tmp_path / "none.json"))


def test_plain_types_of_python_are_taken(tmp_path: Path):
    write_rare(tmp_path, cases=1)
    from tubekit.evaluation.folder import evaluate_folder

    first = run(tmp_path, Options(classes=2, tolerances_mm=(1.0, 2.0)))
    given = Options(
        classes=np.int64(2), tolerances_mm=np.array([1, 2]), spacing=None, names={}, ignore=None
    )
    again = evaluate_folder(
        *(str(tmp_path / name) for name in ("preds", "labels", "out")), given, jobs=np.int8(1)
    )
    assert again.results == first.results
    assert given == Options(classes=2, tolerances_mm=(1.0, 2.0))
    listed = Options(labels=np.array([1, 2]), spacing=[2, 0.5, 0.5], ignore=np.uint8(9))
    assert (listed.labels, listed.spacing, listed.ignore) == ((1, 2), (2.0, 0.5, 0.5), 9)


def test_numbers_of_numpy_are_kept_as_plain_ones(tmp_path: Path):
    write_rare(tmp_path, cases=1)
    given = Options(
        labels=np.array([2]),
        names={np.int64(2): np.str_("vein")},
        penalty_mm=np.float32(100),
        from_header=True,
        hd95=["max", "pooled"],
    )
    plain = Options(
        labels=(2,), names={2: "vein"}, penalty_mm=100.0, from_header=True, hd95=("max", "pooled")
    )
    assert given == plain
    assert not run(tmp_path, given).failures
    assert {row["class"] for row in table(tmp_path / "out" / "tidy.csv")} == {"vein"}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"labels": [1, 1]}, "expected a list of different classes"),
        ({"labels": []}, "expected a list of different classes"),
        ({"hd95": ("x",)}, "definition must be one of 'max'"),
        ({"nsd": ("max",)}, "definition must be one of 'count'"),
        ({"penalty_mm": math.inf}, "penalty_mm must be above 0 and finite, got inf"),
        ({"names": {"a": "b"}}, "a class must be an integer"),
        ({"tolerances_mm": (math.nan,)}, "tolerance_mm must be at least 0"),
    ],
)
def test_options_are_refused_before_any_case(bad, told):
    with pytest.raises(ValueError, match=told):
        Options(**bad)
