"""Checkpoints that are complete or not there: written beside, checked by SHA-256, then renamed."""

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tubekit import _accept
from tubekit._accept import PathLike

FORMAT = 1
_MAGIC = f"tubekit checkpoint {FORMAT} ".encode()
_HEADER = len(_MAGIC) + 64 + 1  # magic, hexadecimal SHA-256 of the rest, newline


def save_checkpoint(path: PathLike, state: Mapping[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, lists and dicts of them) atomically.

    The file appears under its name only when every byte is on the disk: a killed process or a
    full disk leaves the previous checkpoint as it was.

    Args:
        path: file to write; its folder is made.
        state: by name.
    Raises:
        OSError: the file cannot be written; the message names it.

    Example:
        >>> import torch
        >>> from tubekit.training import save_checkpoint
        >>> save_checkpoint("run.pt", {"step": 3, "weight": torch.ones(2)})
    """
    path = _accept.path(path)
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    payload = buffer.getbuffer()
    digest = hashlib.sha256(payload).hexdigest().encode()
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(_MAGIC + digest + b"\n")
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            _sync_folder(path.parent)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"expected to write {len(payload)} bytes to checkpoint {path}, got "
            f"{error.strerror or error}; make room or choose another folder, the previous "
            "checkpoint is unchanged",
        ) from error


def load_checkpoint(path: PathLike) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote; tensors come back on the CPU.

    Args:
        path: file to read.
    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint of this format, changed or cut short since it was written, or
            one that holds Python objects, which could run code.

    Example:
        After the example of ``save_checkpoint``:

        >>> from tubekit.training import load_checkpoint
        >>> load_checkpoint("run.pt")
        {'step': 3, 'weight': tensor([1., 1.])}
    """
    path = _accept.path(path)
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ValueError(
            f"{path} must start with {_MAGIC.decode()!r}, got {data[: len(_MAGIC)]!r}; "
            "it is no checkpoint of this version: delete it or give another path"
        )
    payload = data[_HEADER:]
    recorded = data[len(_MAGIC) : _HEADER - 1].decode(errors="replace")
    found = hashlib.sha256(payload).hexdigest()
    if recorded != found:
        raise ValueError(
            f"checkpoint {path} is damaged: expected SHA-256 {recorded[:12]}..., got "
            f"{found[:12]}... over {len(payload)} bytes; delete it and start again, or restore "
            "a copy"
        )
    try:
        state: dict[str, Any] = torch.load(
            io.BytesIO(payload), map_location="cpu", weights_only=True
        )
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint {path} holds more than tensors, numbers and text, got one that could "
            "run code; use it only if you trust it, with torch.load"
        ) from error
    return state


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; Windows cannot open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
