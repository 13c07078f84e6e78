"""The balanced loss: what is summed, what is left out, and what its terms do together.

Tests that ``test_mutants`` runs again take no fixtures.
"""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from tubekit.data.confidence import confidence_map
from tubekit.losses import (
    DeepSupervision,
    DiceCELoss,
    GrowthSuppressionLoss,
    MixEquivalenceLoss,
    ReconnectionLoss,
    RelaxedSupervisionLoss,
    SpatialPriorLoss,
    WeightedSum,
)
from tubekit.types import Spec

from .scenes import scene, two_levels

close = torch.testing.assert_close
EASY = {"iterations": 2, "threshold": 0.2, "min_voxels": 1}
NAMES = ["relaxed_supervision", "reconnection", "spatial_prior", "mix_equivalence"]


def parts(**changed) -> list:
    """The four losses on their own, with the settings of ``EASY``."""
    return [
        RelaxedSupervisionLoss(),
        ReconnectionLoss(**EASY),
        SpatialPriorLoss(**changed),
        MixEquivalenceLoss(),
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_equation_9(channels: int):
    at = scene(channels)
    loss = GrowthSuppressionLoss(0.7, radius=2, **EASY)
    valid = torch.rand(at.target.shape, generator=torch.manual_seed(0)) > 0.2
    for known in ({}, {"valid": valid}):
        logits = at.logits.clone().requires_grad_()
        seen = at.with_(logits=logits)
        ours = loss(logits, at.target, **seen.maps(loss), **known)
        plain = WeightedSum(parts(radius=2), [1.0, 1.0, 0.7, 0.7])
        theirs = plain(logits, at.target, **seen.maps(plain), **known)
        close(ours, theirs)
        close(*(torch.autograd.grad(v, logits, retain_graph=True)[0] for v in (ours, theirs)))


def test_options_reach_their_terms():
    at = scene(2)
    loss = GrowthSuppressionLoss(
        symmetric=True, form="potts", targets="predictions", image_channels=1, on="probs", **EASY
    )
    own = [
        RelaxedSupervisionLoss(symmetric=True),
        ReconnectionLoss(**EASY, on="probs"),
        SpatialPriorLoss("potts", image_channels=1),
        MixEquivalenceLoss("predictions"),
    ]
    close(at.value(loss), sum(at.value(part) for part in own))


def test_without_suppression_no_second_pass_is_asked_for():
    at = scene(2)
    loss = GrowthSuppressionLoss(0.0, **EASY)
    assert loss.needs == ("confidence",)
    assert GrowthSuppressionLoss().needs == ("confidence", "image", "mixed_logits", "mix_weight")
    close(at.value(loss), sum(at.value(part) for part in parts()[:2]))


def test_reconnection_waits_for_the_end_of_the_warm_up():
    at = scene(2)
    loss, never = GrowthSuppressionLoss(warmup_steps=2, **EASY), GrowthSuppressionLoss(**EASY)
    reconnection = at.value(ReconnectionLoss(**EASY))
    assert reconnection > 0.1
    whole = at.value(never)
    loss.eval()
    close(at.value(loss), whole)  # an evaluation is no training call and leaves nothing out
    loss.train()
    for _ in range(2):
        close(at.value(loss), whole - reconnection)
    close(at.value(loss), whole)
    assert loss.calls == 3


def test_the_count_survives_a_checkpoint():
    at = scene(1)
    loss = GrowthSuppressionLoss(warmup_steps=2, **EASY)
    at.value(loss)
    resumed = GrowthSuppressionLoss(warmup_steps=2, **EASY)
    resumed.load_state_dict(copy.deepcopy(loss.state_dict()))
    for _ in range(3):
        close(at.value(resumed), at.value(loss), rtol=0, atol=0)


def test_a_refused_batch_is_not_counted():
    at = scene(1)
    loss = GrowthSuppressionLoss(warmup_steps=2, **EASY)
    with pytest.raises(ValueError, match="confidence must lie in"):
        loss(at.logits, at.target, **at.maps(loss) | {"confidence": 2 * at.confidence})
    assert loss.calls == 0


def test_deep_supervision_and_specs():
    spec = Spec(DeepSupervision, loss=Spec(GrowthSuppressionLoss, suppression=0.5, radius=1))
    loss = spec.build()
    at = scene(2)
    logits = at.logits.clone().requires_grad_()
    maps = at.with_(logits=logits).maps(loss)
    loss(two_levels(logits), at.target, **maps).backward()
    assert logits.grad.isfinite().all()


def test_gradcheck():
    at = scene(1, dtype=torch.float64)
    loss = GrowthSuppressionLoss(form="potts", radius=1, **EASY)
    leaf = at.logits.requires_grad_()

    def value(logits: Tensor) -> Tensor:
        return loss(logits, at.target, **at.with_(logits=logits).maps(loss))

    assert torch.autograd.gradcheck(value, (leaf,), fast_mode=True)


def tree(missing: bool) -> np.ndarray:
    """A trunk with a branch; ``missing`` leaves the branch out of the label."""
    label = np.zeros((24, 24), np.int64)
    label[:, 10:13] = 1
    if not missing:
        label[4:6, 12:20] = 1
    label[23, 4:20] = 1  # keeps the bounding box
    return label


def test_an_unlabelled_branch_is_pressed_down_less_than_by_dice_with_cross_entropy():
    seen, label = torch.from_numpy(tree(False)), torch.from_numpy(tree(True))[None, None]
    confidence = torch.from_numpy(confidence_map(label[0, 0].numpy()))[None, None]
    image = seen[None, None].float()
    logits = (6.0 * image - 3.0).requires_grad_()
    weight = torch.full((1, 1, 24, 24), 0.5)
    loss = GrowthSuppressionLoss()
    maps = {"confidence": confidence, "image": image, "mixed_logits": logits, "mix_weight": weight}
    (ours,) = torch.autograd.grad(loss(logits, label, **maps), logits)
    (usual,) = torch.autograd.grad(DiceCELoss()(logits, label), logits)
    branch = seen[None, None] > label
    assert branch.any()
    assert (usual[branch] > 0).all()
    assert ours[branch].mean() < 0.5 * usual[branch].mean()
