"""What a number was made with: versions, device, commit."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

from tubekit._folders import checkout

REPORTED = ("torch", "numpy", "scipy", "scikit-image", "monai", "lightning")


def versions() -> dict[str, str]:
    """Versions of Python, tubekit and the packages that can move a number."""
    from tubekit import __version__

    found = {"python": platform.python_version(), "tubekit": __version__}
    for name in REPORTED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def device_name(device: str) -> str:
    """A readable name: the graphics card, or the processor with its number of threads."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [row for row in cpuinfo.read_text().splitlines() if row.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    threads = torch.get_num_threads()
    return f"CPU ({model}, {threads} thread{'s' * (threads > 1)})"


def commit() -> str:
    """Short commit of the checkout, with ``+`` for uncommitted changes; ``unknown`` outside
    a checkout.

    ``TUBEKIT_COMMIT`` takes its place where the sources travelled without their history.
    """
    if "TUBEKIT_COMMIT" in os.environ:
        return os.environ["TUBEKIT_COMMIT"]
    root = checkout()
    if root is None:  # whatever repository lies around an installation is not ours
        return "unknown"
    try:
        run = ["git", "-C", str(root)]
        head = subprocess.run(
            [*run, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*run, "status", "--porcelain", "--", "tubekit"], capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed.strip() else "")


def now() -> str:
    """UTC time to the second, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
