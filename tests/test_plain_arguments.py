"""Networks, training, inference, phantoms: what people have for a number, a path or an array.

Every public name is listed with a call, or said to be none that takes such arguments.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tubekit import inference, networks, phantoms, training
from tubekit.inference import predict_label, predict_probs
from tubekit.losses import CrossEntropyLoss, DeepSupervision
from tubekit.networks import UNet
from tubekit.phantoms import GrowthRule, LiverCT, Root, vascular_phantom
from tubekit.training import Supervised, fit, load_checkpoint, poly, save_checkpoint
from tubekit.types import Case, SegOutput

# A way of writing numbers: `n` for one whole number, `s` for several.
Numbers = tuple[Callable[[int], Any], Callable[..., Any]]
WAYS: dict[str, Numbers] = {
    "python": (int, lambda *v: v),
    "numpy": (np.int64, lambda *v: tuple(map(np.int64, v))),
    "small": (np.uint8, lambda *v: [np.int16(x) for x in v]),
    "array": (lambda v: np.array(v), lambda *v: np.array(v)),
    "list": (np.int32, lambda *v: list(v)),
}
LABEL = np.zeros((24, 24), np.int64)
LABEL[8:16, 2:22] = 1
VOLUME = np.zeros((12, 12, 12), np.int64)
VOLUME[2:10, 4:8, 4:8] = 1


def arrays(label: np.ndarray) -> dict[str, Any]:
    """Views and types in which a label map arrives, all with equal values."""
    frozen = label.copy()
    frozen.setflags(write=False)
    return {
        "plain": label,
        "mirrored": np.ascontiguousarray(label[::-1])[::-1],
        "frozen": frozen,
        "big-endian": label.astype(">i4"),
        "uint16": label.astype(np.uint16),
        "tensor": torch.from_numpy(label.copy()),
    }


def batch(index: int) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(index)
    image = torch.randn(1, 1, 16, 16, generator=made)
    return {"image": image, "target": (image > 0).long()}


def trained(n: Callable[[int], Any], s: Callable[..., Any]) -> list[Any]:
    torch.manual_seed(0)
    network = UNet(2, 1, 2, features=(4, 4))
    options = {"checkpoint_every": n(1), "validate_every": n(1), "seed": n(3), "devices": n(1)}
    result = fit(Supervised(network, CrossEntropyLoss()), batch, steps=n(2), **options)
    assert type(result.steps_done) is int
    return [row["loss"] for row in result.history]


def case_of(axes: int) -> Case:
    image = np.zeros((1, *(16,) * axes), np.float32)
    image[(0, *(slice(4, 9),) * axes)] = 1
    return Case("a", image, None, (1.0,) * axes)


def bright(case: Case) -> np.ndarray:
    return (case.image > 0.5).astype(np.float32)


def predicting(n: Callable[[int], Any], axes: int) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    return UNet(axes, 1, 2, features=(4, 4)), n(8)


def drawn(phantom: phantoms.Phantom) -> list[np.ndarray]:
    return [phantom.case.image, np.asarray(phantom.case.label)]


def weights(network: nn.Module) -> list[Any]:
    """Shapes and text; NumPy's integers would show in the latter."""
    return [repr(network), *(tuple(p.shape) for p in network.parameters())]


def growing(n: Callable[[int], Any], s: Callable[..., Any]) -> list[Any]:
    rule = GrowthRule(generations=n(2))
    root = Root(s(4, 16), s(1, 0), n(2))
    tree = phantoms.grow_tree(s(32, 32), seed=n(1), roots=[root], rule=rule, classes=n(1))
    return [tree.shape, *(branch.points_mm for branch in tree.branches)]


def seeded(seed: Any) -> torch.Tensor:
    with training.deterministic(seed):
        return torch.rand(3)


def heads(n: Callable[[int], Any], s: Callable[..., Any]) -> torch.Tensor:
    return networks.attend(*[torch.ones(1, 3, 4)] * 3, n(2))


def predicted(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def run(n: Callable[[int], Any], s: Callable[..., Any]) -> np.ndarray:
        torch.manual_seed(0)
        image = np.random.default_rng(0).standard_normal((1, 20, 24)).astype(np.float32)
        options = {"batch_size": n(2), "mirror_axes": s(0, 1)}
        return function(UNet(2, 1, 2, features=(4, 4)), image, patch_size=s(16, 16), **options)

    return run


small = {"hidden": 8, "layers": 1, "heads": 2, "mlp": 8, "width": 4}
CALLS: dict[str, Callable[..., Any]] = {
    "UNet": lambda n, s: weights(
        UNet(n(2), n(1), n(2), features=s(4, 8), strides=[n(1), s(2, 2)], kernel_sizes=s(3, 3))
    ),
    "DSCNet": lambda n, s: weights(
        networks.DSCNet(n(3), n(1), n(2), features=s(4, 8), kernel=n(3))
    ),
    "CS2Net": lambda n, s: weights(networks.CS2Net(n(2), n(1), n(2), features=s(8, 8))),
    "DCUNet": lambda n, s: weights(networks.DCUNet(n(2), n(1), n(2), features=s(4, 8))),
    "UNetPlusPlus": lambda n, s: weights(networks.UNetPlusPlus(n(2), n(1), n(2), features=s(4, 8))),
    "WingsNet": lambda n, s: weights(networks.WingsNet(n(2), n(1), n(2), features=s(4, 8))),
    "HRNet": lambda n, s: weights(
        networks.HRNet(n(1), n(2), width=n(4), modules=s(1, 1, 1, 1), blocks=n(1))
    ),
    "HarmonySeg": lambda n, s: weights(
        networks.HarmonySeg(n(2), n(2), n(2), features=s(8, 8), token_budget=n(4), heads=n(2))
    ),
    "TransUNet": lambda n, s: weights(
        networks.TransUNet(
            n(2),
            n(1),
            n(2),
            blocks=s(1, 1, 1),
            decoder=s(4, 4, 4, 4, 4),
            grid=s(2, 2),
            **{name: n(value) for name, value in small.items()},
        )
    ),
    "DeepMutualQuery": lambda n, s: weights(networks.DeepMutualQuery(n(4), n(2))),
    "DeformableConv": lambda n, s: weights(networks.DeformableConv(n(2), n(1), n(2), kernel=n(3))),
    "DynamicSnakeConv": lambda n, s: weights(networks.DynamicSnakeConv(n(2), n(1), n(4))),
    "FlexibleConv": lambda n, s: weights(networks.FlexibleConv(n(2), n(1), n(2), stride=n(2))),
    "ShallowQuery": lambda n, s: weights(networks.ShallowQuery(n(2), n(4), n(2))),
    "SnakeConv": lambda n, s: weights(networks.SnakeConv(n(2), n(1), n(2), axis=n(1))),
    "attend": heads,
    "fit": trained,
    "Windows": lambda n, s: inference.Windows(*predicting(n, 2))(case_of(2)),
    "Slices": lambda n, s: inference.Slices(*predicting(n, 2), n(1), n(0))(case_of(3)),
    "CoarseToFine": lambda n, s: inference.CoarseToFine(bright, bright, s(2, 2), rounds=n(3))(
        case_of(2)
    ),
    "poly": lambda n, s: poly(n(1), n(4)),
    "ramp": lambda n, s: training.ramp(n(1), n(3), 0.25, 0.75)(training.Progress(n(2), n(4))),
    "switch": lambda n, s: training.switch(n(1))(training.Progress(n(2), n(4))),
    "deterministic": lambda n, s: seeded(n(3)),
    "predict_probs": predicted(predict_probs),
    "predict_label": predicted(predict_label),
    "airway_phantom": lambda n, s: drawn(phantoms.airway_phantom(s(48, 48, 48), n(1))),
    "canal_phantom": lambda n, s: drawn(phantoms.canal_phantom(s(32, 48, 48), n(1), classes=n(2))),
    "circle_of_willis_phantom": lambda n, s: drawn(
        phantoms.circle_of_willis_phantom(s(48, 72, 72), n(1), classes=n(1))
    ),
    "coronary_phantom": lambda n, s: drawn(
        phantoms.coronary_phantom(s(64, 64, 64), n(1), plaques=s(0, 1))
    ),
    "fundus_phantom": lambda n, s: drawn(phantoms.fundus_phantom(n(96), n(1), loops=n(1))),
    "vascular_phantom": lambda n, s: drawn(
        phantoms.vascular_phantom(s(20, 24, 24), n(1), spacing=s(1, 1, 1))
    ),
    "phantom_cases": lambda n, s: [
        case.image for case in phantoms.phantom_cases("canal", n(1), n(2), size=s(32, 48, 48))
    ],
    "grow_tree": growing,
    "GrowthRule": growing,
    "Root": growing,
    "murray_radii": lambda n, s: phantoms.murray_radii(n(2), n(1), n(3)),
    "murray_angles": lambda n, s: phantoms.murray_angles(n(3), n(2), n(2)),
    "LiverCT": lambda n, s: LiverCT(tumours=s(0, 1), neighbours=s(1, 2), unlabelled=n(1)),
    "shift": lambda n, s: phantoms.shift(LABEL, s(0, 2)).label,
    "thin": lambda n, s: phantoms.thin(LABEL, n(1), spacing=s(1, 1)).label,
    "cut_gaps": lambda n, s: (
        phantoms.cut_gaps(
            LABEL, n=n(1), length=n(2), rng=np.random.default_rng(0), spacing=s(1, 1)
        ).label
    ),
    "incomplete_label": lambda n, s: (
        phantoms.incomplete_label(vascular_phantom((20, 24, 24), 1), 0.2, n(1)).label
    ),
    "render_liver_ct": lambda n, s: phantoms.render_liver_ct(VOLUME, VOLUME > 0, s(1, 1, 1), n(1)),
}
# Called with a label map, in every form.
OF_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "shift": lambda label: phantoms.shift(label, (0, 2)).label,
    "thin": lambda label: phantoms.thin(label, 1.0, keep=label > 0).label,
    "cut_gaps": lambda label: (
        phantoms.cut_gaps(label, n=1, length=2.0, rng=np.random.default_rng(0)).removed
    ),
    "incomplete_label": lambda label: phantoms.incomplete_label(label > 0, 0.0, 1).label,
    "euler_number": lambda label: phantoms.euler_number(label > 0),
}
# Results, which the library itself fills; names; arguments that are neither numbers nor arrays.
OTHERS = {
    *("ARTERIES", "Branch", "Damage", "IncompleteLabel", "KnownSolid", "Phantom", "Raster", "Tree"),
    *("drop_branches", "known_solids", "rasterise"),
    *("FitResult", "adamw", "nnunet_sgd", "resolve_device", "resolve_precision"),
    *("Adversarial", "Distil", "Objective", "Progress", "Supervised", "Term", "Views"),
}
PATHS = {"load_checkpoint", "save_checkpoint"}


def assert_same(found: Any, truth: Any) -> None:
    if isinstance(truth, (list, tuple)):
        assert len(found) == len(truth)
        for a, b in zip(found, truth, strict=True):
            assert_same(a, b)
    elif isinstance(truth, (np.ndarray, torch.Tensor)):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(truth))
    else:
        assert found == truth


def test_every_public_name_is_listed() -> None:
    public = {name for part in (networks, training, inference, phantoms) for name in part.__all__}
    assert public == {*CALLS, *OF_ARRAYS, *OTHERS, *PATHS}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_of_numpy_and_sequences_of_any_kind(name: str) -> None:
    truth = CALLS[name](*WAYS["python"])
    for way in list(WAYS)[1:]:
        assert_same(CALLS[name](*WAYS[way]), truth)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_label_maps_in_any_form(name: str) -> None:
    truth = OF_ARRAYS[name](LABEL)
    for form in arrays(LABEL).values():
        assert_same(OF_ARRAYS[name](form), truth)


def test_masks_of_the_liver_in_any_form() -> None:
    truth = phantoms.render_liver_ct(VOLUME, VOLUME > 0, (1.0, 1.0, 1.0), 1)
    for form in arrays(VOLUME).values():
        found = phantoms.render_liver_ct(form, form > 0, (1.0, 1.0, 1.0), 1)
        assert_same(found, truth)


@pytest.mark.parametrize("function", [predict_probs, predict_label])
def test_images_in_any_form_and_one_number_for_the_window(function: Callable[..., Any]) -> None:
    network = UNet(2, 1, 2, features=(4, 4))
    image = np.random.default_rng(0).integers(-3, 4, (1, 20, 24)).astype(np.float32)
    truth = function(network, image, patch_size=(16, 16))
    frozen = image.copy()
    frozen.setflags(write=False)
    forms = [frozen, np.ascontiguousarray(image[:, ::-1])[:, ::-1], image.astype(">f4")]
    forms += [image.astype(t) for t in (np.float64, np.float16, np.int16, ">i2")]
    for form in [*forms, torch.from_numpy(image), torch.from_numpy(image).bfloat16()]:
        for size in (16, np.int64(16), [16, 16], np.array([16, 16])):
            assert_same(function(network, form, patch_size=size), truth)


def test_paths_as_text(tmp_path: Path) -> None:
    for path in (tmp_path / "a.pt", str(tmp_path / "b.pt")):
        save_checkpoint(path, {"step": 3})
        assert load_checkpoint(path) == load_checkpoint(str(path)) == {"step": 3}
    options = {"checkpoint": str(tmp_path / "run.pt")}
    for steps_left in (2, 0):
        seen: list[int] = []
        network = UNet(2, 1, 2, features=(4, 4))
        counted = lambda i, seen=seen: seen.append(i) or batch(i)  # noqa: E731
        fit(Supervised(network, CrossEntropyLoss()), counted, steps=2, **options)
        assert len(seen) == steps_left


class Foreign(nn.Module):
    """A network without divisor, whose output has another form."""

    def __init__(self, form: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.form = form

    def forward(self, image: torch.Tensor) -> Any:
        return self.form(self.conv(image))


FORMS = {
    "tensor": lambda x: x,
    "list": lambda x: [x, x[..., ::2, ::2]],
    "tuple": lambda x: (x, x[..., ::2, ::2]),
    "ours": lambda x: SegOutput(x, (x[..., ::2, ::2],)),
}


@pytest.mark.parametrize("form", FORMS)
def test_networks_from_elsewhere(form: str) -> None:
    results = []
    for kind in ("tensor", form):
        torch.manual_seed(0)
        network = Foreign(FORMS[kind])
        losses = fit(Supervised(network, CrossEntropyLoss()), batch, steps=2).history
        image = np.asarray(batch(5)["image"][0])
        results.append([[r["loss"] for r in losses], predict_probs(network, image, patch_size=8)])
    assert_same(results[1], results[0])


@pytest.mark.parametrize("form", ["list", "tuple"])
def test_deep_supervision_of_networks_from_elsewhere(form: str) -> None:
    losses = []
    for kind in ("ours", form):
        torch.manual_seed(0)
        result = fit(
            Supervised(Foreign(FORMS[kind]), DeepSupervision(CrossEntropyLoss())), batch, steps=2
        )
        losses.append([row["loss"] for row in result.history])
    assert losses[0] == losses[1]


def test_outputs_that_nobody_can_guess_are_refused() -> None:
    image = np.zeros((1, 16, 16), np.float32)
    for form, words in (
        (lambda x: {"out": x}, "finest first, got dict with out; wrap it"),
        (lambda x: (x, None), "finest first, got tuple; wrap it"),
    ):
        with pytest.raises(ValueError, match=words):
            predict_probs(Foreign(form), image, patch_size=8)
        with pytest.raises(ValueError, match=f"training step 1: .*{words}"):
            fit(Supervised(Foreign(form), CrossEntropyLoss()), batch, steps=1)
    coarse = Foreign(lambda x: [x[..., ::2, ::2], x])
    with pytest.raises(ValueError, match=r"the window's size \(8, 8\), got \(4, 4\); let"):
        predict_probs(coarse, image, patch_size=8)
