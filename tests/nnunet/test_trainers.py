"""What the trainers load and minimise inside the released nnU-Net, step by step."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from tubekit.geometry import tubed_skeleton
from tubekit.losses import SkeletonRecallLoss
from tubekit.losses.deep_supervision import resize_nearest

from .project import LABELS, SIZE
from .torchvision_on_cpu import sitecustomize  # noqa: F401  # for this process, as for commands

PLAIN = "nnUNetTrainer"


def tubes_of(label, **ignore):
    return np.stack([tubed_skeleton(sample, **ignore) for sample in label.numpy()])


@pytest.mark.parametrize("name", ["SkeletonRecallTrainer", "SoftClDiceTrainer", "BothTrainer"])
def test_the_trainers_of_the_book_are_found_by_name(name, trainer):
    made = trainer(name)
    assert (made.num_epochs, made.num_iterations_per_epoch) == (1000, 250)
    assert np.isfinite(made.train_step(next(made.dataloader_train))["loss"])


def test_the_tube_is_that_of_the_augmented_label(trainer):
    """Full resolution: the tube of the patch. Coarser: the same tube, sampled like the label."""
    made = trainer("SkeletonRecallTrainer")
    for batches in (made.dataloader_train, made.dataloader_val):
        levels = next(batches)["target"]
        assert len(levels) == 3
        assert all(level.dtype == torch.int16 and level.shape[1] == 2 for level in levels)
        np.testing.assert_array_equal(levels[0][:, 1], tubes_of(levels[0][:, 0]))
        assert levels[0][:, 1].any()
        assert (levels[0][:, 1] != levels[0][:, 0]).any()
        for level in levels[1:]:
            assert torch.equal(level, resize_nearest(levels[0], level.shape[2:]))


def test_or_the_tube_of_every_level(trainer):
    made = trainer("SkeletonRecallNoMirroring")
    levels = next(made.dataloader_train)["target"]
    for level in levels:
        np.testing.assert_array_equal(level[:, 1], tubes_of(level[:, 0]))
    assert made.inference_allowed_mirroring_axes is None


@pytest.mark.parametrize(
    ("name", "configuration", "weight", "reduction"),
    [
        ("SkeletonRecallTrainer", "3d_fullres", 1.0, "sample"),
        ("SkeletonRecallTrainer", "2d", 1.0, "batch"),
        ("SkeletonRecallNoMirroring", "3d_fullres", 0.1, "sample"),
    ],
)
def test_the_loss_is_nnunet_s_plus_ours(name, configuration, weight, reduction, trainer):
    made, plain = trainer(name, configuration), trainer(PLAIN, configuration)
    batch = next(made.dataloader_train)
    output = made.network(batch["data"])
    labels = [level[:, :1] for level in batch["target"]]
    added = SkeletonRecallLoss(reduction=reduction)
    expected = plain.loss(output, labels)
    # Halved from level to level, the coarsest 0, scaled to the sum 1.
    for factor, logits, level in zip((2 / 3, 1 / 3), output, batch["target"], strict=False):
        expected += weight * factor * added(logits, level[:, :1].long(), tube=level[:, 1:].long())
    value = made.train_step(batch)["loss"]
    assert value == pytest.approx(expected.item(), rel=1e-6)
    assert abs(value - plain.loss(output, labels).item()) > 1e-3


def test_weight_0_trains_as_nnunet_does(trainer):
    made, plain = trainer("SkeletonRecallTrainer"), trainer(PLAIN)
    made.loss.weight = 0.0
    batch = next(made.dataloader_train)
    labels = {**batch, "target": [level[:, :1] for level in batch["target"]]}
    for _ in range(2):
        assert made.train_step(batch)["loss"] == plain.train_step(labels)["loss"]
    for a, b in zip(made.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_online_validation_counts_as_nnunet_does(trainer):
    made, plain = trainer("SkeletonRecallTrainer"), trainer(PLAIN)
    batch = next(made.dataloader_val)
    labels = {**batch, "target": [level[:, :1].clone() for level in batch["target"]]}
    ours, theirs = made.validation_step(batch), plain.validation_step(labels)
    assert ours["loss"] != theirs["loss"]
    for key in ("tp_hard", "fp_hard", "fn_hard"):
        np.testing.assert_array_equal(ours[key], theirs[key])


def bars_with_ignored_corner():
    """Two thick bars that touch, and a corner that is not annotated."""
    label = torch.zeros((1, *SIZE), dtype=torch.int16)
    label[:, 4:28, 8:19, 8:19] = 1
    label[:, 10:22, 19:38, 9:20] = 2
    label[:, :16, :14] = 3
    return label


def loaded(trainer, **more):
    """The bars as the trainer's data loading hands them on: levels (c *s)."""
    scales = [[1, 1, 1], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]
    steps = trainer.get_validation_transforms(scales, ignore_label=3, **more)
    return steps(image=torch.zeros(1, *SIZE), segmentation=bars_with_ignored_corner())


@pytest.mark.parametrize("reskeletonise", [False, True])
def test_cascades_and_ignored_classes_in_the_data_loading(reskeletonise, trainer):
    """The label of the previous stage leaves before the tube comes; class 3 carries no tube."""
    made = trainer("SkeletonRecallTrainer", labels=LABELS | {"ignore": 3})
    made.reskeletonise = reskeletonise
    scales = [[1, 1, 1], [0.5, 0.5, 0.5]]
    steps = made.get_validation_transforms(scales, True, foreground_labels=[1, 2], ignore_label=3)
    label = bars_with_ignored_corner()
    done = steps(image=torch.zeros(1, *SIZE), segmentation=torch.cat([label, label]))
    assert done["image"].shape == (3, *SIZE)
    fine, coarse = done["segmentation"]
    np.testing.assert_array_equal(fine[1], tubed_skeleton(label[0].numpy(), ignore_label=3))
    sampled = resize_nearest(fine[None], coarse.shape[1:])[0]
    assert torch.equal(coarse[0], sampled[0])
    assert torch.equal(coarse[1], sampled[1]) is not reskeletonise


def test_ignored_voxels_do_not_count(trainer):
    made, plain = (
        trainer(n, labels=LABELS | {"ignore": 3}) for n in ("SkeletonRecallTrainer", PLAIN)
    )
    levels = loaded(made)["segmentation"]
    batch = {"data": torch.randn(2, 1, *SIZE), "target": [torch.stack([s, s]) for s in levels]}
    check_sum(made, plain, batch, 1, lambda label: label != 3)


def test_every_region_is_a_problem_of_its_own(trainer):
    regions = {"background": 0, "vessel": [1, 2], "branches": [2], "ignore": 3}
    names = ("SkeletonRecallTrainer", PLAIN)
    made, plain = (trainer(n, labels=regions, regions_class_order=[1, 2]) for n in names)
    levels = loaded(made, regions=[(1, 2), (2,)])["segmentation"]
    assert levels[0].dtype == torch.bool
    vessel, branches, ignored, tube, branch_tube = levels[0]
    assert ignored.any()
    np.testing.assert_array_equal(tube, tubed_skeleton(vessel.numpy()))
    np.testing.assert_array_equal(branch_tube, tubed_skeleton(branches.numpy()))
    batch = {"data": torch.randn(2, 1, *SIZE), "target": [torch.stack([s, s]) for s in levels]}
    check_sum(made, plain, batch, 3, lambda label: ~label[:, 2:3])


def check_sum(made, plain, batch, width, valid_of):
    """The value is nnU-Net's plus Skeleton Recall of the valid voxels, and so are the steps."""
    output = [level.detach() for level in made.network(batch["data"])]
    expected = plain.loss(output, [level[:, :width] for level in batch["target"]])
    added = SkeletonRecallLoss()
    # Halved from level to level, the coarsest 0, scaled to the sum 1.
    for factor, logits, level in zip((2 / 3, 1 / 3), output, batch["target"], strict=False):
        valid = valid_of(level[:, :width])
        if width == 1:
            label, tube = level.long().split(1, 1)
            terms = [added(logits, label * valid, tube=tube, valid=valid)]
        else:
            parts = level.long().split(1, 1)
            terms = [
                added(logits[:, r : r + 1], parts[r], tube=parts[3 + r], valid=valid)
                for r in range(2)
            ]
        expected = expected + factor * sum(terms) / len(terms)
    with made.loss.lent(batch, made.device) as own:
        value = made.loss(output, own["target"])
        torch.testing.assert_close(value, expected)
        output[0][~valid_of(batch["target"][0][:, :width]).expand_as(output[0])] += 3
        assert torch.equal(made.loss(output, own["target"]), value)
    assert made.train_step(batch)["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert np.isfinite(made.validation_step(batch)["loss"])


def test_no_deep_supervision(trainer):
    made = trainer("SkeletonRecallTrainer")
    made.enable_deep_supervision = False
    made.loss = made._build_loss()
    made.set_deep_supervision_enabled(False)
    loader, _ = made.get_dataloaders()
    batch = next(loader)
    assert batch["target"].shape[1] == 2
    losses = [made.train_step(batch)["loss"] for _ in range(3)]
    assert all(b < a for a, b in pairwise(losses))
    assert np.isfinite(made.validation_step(batch)["loss"])
