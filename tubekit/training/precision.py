"""Which device and which number format a run uses."""

from pathlib import Path

import torch
from lightning.fabric.plugins import MixedPrecision, Precision

from tubekit import _check

PRECISIONS = ("32-true", "bf16-mixed", "auto")
DEVICES = ("cpu", "cuda", "auto")
_CPUINFO = Path("/proc/cpuinfo")


def resolve_device(device: str) -> str:
    """``"auto"`` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: an unknown name, or CUDA asked for where there is none.
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
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"auto"``.
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: an unknown name.
    """
    _check.option("precision", precision, PRECISIONS)
    _check.option("device", device, DEVICES[:2])
    if precision != "auto":
        return precision
    if device == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        text = _CPUINFO.read_text() if _CPUINFO.is_file() else ""
        fast = not {"avx512_bf16", "amx_bf16"}.isdisjoint(text.split())
    return "bf16-mixed" if fast else "32-true"


def precision_plugin(precision: str, device: str) -> Precision:
    """Fabric's object for a resolved precision; its own choice by name would print a line."""
    return MixedPrecision("bf16-mixed", device) if precision == "bf16-mixed" else Precision()
