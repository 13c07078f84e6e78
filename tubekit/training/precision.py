"""Which device and which number format a run uses."""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import MixedPrecision, Precision
from torch.overrides import TorchFunctionMode

from tubekit import _check

PRECISIONS = ("32-true", "bf16-mixed", "auto")
DEVICES = ("cpu", "cuda", "auto")
log = logging.getLogger(__name__)
_CPUINFO = Path("/proc/cpuinfo")
_CONVOLUTIONS = (
    *(torch.conv1d, torch.conv2d, torch.conv3d),
    *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
)


def resolve_device(device: str) -> str:
    """``"auto"`` is CUDA where there is one, else the CPU.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
    Raises:
        ValueError: an unknown name, or CUDA asked for where there is none.

    Example:
        >>> from tubekit.training import resolve_device
        >>> resolve_device("cpu")
        'cpu'
    """
    _check.option("device", device, DEVICES)
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ValueError("device 'cuda' asked for, got no CUDA device; use 'auto' or 'cpu'")
    return ("cuda" if available else "cpu") if device == "auto" else device


def resolve_precision(precision: str, device: str) -> str:
    """``"auto"`` is bfloat16 autocast where the hardware multiplies it natively, else float32.

    On a CPU that is AVX512-BF16 or AMX, read from /proc/cpuinfo; without them autocast is slower
    than float32. Numbers then depend on the machine, so the default elsewhere is ``"32-true"``.

    Args:
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"auto"``. The second is kept as asked for;
            where the hardware emulates it, a warning says so once.
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from tubekit.training import resolve_precision
        >>> resolve_precision("32-true", "cpu")
        '32-true'
    """
    _check.option("precision", precision, PRECISIONS)
    _check.option("device", device, DEVICES[:2])
    if precision == "32-true":
        return precision
    if device == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        text = _CPUINFO.read_text() if _CPUINFO.is_file() else ""
        fast = not {"avx512_bf16", "amx_bf16"}.isdisjoint(text.split())
    if precision == "bf16-mixed" and not fast:
        _note_slow(device)
    return "bf16-mixed" if fast or precision == "bf16-mixed" else "32-true"


@functools.cache
def _note_slow(device: str) -> None:
    """Say once per process what an emulated format costs."""
    log.warning(
        "this %s emulates bfloat16, which can take many times as long as float32; precision "
        "'auto' avoids it",
        device,
    )


class _SmallGridsInFloat32(TorchFunctionMode):
    """Inside this context, convolutions with a kernel longer than an axis of the input leave bf16.

    On a CPU the weight gradient of such a bfloat16 convolution (oneDNN in PyTorch 2.13) is wrong,
    up to infinite, and may write outside its memory; deep levels of a network on flat patches
    meet it, e.g. 3 x 3 x 3 kernels on a grid of 2 x 3 x 3.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS and torch.is_autocast_enabled("cpu"):
            tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)]
            image, kernel = tensors[:2]
            axes = kernel.ndim - 2
            if any(n < k for n, k in zip(image.shape[-axes:], kernel.shape[2:], strict=True)):
                with torch.autocast("cpu", enabled=False):
                    return func(*map(_float32, args), **{k: _float32(x) for k, x in kwargs.items()})
        return func(*args, **kwargs)


def _float32(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) else value


class _CpuMixedPrecision(MixedPrecision):
    @contextmanager
    def forward_context(self) -> Iterator[None]:
        with super().forward_context(), _SmallGridsInFloat32():
            yield


def precision_plugin(precision: str, device: str) -> Precision:
    """Fabric's object for a resolved precision; its own choice by name would print a line."""
    if precision != "bf16-mixed":
        return Precision()
    return (_CpuMixedPrecision if device == "cpu" else MixedPrecision)("bf16-mixed", device)
