import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tubekit.geometry import skeletonize, tubed_skeleton
from tubekit.plain.skeleton import tubed_skeleton as plain_tube

CASES = ["tree2d_a", "ring2d", "two2d", "single2d", "empty2d", "full2d", "mc2d_a"]
CASES += ["tree3d_a", "ring3d", "two3d", "single3d", "empty3d", "mc3d_a"]
labels = arrays(
    np.int16,
    array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9),
    elements=st.integers(0, 3),
)


def dilated(
    label: np.ndarray, radius: int, clip: bool = True, ignore_label: int | None = None
) -> np.ndarray:
    """The tube by dilating the whole image with the face cross, highest class first."""
    ignored = np.zeros(label.shape, bool) if ignore_label is None else label == ignore_label
    classes = np.where(ignored, 0, label)
    cross = ndimage.generate_binary_structure(label.ndim, 1)
    grown = classes * skeletonize(classes > 0)
    for _ in range(radius):
        beside = ndimage.grey_dilation(grown, footprint=cross, mode="constant")
        grown = np.where(grown > 0, grown, beside)
    tube = np.where((classes > 0) & (grown > 0), classes, 0 if clip else grown)
    return np.where(ignored, 0, tube)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_reference(oracle, case):
    label = oracle("inputs")[case]
    recorded = oracle("tubed_skeleton")
    assert np.array_equal(tubed_skeleton(label), recorded[f"{case}__tubed"])
    assert np.array_equal(tubed_skeleton(label, radius=0), recorded[f"{case}__skel"])


def test_reference_loses_the_full_volume(oracle):
    """Defect: no skeleton is left of a box with even sides, and so no tube."""
    assert not oracle("tubed_skeleton")["full3d__tubed"].any()
    assert tubed_skeleton(oracle("inputs")["full3d"]).any()


def test_reference_writes_padding_into_the_tube(oracle):
    """Defect: a strip of padding value -1 reappears in the tube where the dilation meets it."""
    padded = oracle("tubed_skeleton")["mc2d_a__neg1pad_input"]
    reference = oracle("tubed_skeleton")["mc2d_a__neg1pad_tubed"]
    assert (reference == -1).any()
    ours = tubed_skeleton(padded, ignore_label=-1)
    assert np.array_equal(ours, np.maximum(reference, 0))
    with pytest.raises(ValueError, match=r"label must be 0 or more, got -1; .*ignore_label"):
        tubed_skeleton(padded)


def test_reference_takes_the_ignore_label_for_foreground(oracle):
    """Defect: the region to ignore is skeletonised and gets a tube of its own."""
    label = oracle("tubed_skeleton")["mc2d_a__ignore_input"]
    reference = oracle("tubed_skeleton")["mc2d_a__ignore_tubed"]
    ignore = int(label.max())
    assert np.array_equal(tubed_skeleton(label), reference)
    assert (reference == ignore).any()
    ours = tubed_skeleton(label, ignore_label=ignore)
    assert not (ours == ignore).any()
    assert np.array_equal(ours, tubed_skeleton(np.where(label == ignore, 0, label)))


@settings(max_examples=100, deadline=None)
@given(labels)
def test_equals_algorithm_1_written_out(label):
    assert np.array_equal(tubed_skeleton(label), plain_tube(label, skeletonize(label > 0)))


@settings(max_examples=150, deadline=None)
@given(labels, st.integers(0, 4), st.booleans(), st.sampled_from([None, 0, 1, 3, -1]))
def test_equals_the_dilation_of_the_whole_image(label, radius, clip, ignore_label):
    if ignore_label == -1:
        label = np.where(label == 2, -1, label).astype(label.dtype)
    ours = tubed_skeleton(label, radius, clip=clip, ignore_label=ignore_label)
    assert np.array_equal(ours, dilated(label, radius, clip, ignore_label))


@pytest.mark.parametrize("shape", [(40, 50), (14, 16, 18)])
def test_memory_layout_and_byte_order_do_not_matter(rng, shape):
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    label = np.digitize(noise, np.quantile(noise, [0.6, 0.8])).astype(np.int16)
    expected = dilated(label, 2)
    framed = np.pad(label, 3)
    inner = framed[(slice(3, -3),) * label.ndim]
    for same in (np.asfortranarray(label), inner, label.astype(">i2"), label.astype(np.uint32)):
        same.flags.writeable = False
        assert np.array_equal(tubed_skeleton(same), expected)
    assert np.array_equal(tubed_skeleton(label[::-1])[::-1], dilated(label[::-1], 2)[::-1])


def test_a_radius_beyond_the_image_fills_it():
    label = np.zeros((5, 6, 7), np.uint8)
    label[2, 2, 2:4] = 1, 3
    tube = tubed_skeleton(label, radius=10**12, clip=False)
    assert np.array_equal(tube, np.broadcast_to([1, 1, 1, 3, 3, 3, 3], label.shape))


def test_a_label_without_objects_has_no_tube():
    for label in (np.zeros((4, 5), np.int32), np.full((3, 4, 5), 7, np.int32)):
        tube = tubed_skeleton(label, clip=False, ignore_label=7)
        assert tube.shape == label.shape
        assert tube.dtype == label.dtype
        assert not tube.any()
    assert tubed_skeleton(np.zeros((0, 5), np.uint8)).shape == (0, 5)


@settings(max_examples=60, deadline=None)
@given(labels, st.integers(0, 3))
def test_unclipped_tube_differs_outside_the_label_only(label, radius):
    clipped = tubed_skeleton(label, radius)
    free = tubed_skeleton(label, radius, clip=False)
    assert np.array_equal(free * (label > 0), clipped)
    skeleton = skeletonize(label > 0)
    outside = (free > 0) & (label == 0)
    assert np.array_equal(free > 0, tubed_skeleton(skeleton.astype(int), radius, clip=False) > 0)
    points = np.argwhere(skeleton)
    for voxel in np.argwhere(outside)[:20]:
        distance = np.abs(points - voxel).sum(1)
        nearest = points[distance == distance.min()]
        assert distance.min() <= radius
        assert free[tuple(voxel)] == label[tuple(nearest.T)].max()


@pytest.mark.parametrize(("ndim", "voxels"), [(2, 13), (3, 25)])
def test_a_point_grows_to_the_l1_ball(ndim, voxels):
    label = np.zeros((7,) * ndim, dtype=np.uint8)
    label[(3,) * ndim] = 5
    free = tubed_skeleton(label, clip=False)
    assert (free == 5).sum() == voxels == np.count_nonzero(free)
    assert np.abs(np.argwhere(free) - 3).sum(1).max() == 2
    assert np.array_equal(tubed_skeleton(label), label)


def test_a_wide_band_keeps_a_tube_of_five():
    label = np.zeros((31, 60), dtype=np.int64)
    label[5:26, :30], label[5:26, 30:] = 1, 2
    tube = tubed_skeleton(label)
    assert set(np.unique(tube)) == {0, 1, 2}
    assert ((tube[:, 20] > 0).sum(), (tube[:, 40] > 0).sum()) == (5, 5)
    # The classes are thinned together: the tube runs through their border without a gap.
    assert (tube[15, 15:45] > 0).all()
    assert (tube[15, 25:30] == 1).all()
    assert (tube[15, 30:35] == 2).all()


def test_ignored_voxels_stay_free_of_the_unclipped_tube():
    label = np.zeros((9, 20), dtype=np.int16)
    label[3:6, 2:18] = 1
    label[6, :] = 7
    free = tubed_skeleton(label, radius=3, clip=False, ignore_label=7)
    assert not free[6].any()
    assert free[2].any()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, bool])
def test_the_type_of_the_label_is_kept(kind):
    label = np.zeros((8, 8), dtype=kind)
    label[2:6, 1:7] = 1
    tube = tubed_skeleton(label)
    assert tube.dtype == label.dtype
    assert tube.any()


def test_the_label_is_not_changed():
    label = np.pad(np.ones((4, 9), np.int16), 2)
    label[0] = -1
    before = label.copy()
    tubed_skeleton(label, ignore_label=-1)
    assert np.array_equal(label, before)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="label must hold integer classes, got float32"):
        tubed_skeleton(np.full((4, 4), 0.5, np.float32))
    with pytest.raises(ValueError, match="label must have 2 or 3 axes, got 1"):
        tubed_skeleton(np.ones(4, np.int16))
    for radius in (-1, 1.5, "2"):
        with pytest.raises((ValueError, TypeError), match="radius"):
            tubed_skeleton(np.ones((4, 4), np.int16), radius)
