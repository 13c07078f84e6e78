"""Values and gradients recorded from the authors' code, and MONAI's losses."""

import numpy as np
import pytest
import torch
from monai.losses import DiceLoss
from monai.losses import TverskyLoss as MonaiTversky
from monai.losses.cldice import SoftclDiceLoss as MonaiClDice

from tubekit.geometry import soft_skeleton
from tubekit.losses import (
    CrossEntropyLoss,
    DiceCELoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    SoftDiceLoss,
    TverskyLoss,
    WeightedSum,
    skeleton_recall,
    soft_cldice,
    topological_cldice,
)
from tubekit.losses.base import foreground_masks
from tubekit.losses.cldice import centerline_dice

from .scenes import scene

VALUE = {"rtol": 2e-5, "atol": 1e-7}
GRADIENT = {"rtol": 1e-4, "atol": 1e-8}
SMOOTH = {"0": 0.0, "1e-5": 1e-5, "1": 1.0}
BINARY = ("tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d")


def close(ours: torch.Tensor | float, reference: np.ndarray, **tolerance: float) -> None:
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else ours
    np.testing.assert_allclose(ours, reference, **(tolerance or VALUE))


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array))


# --- Skeleton Recall


@pytest.fixture(params=["mc2d_a", "mc3d_a"])
def many(request, oracle):
    """Name, reference, logits, labels and tubes of a multi-class case."""
    name, reference = request.param, oracle("skeleton_recall_loss")
    logits = tensor(oracle("inputs")[f"{name}__logits"]).float()
    labels = tensor(reference[f"{name}__label_batch"])[:, None].long()
    return name, reference, logits, labels, tensor(reference[f"{name}__y_tubed"]).long()


@pytest.mark.parametrize("smooth", SMOOTH)
@pytest.mark.parametrize("reduction", ["sample", "batch"])
def test_skeleton_recall_multi_class(many, reduction: str, smooth: str):
    name, reference, logits, labels, tube = many
    key = f"batch{int(reduction == 'batch')}__smooth{smooth}"
    for as_released in (True, False):  # every class is present here, so both agree
        loss = SkeletonRecallLoss(reduction, SMOOTH[smooth], as_released)
        logits = logits.clone().requires_grad_()
        value = loss(logits, labels, tube=tube)
        close(value, reference[f"{name}__srl__{key}"])
        if (recorded := f"{name}__srl_grad__{key}") in reference:
            close(torch.autograd.grad(value, logits)[0], reference[recorded], **GRADIENT)


def test_skeleton_recall_with_a_loss_mask(many):
    name, reference, logits, labels, tube = many
    valid = torch.ones_like(tube, dtype=torch.bool)
    valid[..., : tube.shape[-1] // 3] = False
    value = SkeletonRecallLoss(as_released=True)(logits, labels, tube=tube, valid=valid)
    close(value, reference[f"{name}__srl__batch0__smooth1e-5__lossmask"])


def test_total_loss_and_its_parts(many):
    name, reference, logits, labels, tube = many
    close(CrossEntropyLoss()(logits, labels), reference[f"{name}__ce"])
    # nnU-Net minimises the negative Dice, ours less 1.
    close(SoftDiceLoss()(logits, labels) - 1, reference[f"{name}__mesoftdice"])
    total = WeightedSum([DiceCELoss(), SkeletonRecallLoss(as_released=True)], [1.0, 1.0])
    close(total(logits, labels, tube=tube) - 1, reference[f"{name}__dc_skelrec_ce"])


@pytest.mark.parametrize("smooth", SMOOTH)
@pytest.mark.parametrize("name", [*BINARY, "empty2d", "full2d", "empty3d", "single2d"])
def test_skeleton_recall_binary(oracle, name: str, smooth: str):
    inputs, reference = oracle("inputs"), oracle("skeleton_recall_loss")
    mask = inputs[name]
    tubes = oracle("tubed_skeleton")
    tube = tubes.get(f"{name}__tubed", mask)
    probs = inputs[f"{name}__prob"] if f"{name}__prob" in inputs else np.full(mask.shape, 0.3, "f4")
    probs, tube = tensor(probs)[None, None], tensor(tube)[None, None].long()
    loss = SkeletonRecallLoss(smooth=SMOOTH[smooth], as_released=True)
    recorded = reference[f"{name}__srl__smooth{smooth}"]
    close(loss.from_probs(probs, probs.round(), tube=tube), recorded)
    if name.startswith("empty"):
        # Released: an absent class counts as recall 1. Equation 1 has nothing to say: 0.
        assert SkeletonRecallLoss().from_probs(probs, probs, tube=tube) == 0
    else:
        close(-skeleton_recall(probs, tube.float(), smooth=SMOOTH[smooth]).mean(), recorded)


# --- soft clDice


def binary(oracle, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and mask as (1 1 *s). The reference took 0.3 where no map is stored."""
    inputs = oracle("inputs")
    mask = inputs[name]
    probs = inputs[f"{name}__prob"] if f"{name}__prob" in inputs else np.full(mask.shape, 0.3, "f4")
    return tensor(probs)[None, None], tensor(mask)[None, None].float()


def monai_form(probs: torch.Tensor, masks: torch.Tensor, iterations: int) -> torch.Tensor:
    """Per-sample shares under MONAI's denominator, which adds 1e-4 to precision + sensitivity."""
    found, true = soft_skeleton(probs, iterations), soft_skeleton(masks, iterations)
    axes = tuple(range(1, probs.ndim))
    precision = ((found * masks).sum(axes) + 1) / (found.sum(axes) + 1)
    sensitivity = ((true * probs).sum(axes) + 1) / (true.sum(axes) + 1)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity + 1e-4)


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("name", [*BINARY, "empty2d", "full2d", "single2d", "single3d", "full3d"])
def test_soft_cldice_binary(oracle, name: str, iterations: int):
    reference = oracle("soft_cldice")
    probs, masks = binary(oracle, name)
    probs.requires_grad_()
    value = SoftClDiceLoss(iterations).from_probs(probs, masks)
    close(value, reference[f"{name}__official_softcldice__iter{iterations}"])
    if (recorded := f"{name}__official_softcldice_grad__iter{iterations}") in reference:
        gradient = torch.autograd.grad(value, probs, retain_graph=True)[0][0, 0]
        close(gradient, reference[recorded], **GRADIENT)
    # One sample: the reductions agree, and MONAI differs by its 1e-4 alone.
    close(SoftClDiceLoss(iterations, reduction="sample").from_probs(probs, masks), value.detach())
    close(
        monai_form(probs, masks, iterations),
        reference[f"{name}__monai161_softcldice__iter{iterations}"],
    )
    # Older MONAI dropped the only channel; ours never does.
    assert reference[f"{name}__monaiOld_softcldice_1ch__iter{iterations}"] == 0


@pytest.mark.parametrize("name", BINARY)
def test_half_dice_half_cldice(oracle, name: str):
    """The authors' combined loss is a weighted sum of two of ours."""
    reference = oracle("soft_cldice")
    probs, masks = binary(oracle, name)
    loss = WeightedSum([SoftDiceLoss(1.0, batch=True), SoftClDiceLoss(3)], [0.5, 0.5])
    value = loss(probs.double().logit(), masks.long())
    close(value, reference[f"{name}__official_dice_cldice_a0.5__iter3"])


@pytest.mark.parametrize("name", ["mc2d_a", "mc3d_a"])
def test_half_dice_half_cldice_of_monai(oracle, name: str):
    """MONAI's combined loss takes Dice per sample and class, as ours does."""
    logits = tensor(oracle("inputs")[f"{name}__logits"]).float()
    labels = tensor(oracle("skeleton_recall_loss")[f"{name}__label_batch"])[:, None].long()
    probs = logits.softmax(1)[:, 1:]
    cldice = monai_form(probs, foreground_masks(labels, probs), 3).mean()
    value = (SoftDiceLoss(1.0)(logits, labels) + cldice) / 2
    close(value, oracle("soft_cldice")[f"{name}__monai161_dicecldice_a0.5__exbg1__iter3"])


@pytest.mark.parametrize("name", BINARY)
def test_soft_cldice_as_released_ignores_its_iterations(oracle, name: str):
    reference = oracle("soft_cldice")
    probs, masks = binary(oracle, name)
    probs.requires_grad_()
    value = SoftClDiceLoss(3, as_released=True).from_probs(probs, masks)
    close(value, reference[f"{name}__official_softcldice__asShipped"])
    if (recorded := f"{name}__official_softcldice_grad__asShipped") in reference:
        close(torch.autograd.grad(value, probs)[0][0, 0], reference[recorded], **GRADIENT)


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("name", ["mc2d_a", "mc3d_a"])
def test_soft_cldice_multi_class(oracle, name: str, iterations: int):
    reference = oracle("soft_cldice")
    logits = tensor(oracle("inputs")[f"{name}__logits"]).float()
    labels = tensor(oracle("skeleton_recall_loss")[f"{name}__label_batch"])[:, None].long()
    key = f"__iter{iterations}"
    ours = SoftClDiceLoss(iterations)(logits, labels)
    close(ours, reference[f"{name}__official_softcldice__exbg1{key}"])
    # With the background as one more class, as the authors' object does by default.
    probs = logits.softmax(1)
    masks = torch.cat([labels == 0, foreground_masks(labels, probs[:, 1:]).bool()], 1).float()
    with_background = 1 - soft_cldice(probs, masks, iterations=iterations)
    close(with_background[0], reference[f"{name}__official_softcldice__exbg0{key}"])
    close(
        monai_form(probs[:, 1:], masks[:, 1:], iterations),
        reference[f"{name}__monai161_softcldice__exbg1{key}__none"],
    )
    per_sample = 1 - soft_cldice(
        probs[:, 1:], masks[:, 1:], iterations=iterations, reduction="sample"
    )
    # Without the 1e-4 they are that close.
    close(
        per_sample, reference[f"{name}__monai161_softcldice__exbg1{key}__none"], rtol=0, atol=1e-4
    )


# --- topological clDice


@pytest.mark.parametrize("method", ["boolean", "euler"])
@pytest.mark.parametrize("name", ["tree2d_a", "ring2d", "two2d"])
def test_topological_cldice_is_cldice_on_the_recorded_skeletons(oracle, name: str, method: str):
    reference = oracle("topo_skeleton")
    short = {"boolean": "bool", "euler": "euler"}[method]
    probs, masks = binary(oracle, name)
    as_volume = lambda key: tensor(reference[key])[None, None].float()  # noqa: E731
    expected = centerline_dice(
        probs,
        masks,
        as_volume(f"{name}__topo_{short}_prob_beta0__iter5"),
        as_volume(f"{name}__topo_{short}__iter5"),
        smooth=1.0,
        reduction="batch",
    )
    close(topological_cldice(probs, masks, iterations=5, method=method), expected.numpy())


# --- MONAI, live


@pytest.mark.parametrize(("channels", "ndim"), [(1, 2), (3, 2), (3, 3)])
@pytest.mark.parametrize("batch", [False, True])
def test_monai_agrees(channels: int, ndim: int, batch: bool):
    at = scene(channels, ndim)
    several = channels > 1
    common = {
        "include_background": not several,
        "to_onehot_y": several,
        "softmax": several,
        "sigmoid": not several,
        "batch": batch,
    }
    for ours, theirs in (
        (SoftDiceLoss(0.5, batch), DiceLoss(smooth_nr=0.5, smooth_dr=0.5, **common)),
        (
            TverskyLoss(0.2, 0.9, 0.5, batch),
            MonaiTversky(alpha=0.2, beta=0.9, smooth_nr=0.5, smooth_dr=0.5, **common),
        ),
    ):
        a, b = at.logits.clone().requires_grad_(), at.logits.clone().requires_grad_()
        mine, other = ours(a, at.target), theirs(b, at.target)
        torch.testing.assert_close(mine, other)
        mine.backward()
        other.backward()
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize(("channels", "ndim"), [(1, 2), (3, 3)])
def test_monai_cldice_agrees_per_sample(channels: int, ndim: int):
    at = scene(channels, ndim)
    several = channels > 1
    theirs = MonaiClDice(
        iter_=2,
        smooth=1e-12,  # added to precision + sensitivity; 1e-4 unless told otherwise
        include_background=not several,
        to_onehot_y=several,
        softmax=several,
        sigmoid=not several,
    )
    ours = SoftClDiceLoss(2, reduction="sample")
    a, b = at.logits.clone().requires_grad_(), at.logits.clone().requires_grad_()
    mine, other = ours(a, at.target), theirs(b, at.target.float())
    torch.testing.assert_close(mine, other)
    mine.backward()
    other.backward()
    torch.testing.assert_close(a.grad, b.grad)
