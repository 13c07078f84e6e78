"""Metrics over MONAI's loaders, and the programs of the book."""

import ast
import inspect
from functools import partial

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, decollate_batch
from monai.metrics import DiceMetric
from monai.networks.nets import UNet
from monai.networks.utils import one_hot
from monai.transforms import AsDiscreted
from torch import nn

from tubekit.geometry import tubed_skeleton
from tubekit.interop.examples import monai_evaluation, monai_training
from tubekit.interop.monai import MonaiLoss, MonaiMetric
from tubekit.losses import DiceCELoss, SkeletonRecallLoss, SoftClDiceLoss, WeightedSum
from tubekit.metrics import cldice, dice, hd95
from tubekit.phantoms import phantom_cases


@pytest.fixture(scope="module")
def cases():
    return phantom_cases("vascular", 4, 1, size=(24, 32, 32), classes=2)


def test_metric_is_the_mean_over_cases_and_classes(cases):
    truth = torch.stack([torch.from_numpy(c.label).long()[None] for c in cases])
    pred = truth.roll(1, dims=-1)
    metric, theirs = MonaiMetric(dice), DiceMetric(include_background=False)
    for at in (slice(0, 3), slice(3, 4)):
        hot = one_hot(pred[at], 3), one_hot(truth[at], 3)
        metric(y_pred=hot[0], y=hot[1])
        theirs(y_pred=hot[0], y=hot[1])
    pairs = [
        ((p == k).numpy(), (t == k).numpy())
        for p, t in zip(pred, truth, strict=True)
        for k in (1, 2)
    ]
    mean = np.mean([dice(p[0], t[0]) for p, t in pairs])
    assert metric.aggregate().item() == pytest.approx(mean, abs=1e-6)
    assert metric.aggregate().item() == pytest.approx(theirs.aggregate().item(), abs=1e-6)
    assert metric.aggregate("mean_batch").shape == (2,)
    metric.reset()
    with pytest.raises(ValueError, match="at least one batch"):
        metric.aggregate()


def test_metric_takes_lists_spacing_and_the_background(cases):
    truth = one_hot(torch.from_numpy(cases[0].label).long()[None, None], 3)
    pred = truth.roll(1, dims=2)
    spacing = (3.0, 1.0, 1.0)
    metric = MonaiMetric(hd95, include_background=True, reduction="none")
    metric(y_pred=decollate_batch(pred), y=decollate_batch(truth), spacing=spacing)
    expected = [
        hd95(p, t, spacing=spacing) for p, t in zip(pred[0].numpy(), truth[0].numpy(), strict=True)
    ]
    np.testing.assert_allclose(metric.aggregate()[0], expected, rtol=1e-6)
    with pytest.raises(TypeError, match="spacing"):
        metric(y_pred=pred, y=truth, voxel_size=spacing)


def test_undefined_values_are_left_out_and_never_become_zero():
    line, empty = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    line[..., 4, :] = 1
    metric = MonaiMetric(hd95)
    metric(y_pred=empty, y=line)
    assert torch.isnan(metric.aggregate())
    metric(y_pred=line, y=line)
    assert metric.aggregate() == metric.aggregate() == 0
    assert torch.isnan(metric.aggregate("none")[0, 0])


@pytest.fixture
def files(cases, tmp_path):
    for number, case in enumerate(cases):
        for kind, array in (("image", case.image[0]), ("label", case.label.astype(np.uint8))):
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{kind}_{number}.nii")
    names = [{k: str(tmp_path / f"{k}_{i}.nii") for k in ("image", "label")} for i in range(4)]
    return names


def test_the_book_s_program_trains_as_the_direct_calls_do(files, cases, monkeypatch):
    """Two epochs through MONAI's pipeline end at the weights that a plain loop reaches."""
    monkeypatch.setattr(monai_training, "RandFlipd", lambda *a, **k: lambda sample: sample)
    in_order = partial(DataLoader, shuffle=False)
    monkeypatch.setattr(
        monai_training, "DataLoader", lambda data, shuffle, **k: in_order(data, **k)
    )
    torch.manual_seed(3)
    trained = monai_training.train(files, 2)

    torch.manual_seed(3)
    network = UNet(3, 1, 3, channels=(8, 16, 32), strides=(2, 2), num_res_units=1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    values = []
    for _ in range(2):
        for pair in (cases[:2], cases[2:]):
            image = torch.stack([torch.from_numpy(c.image) for c in pair])
            label = torch.stack([torch.from_numpy(c.label)[None].long() for c in pair])
            tube = torch.stack([torch.from_numpy(tubed_skeleton(c.label))[None] for c in pair])
            optimiser.zero_grad()
            logits = network(image)
            value = DiceCELoss()(logits, label) + SkeletonRecallLoss()(logits, label, tube=tube)
            value.backward()
            optimiser.step()
            values.append(value.item())
    assert values[-1] < values[0]
    for ours, direct in zip(trained.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, direct)


@pytest.mark.parametrize("program", [monai_training, monai_evaluation])
def test_the_book_s_programs_have_under_twenty_lines(program):
    tree = ast.parse(inspect.getsource(program))
    lines = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.stmt)} - {1}
    assert len(lines) < 20


def test_the_book_s_program_evaluates(cases):
    data = [{"image": c.image, "label": c.label[None]} for c in cases]
    loader = DataLoader(Dataset(data), batch_size=2)
    network = UNet(3, 1, 3, channels=(4, 8), strides=(2,))
    found = monai_evaluation.evaluate(network, loader, 3)
    pairs = []
    with torch.no_grad():
        for case in cases:
            pred = network(torch.from_numpy(case.image)[None]).argmax(1)[0].numpy()
            pairs.append([(pred == k, case.label == k) for k in (1, 2)])
    for name, metric in (("cldice", cldice), ("hd95", hd95)):
        expected = np.nanmean([np.nanmean([metric(*pair) for pair in case]) for case in pairs])
        assert found[name] == pytest.approx(expected, rel=1e-5)


def test_a_few_steps_with_soft_cldice(cases):
    data = [{"image": c.image, "label": c.label[None]} for c in cases]
    loader = DataLoader(Dataset(data, AsDiscreted("label", to_onehot=3)), batch_size=2)
    network: nn.Module = UNet(3, 1, 3, channels=(4, 8), strides=(2,))
    loss = MonaiLoss(WeightedSum([DiceCELoss(), SoftClDiceLoss(iterations=3)], [1.0, 0.5]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    values, metric = [], MonaiMetric(cldice)
    for step in range(3):
        for batch in loader:
            logits = network(batch["image"])
            value = loss(logits, batch["label"])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            values.append(value.item())
            if step == 2:
                metric(y_pred=one_hot(logits.argmax(1, keepdim=True), 3), y=batch["label"])
    assert values[-1] < values[0]
    assert 0 <= metric.aggregate() <= 1
