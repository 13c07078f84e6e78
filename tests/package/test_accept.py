"""What public functions accept, decided in one place; lengths on a limit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tubekit import _accept
from tubekit._lengths import at_most, below


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)])
def test_an_integer_of_any_kind_is_an_int(value):
    found = _accept.whole("n", value)
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [0, 2.0, True, np.True_, "3", None, np.float32(3)])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError, match=r"n must be an integer of at least 1, got"):
        _accept.whole("n", value)


def test_one_integer_holds_for_all_axes():
    assert _accept.per_axis("size", np.int32(4), 3) == (4, 4, 4)
    assert _accept.per_axis("size", np.array([1, 2]), 2) == (1, 2)
    with pytest.raises(ValueError, match=r"one per axis \(3\)"):
        _accept.per_axis("size", [1, 2], 3)


def test_a_path_may_be_a_string():
    assert _accept.path("a/b") == Path("a/b")
    assert _accept.path("~") == Path.home()
    with pytest.raises(ValueError, match="expected a path, got int"):
        _accept.path(3)


def test_arrays_come_out_plain(tmp_path):
    plain = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "a.npy", plain)
    views = {
        "read-only memory map": np.load(tmp_path / "a.npy", mmap_mode="r"),
        "mirrored": np.ascontiguousarray(plain[:, ::-1])[:, ::-1],
        "other byte order": plain.astype(">f8"),
        "tensor with gradient": torch.from_numpy(plain.copy()).requires_grad_(),
        "bfloat16": torch.from_numpy(plain).bfloat16(),
    }
    for name, view in views.items():
        found = _accept.array("image", view)
        assert type(found) is np.ndarray, name
        assert found.dtype.isnative, name
        np.testing.assert_array_equal(found, plain, err_msg=name)
    assert _accept.array("image", plain) is plain
    with pytest.raises(ValueError, match="image must be an array, got list"):
        _accept.array("image", [[1.0]])


@pytest.mark.parametrize("kind", ["bool", "uint16", ">i4", "uint64", "float16", ">f8"])
def test_classes_of_any_type_are_integers(kind):
    found = _accept.classes("label", np.array([0, 1, 1], kind))
    assert found.dtype.kind in "biu"
    assert found.tolist() == [0, 1, 1]


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, 1e12, 1j])
def test_what_is_no_class_is_refused(value):
    with pytest.raises(ValueError, match="label must hold integer classes, got"):
        _accept.classes("label", np.array([0, value]))


@pytest.mark.parametrize("side", [0.1, 0.3, 0.7, 0.976562, np.float64(np.float32(0.1)), 1 / 3])
@pytest.mark.parametrize("count", range(1, 12))
def test_a_length_on_its_limit_is_within_it(side, count):
    assert at_most(count * side, float(f"{count * side:.6g}"))
    assert not below(count * side, float(f"{count * side:.6g}"))
    assert not at_most(count * side * 1.0001, count * side)
    assert below(count * side * 0.9999, count * side)
