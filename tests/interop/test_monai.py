"""MONAI's conventions around the library's own losses, tubes and metrics."""

import monai
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.losses import DeepSupervisionLoss
from monai.networks.utils import one_hot
from monai.transforms import Compose, RandAffined, RandFlipd

from tubekit.geometry import tubed_skeleton
from tubekit.interop.monai import MonaiLoss, TubedSkeleton, TubedSkeletond
from tubekit.losses import (
    DiceCELoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    WeightedSum,
)
from tubekit.phantoms import phantom_cases

SIZE = (24, 32, 32)
LOSSES = {
    "dice_ce": DiceCELoss(),
    "cldice": SoftClDiceLoss(iterations=3),
    "skeleton_recall": SkeletonRecallLoss(),
    "sum": WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, 0.3]),
}


@pytest.fixture(scope="module")
def cases():
    return phantom_cases("vascular", 4, 1, size=SIZE, classes=2)


@pytest.fixture
def batch(cases):
    """Logits of three channels, class indices, tubes as ``tubekit.geometry`` makes them."""
    labels = torch.stack([torch.from_numpy(c.label).long()[None] for c in cases[:2]])
    tubes = np.stack([tubed_skeleton(c.label)[None] for c in cases[:2]])
    return torch.randn(2, 3, *SIZE), labels, torch.from_numpy(tubes).long()


def maps(loss, tube):
    return {name: tube for name in loss.needs}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["indices", "float_indices", "one_hot", "meta"])
def test_a_loss_is_the_same_number_and_gradient_in_either_convention(name, kind, batch):
    logits, labels, tube = batch
    loss = LOSSES[name]
    target = {
        "indices": labels,
        "float_indices": labels.float(),
        "one_hot": one_hot(labels, 3),
        "meta": MetaTensor(labels.float()),
    }[kind]
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    expected = loss(ours, labels, **maps(loss, tube))
    given = MetaTensor(theirs) if kind == "meta" else theirs
    value = MonaiLoss(loss)(given, target, **maps(loss, tube))
    assert type(value) is torch.Tensor
    assert torch.equal(value, expected)
    expected.backward()
    value.backward()
    assert torch.equal(theirs.grad, ours.grad)
    assert ours.grad.abs().sum() > 0


def test_one_channel_is_a_sigmoid(batch):
    logits, labels, _ = batch
    mask = (labels > 0).float()
    expected = DiceCELoss()(logits[:, :1], mask.long())
    assert torch.equal(MonaiLoss(DiceCELoss())(logits[:, :1], mask), expected)


def test_overlapping_classes(batch):
    logits, labels, _ = batch
    masks = torch.cat([labels > 0, labels > 1, labels > 2], 1)
    loss = DiceCELoss(multi_label=True)
    assert torch.equal(MonaiLoss(loss)(logits, MetaTensor(masks.float())), loss(logits, masks))


def test_a_tube_that_is_not_passed_is_made_of_the_target(batch):
    logits, labels, tube = batch
    loss = MonaiLoss(SkeletonRecallLoss())
    assert torch.equal(loss(logits, labels), loss(logits, labels, tube=tube))
    assert not torch.equal(loss(logits, labels), loss(logits, labels, tube=labels))


def test_deep_supervision_of_monai_takes_the_loss(batch):
    logits, labels, tube = batch
    coarse = torch.randn(2, 3, *(n // 2 for n in SIZE))
    inner = SkeletonRecallLoss()
    small = labels[..., 1::2, 1::2, 1::2]  # nearest-exact takes the upper of two voxels
    small_tube = torch.stack([torch.from_numpy(tubed_skeleton(s[0].numpy()))[None] for s in small])
    expected = inner(logits, labels, tube=tube) + 0.5 * inner(coarse, small, tube=small_tube)
    value = DeepSupervisionLoss(MonaiLoss(inner))([logits, coarse], labels.float())
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t + 0.25, "class indices"),
        (lambda t: torch.ones(2, 3, *SIZE), "exactly one 1"),
        (lambda t: one_hot(t, 3) * 0.5, "exactly one 1"),
        (lambda t: t + 3, "0..2"),
        (lambda t: torch.full_like(t, torch.nan, dtype=torch.float32), "class indices"),
        (lambda t: one_hot(t, 4), "shape"),
        (lambda t: t[:, 0], "shape"),
    ],
)
def test_other_targets_are_refused(change, words, batch):
    logits, labels, _ = batch
    with pytest.raises(ValueError, match=words):
        MonaiLoss(DiceCELoss())(logits, change(labels))


def test_an_unknown_map_is_refused(batch):
    logits, labels, tube = batch
    with pytest.raises(TypeError, match="tube"):
        MonaiLoss(SoftClDiceLoss())(logits, labels, tube=tube)


@pytest.mark.parametrize("radius", [0, 2])
@pytest.mark.parametrize("wrap", [np.asarray, torch.as_tensor, MetaTensor])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_tube_of_any_container(wrap, dtype, radius, cases):
    label = cases[0].label
    given = (
        wrap(torch.as_tensor(label.astype(dtype))[None]) if wrap is not np.asarray else label[None]
    )
    tube = TubedSkeleton(radius)(given)
    assert type(tube) is type(given)
    np.testing.assert_array_equal(np.asarray(tube[0]), tubed_skeleton(label, radius))
    assert str(tube.dtype).endswith("int64")


def test_tube_keeps_the_meta_data_and_the_label(cases):
    affine = torch.diag(torch.tensor([2.0, 1.0, 1.0, 1.0]))
    label = MetaTensor(torch.from_numpy(cases[0].label)[None], affine=affine)
    before = label.clone()
    sample = {"label": label, "other": 7}
    result = TubedSkeletond("label")(sample)
    assert set(sample) == {"label", "other"}
    assert set(result) == {"label", "other", "tube"}
    assert torch.equal(result["tube"].affine, affine.to(result["tube"].affine))
    assert result["label"] is label
    assert torch.equal(label, before)


def test_tube_knows_the_ignore_label(cases):
    label = cases[0].label.copy()
    label[:4] = 3
    tube = TubedSkeletond("label", ignore_label=3)({"label": label[None]})["tube"]
    np.testing.assert_array_equal(tube[0], tubed_skeleton(label, ignore_label=3))
    assert tube.max() == 2


def test_keys_and_names():
    label = np.zeros((1, 5, 5), dtype=np.int64)
    label[0, 2] = 1
    two = TubedSkeletond(("a", "b"), names=("ta", "tb"))({"a": label, "b": label})
    assert two["ta"].sum() == two["tb"].sum() == 5
    assert TubedSkeletond("a", allow_missing_keys=True)({"x": 1}) == {"x": 1}
    with pytest.raises(KeyError):
        TubedSkeletond("a")({"x": 1})
    with pytest.raises(ValueError, match="one name per key"):
        TubedSkeletond(("a", "b"))


@pytest.mark.parametrize("bad", [np.zeros((2, 4, 4), int), np.full((1, 4, 4), 0.5)])
def test_no_tube_of_one_hot_or_fractions(bad):
    with pytest.raises(ValueError, match="label must h"):
        TubedSkeleton()(bad)


@pytest.mark.parametrize("lazy", [False, True])
def test_tube_belongs_to_the_augmented_label(lazy, cases):
    keys = ("image", "label")
    steps = [
        RandFlipd(keys, prob=1.0, spatial_axis=1),
        RandAffined(keys, prob=1.0, rotate_range=0.4, mode=("bilinear", "nearest")),
        TubedSkeletond("label"),
    ]
    sample = {
        "image": MetaTensor(cases[0].image),
        "label": MetaTensor(cases[0].label[None].astype(np.float32)),
    }
    # Without the override MONAI 1.6 interpolates a lazily moved label; the tube refuses fractions.
    nearest = {"label": {"mode": "nearest"}}
    done = Compose(steps, lazy=lazy, overrides=nearest).set_random_state(4)(sample)
    assert not torch.equal(done["label"], sample["label"])
    label = done["label"].numpy()[0].astype(int)
    np.testing.assert_array_equal(done["tube"].numpy()[0], tubed_skeleton(label))


def test_the_released_package_is_the_one_the_book_names():
    assert monai.__version__.startswith("1.6")
