"""Arrays on disk under a key of all they depend on."""

import numpy as np
import pytest

from tubekit.data.cache import cached_array, content_key


def test_key_tells_values_shapes_types_and_texts_apart():
    a = np.arange(6, dtype=np.int32).reshape(2, 3)
    others = [
        content_key("x", a),
        content_key("y", a),
        content_key("x", a + 1),
        content_key("x", a.reshape(3, 2)),
        content_key("x", a.view(np.uint32)),
        content_key("x", a, a),
        content_key("x"),
    ]
    assert len(set(others)) == len(others)
    assert content_key("x", np.asfortranarray(a)) == others[0]


def test_entry_of_another_shape_is_computed_anew(tmp_path):
    path = tmp_path / "entry.npz"
    first = cached_array(path, (2, 2), lambda: np.ones((2, 2)))
    assert first.shape == cached_array(path, (2, 2), lambda: np.zeros((2, 2))).shape
    assert cached_array(path, (2, 2), lambda: np.zeros((2, 2))).all()
    assert not cached_array(path, (4,), lambda: np.zeros(4)).any()


def test_errors_of_the_computation_are_told_and_nothing_is_kept(tmp_path):
    def fails() -> np.ndarray:
        raise ValueError("no vessel")

    with pytest.raises(ValueError, match="no vessel"):
        cached_array(tmp_path / "entry.npz", (2,), fails)
    assert not list(tmp_path.iterdir())
