import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tubekit.geometry.kernels.boxes import foreground_box

masks = arrays(
    st.sampled_from([np.dtype(kind) for kind in ("bool", "u1", "i2", ">i2", "f4", "f2")]),
    array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7),
    elements=st.sampled_from([0, 0, 0, 0, 0, 1]),
)


def plain(mask: np.ndarray, margin: int) -> tuple[slice, ...] | None:
    found = np.argwhere(mask)
    if not len(found):
        return None
    ends = zip(found.min(0).tolist(), found.max(0).tolist(), mask.shape, strict=True)
    return tuple(slice(max(a - margin, 0), min(b + margin + 1, side)) for a, b, side in ends)


@settings(max_examples=200, deadline=None)
@given(masks, st.integers(0, 3))
def test_equals_the_plain_version(mask, margin):
    for view in (mask, mask.T, mask[::-1]):
        assert foreground_box(view, margin) == plain(view, margin)


@pytest.mark.parametrize("value", [-1, 7, 1000, -(2**40)])
def test_any_value_but_zero_is_foreground(value):
    label = np.zeros((4, 5, 70), np.int64)
    label[2, 1, 66] = label[1, 3, 5] = value
    assert foreground_box(label, 0) == np.s_[1:3, 1:4, 5:67]
    assert foreground_box(label, 100) == np.s_[0:4, 0:5, 0:70]


def test_nan_is_foreground_and_read_only_arrays_are_read():
    image = np.zeros((6, 6))
    image[2, 3] = np.nan
    image.flags.writeable = False
    assert foreground_box(image, 1) == np.s_[1:4, 2:5]
