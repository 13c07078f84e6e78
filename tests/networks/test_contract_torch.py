"""What PyTorch does with a module: every exported network and layer survives it unchanged.

Nothing is left out. A part that tracers cannot see into has a plain counterpart, which they take.
"""

import contextlib
import copy
import io
import logging
import pickle
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from tests.networks.builders import BUILDERS, LAYERS, image_for, outputs
from tubekit import networks
from tubekit.networks import (
    DeepMutualQuery,
    DeformableConv,
    DynamicSnakeConv,
    FlexibleConv,
    ShallowQuery,
    SnakeConv,
    attend,
)
from tubekit.training.precision import _SmallGridsInFloat32
from tubekit.types import SegOutput


class Attend(nn.Module):
    """The exported function as a module."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(q, k, v, heads=2)


def features(*size: int) -> Tensor:
    return torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(3))


# Each layer with the shape of its inputs and their number.
LAYER_BUILDERS: dict[str, tuple[tuple[int, ...], int, Callable[[], nn.Module]]] = {
    "attend": ((6,), 3, Attend),
}
for ndim in (2, 3):
    grid = (6, 5, 4)[:ndim]
    LAYER_BUILDERS |= {
        f"DeepMutualQuery-{ndim}d": (grid, 2, lambda: DeepMutualQuery(4, 2)),
        f"DeformableConv-{ndim}d": (grid, 1, lambda n=ndim: DeformableConv(n, 4, 3)),
        f"DynamicSnakeConv-{ndim}d": (grid, 1, lambda n=ndim: DynamicSnakeConv(n, 4, 4, kernel=3)),
        f"FlexibleConv-{ndim}d": (grid, 1, lambda n=ndim: FlexibleConv(n, 4, 3)),
        f"ShallowQuery-{ndim}d": (grid, 2, lambda n=ndim: ShallowQuery(n, 4, token_budget=2)),
        f"SnakeConv-{ndim}d": (grid, 1, lambda n=ndim: SnakeConv(n, 4, 3, kernel=3)),
    }
NAMES = (*BUILDERS, *LAYER_BUILDERS)
EVERY = pytest.mark.parametrize("name", NAMES)
# Tracing takes seconds: once for each class, number of axes and kind of output.
SAME = ("UNet-batch", "CS2Net-released", "HarmonySeg-literal", "HarmonySeg-alone", "WingsNet-alone")
TRACED = pytest.mark.parametrize("name", [name for name in NAMES if name not in SAME])
pytestmark = pytest.mark.usefixtures("unchecked")  # tracers would meet the checks of the tests


def made(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A module in evaluation mode, and its inputs."""
    torch.manual_seed(0)
    if name in BUILDERS:
        network = BUILDERS[name][1](1, 2).eval()
        return network, (image_for(network, 1, batch=1),)
    size, count, build = LAYER_BUILDERS[name]
    inputs = tuple(features(*size).roll(i, 1) for i in range(count))
    if name == "attend":
        inputs = tuple(x.transpose(1, 2) for x in inputs)
    return build().eval(), inputs


def leaves(result: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return list(tree_leaves(result))


def assert_equal(found: object, truth: object, tolerance: float = 1e-4) -> None:
    pairs = zip(leaves(found), leaves(truth), strict=True)
    for a, b in pairs:
        a = torch.from_numpy(a) if isinstance(a, np.ndarray) else a
        torch.testing.assert_close(a, b, rtol=1e-3, atol=tolerance)


def test_every_exported_name_is_covered() -> None:
    covered = {name.split("-")[0] for name in NAMES}
    assert covered == set(networks.__all__)
    assert {name.split("-")[0] for name in LAYER_BUILDERS} == LAYERS
    for name in set(networks.__all__) - {"DeepMutualQuery", "attend"}:
        assert {made(n)[1][0].ndim for n in NAMES if n.split("-")[0] == name} == {4, 5}, name


@EVERY
def test_pickle_copy_and_weights_only_load(name: str) -> None:
    module, inputs = made(name)
    truth = module(*inputs)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    torch.manual_seed(1)
    fresh = made(name)[0]
    for parameter in fresh.parameters():
        nn.init.constant_(parameter, 0.5)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), fresh):
        assert_equal(again(*inputs), truth, 0.0)
        assert repr(again) == repr(module)
    assert_equal(pickle.loads(pickle.dumps(truth)), truth, 0.0)


@TRACED
def test_compile_a_training_step_in_one_graph(name: str) -> None:
    module, inputs = made(name)
    inputs = tuple(x.requires_grad_() for x in inputs)  # of `attend`, which has no weights
    torch._dynamo.reset()
    both = []
    for compiled in (False, True):
        twin = copy.deepcopy(module).train()
        run = torch.compile(twin, backend="aot_eager", fullgraph=True) if compiled else twin
        result = run(*inputs)
        loss = sum(leaf.square().mean() for leaf in leaves(result))
        both.append((result, torch.autograd.grad(loss, [*inputs, *twin.parameters()])))
    assert_equal(both[1], both[0])
    assert type(both[1][0]) is type(both[0][0])


@TRACED
def test_export(name: str) -> None:
    module, inputs = made(name)
    torch._dynamo.reset()
    with torch.no_grad():
        found = torch.export.export(module, inputs).module()(*inputs)
        assert_equal(found, module(*inputs))
    assert type(found) is type(module(*inputs))


@TRACED
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_trace(name: str) -> None:
    module, inputs = made(name)
    with torch.no_grad():
        found = torch.jit.trace(module, inputs, check_trace=False)(*inputs)
        assert_equal(found, module(*inputs))


@TRACED
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.filterwarnings("ignore::Warning")  # both exporters warn of themselves
def test_onnx(name: str, dynamo: bool) -> None:
    module, inputs = made(name)
    torch._dynamo.reset()
    logging.disable(logging.WARNING)
    file, options = io.BytesIO(), {} if dynamo else {"opset_version": 20}  # 20 samples volumes
    try:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(module, inputs, file, dynamo=dynamo, **options)
    finally:
        logging.disable(logging.NOTSET)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    given = {slot.name: x.numpy() for slot, x in zip(session.get_inputs(), inputs, strict=True)}
    assert_equal(session.run(None, given), module(*inputs), 1e-3)


@pytest.mark.parametrize("name", BUILDERS)
def test_monai_sliding_window_in_eval_mode(name: str) -> None:
    network, (image,) = made(name)
    with torch.no_grad():
        found = SlidingWindowInferer(image.shape[2:])(image, network)
        assert_equal(list(found) if isinstance(found, tuple) else [found], outputs(network(image)))


# float16 is emulated on a processor: the widest volumes take 20 s in it.
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, torch.bfloat16) for name in NAMES]
    + [(name, torch.float16) for name in NAMES if name != "HRNet-3d"],
)
def test_a_step_of_autocast_with_a_gradient_scaler(name: str, dtype: torch.dtype) -> None:
    module, inputs = made(name)
    module.train()
    before = copy.deepcopy(module.state_dict())
    if name == "attend":
        module.weight = nn.Parameter(torch.ones(()))  # a function has none to train
        inputs, before = (module.weight * inputs[0], *inputs[1:]), {"weight": torch.ones(())}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    # As `fit` does: torch's bfloat16 convolutions are wrong on grids smaller than the kernel.
    with torch.autocast("cpu", dtype), _SmallGridsInFloat32():
        result = module(*inputs)
        loss = sum(leaf.float().square().mean() for leaf in leaves(result))
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 16.0  # a step that overflowed would have halved it
    assert all(value.isfinite().all() for value in module.state_dict().values())
    # Buffers of a batch norm move without any step.
    assert any(not torch.equal(before[key], after) for key, after in module.named_parameters())


def test_a_tuple_of_the_output_is_what_others_expect() -> None:
    """MONAI and nnU-Net take (logits, *deep); Fabric and DDP rebuild a tuple from its parts."""
    parts = [torch.randn(1, 2, n, n) for n in (8, 4, 2)]
    output = SegOutput(parts[0], parts[1:], {"where": parts[2]})
    assert isinstance(output, tuple)
    for one in (output, SegOutput(iter(parts)), pickle.loads(pickle.dumps(output))):
        assert_equal(list(one), parts, 0.0)
        assert_equal([one.logits, *one.deep], parts, 0.0)
    assert output.maps is not None
    assert SegOutput(parts[0]).deep == ()
    assert SegOutput(parts[0]).maps is None
    again = torch.utils._pytree.tree_map(lambda t: t + 1, output)
    assert isinstance(again, SegOutput)
    assert_equal(again.maps, {"where": parts[2] + 1}, 0.0)
    for one in (output, SegOutput(parts[0], parts[1:]), SegOutput(parts[0])):  # no leaf is None
        shapes = torch.utils._pytree.tree_map(lambda t: t.shape, one)
        assert isinstance(shapes, SegOutput)
        assert list(shapes) == [t.shape for t in one]
        assert (shapes.maps is None) == (one.maps is None)
    copied = pickle.loads(pickle.dumps(output))
    assert_equal(copied.maps, output.maps, 0.0)
