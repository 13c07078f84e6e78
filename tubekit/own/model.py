"""A trained network with everything that it needs to see an image as it did in training."""

import dataclasses
import hashlib
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Num, UInt8
from torch import nn

from tubekit import _accept, _check
from tubekit._accept import Array, PathLike
from tubekit.data import read_image
from tubekit.data.storage import write_atomic
from tubekit.inference import predict_probs
from tubekit.own.choices import build_network
from tubekit.own.images import as_case
from tubekit.own.preparation import Preparation
from tubekit.training import resolve_device
from tubekit.types import Case, Spacing

FORMAT = 1
CARD, WEIGHTS, UNFINISHED = "model.json", "weights.pt", "unfinished"
Image = Num[Array, "..."] | PathLike


@dataclasses.dataclass
class Model:
    """Callable on an array or a file: the label map, in the values of the training's labels.

    Attributes:
        network: in the form that ``predict_probs`` takes.
        preparation: what happens to an image before.
        patch: voxels per axis that the network sees at once.
        values: class k is written as ``values[k]``; background first.
        device: ``"cpu"`` or ``"cuda"``.
        overlap: share of a window that the next one repeats, in [0, 1).
        facts: what else ``model.json`` says: settings, files, split, scores, versions.

    Example:
        After the example of ``train``:

        >>> model(line).shape, model.probabilities(line).shape
        ((32, 32), (2, 32, 32))
    """

    network: nn.Module
    preparation: Preparation
    patch: tuple[int, ...]
    values: tuple[int, ...]
    device: str = "cpu"
    overlap: float = 0.5
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, image: Image, spacing: Spacing | None = None) -> UInt8[np.ndarray, "*s"]:
        """Segment one image.

        Args:
            image: path of a file; or an array with intensities as in the files of the training,
                (y, x) or (z, y, x), and with several channels these first or last.
            spacing: millimetres per voxel of an array, array order; a file brings its own.
        Returns:
            Label map on the grid of the image, with the values of the training's labels.
        Raises:
            ValueError: an image unlike those of the training, in axes, channels or voxel size.
        """
        return self.label_of(self.probabilities(image, spacing))

    def probabilities(
        self, image: Image, spacing: Spacing | None = None
    ) -> Float32[np.ndarray, "k *s"]:
        """One map a class, background first, which sum to 1; arguments as for the call."""
        return self.of_case(self.case(image, spacing))

    def label_of(self, probs: Float32[np.ndarray, "k *s"]) -> UInt8[np.ndarray, "*s"]:
        """The value of the most probable class."""
        return np.array(self.values, np.uint8)[probs.argmax(axis=0)]

    def case(self, image: Image, spacing: Spacing | None = None) -> Case:
        """An image of the kind that the network was trained on, or an error."""
        name = "image"
        if isinstance(image, (str, os.PathLike)):
            if spacing is not None:
                raise ValueError(
                    f"expected no spacing beside the file {image}, got {spacing}; its header says "
                    "it, or pass an array"
                )
            name = str(image)
            array, spacing = read_image(_accept.path(image))
        else:
            array = self._channels_first(_accept.array("image", image))
            if spacing is not None:
                spacing = _check.millimetres(spacing, self.preparation.dimensions)
            _check.finite("image", array)
        with _check.about(name):
            self.preparation.check(array.shape, spacing)
        return as_case(name, array, spacing)

    def of_case(self, case: Case) -> Float32[np.ndarray, "k *s"]:
        """Probabilities of a case as read; training validates with this very method."""
        found = predict_probs(
            self.network,
            self.preparation.input(case),
            patch_size=self.patch,
            overlap=self.overlap,
            device=self.device,
        )
        probs = self.preparation.back(found, case)
        return np.concatenate([1 - probs, probs]) if len(probs) == 1 else probs

    def _channels_first(self, image: Num[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
        wanted = self.preparation
        if image.ndim == wanted.dimensions:
            image = image[None]
        elif image.ndim > 1 and image.shape[0] != wanted.channels == image.shape[-1]:
            image = np.moveaxis(image, -1, 0)
        return np.ascontiguousarray(image, np.float32)

    def save(self, folder: Path) -> None:
        """Write ``weights.pt`` and, last, ``model.json``: a folder with both is complete."""
        buffer = io.BytesIO()
        torch.save({k: v.cpu() for k, v in self.network.state_dict().items()}, buffer)
        data = buffer.getvalue()
        write_atomic(folder / WEIGHTS, data)
        content = {
            "format": FORMAT,
            "preparation": dataclasses.asdict(self.preparation),
            "patch": self.patch,
            "values": self.values,
            "weights_sha256": hashlib.sha256(data).hexdigest(),
        }
        content |= {name: fact for name, fact in self.facts.items() if name not in content}
        write_atomic(folder / CARD, (json.dumps(content, indent=1) + "\n").encode())


def new_network(network: str, width: int, preparation: Preparation, classes: int) -> nn.Module:
    """A network for prepared images; two classes share one channel of logits."""
    return build_network(
        network,
        ndim=preparation.dimensions,
        in_channels=preparation.inputs,
        out_channels=1 if classes == 2 else classes,
        width=width,
    )


def load(folder: PathLike, device: str = "auto") -> Model:
    """Read a model that ``tubekit train`` has saved.

    Args:
        folder: given as ``--save``.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
    Raises:
        ValueError: no finished model there, a damaged one, or one of another version.

    Example:
        After the example of ``train``:

        >>> from tubekit.own import load
        >>> load("model").values
        (0, 200)
    """
    folder = _accept.path(folder)
    if (folder / UNFINISHED).is_dir() and not (folder / CARD).is_file():
        raise ValueError(
            f"expected a trained model in {folder}, got a training that was interrupted; call the "
            "same 'tubekit train' again, which goes on where it was"
        )
    try:
        content = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"expected a trained model in {folder}, got no readable {CARD} ({error}); make one "
            "with 'tubekit train'"
        ) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{folder / CARD}: expected format {FORMAT}, got {found}; use the version of tubekit "
            "that wrote the model"
        )
    try:
        preparation = Preparation.from_dict(content["preparation"])
        patch, values = tuple(content["patch"]), tuple(content["values"])
        settings = content["training"]["settings"]
        network = new_network(settings["network"], settings["width"], preparation, len(values))
        data = (folder / WEIGHTS).read_bytes()
        if hashlib.sha256(data).hexdigest() != content["weights_sha256"]:
            raise ValueError(f"{WEIGHTS} is not the file that was saved")
        weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, pickle.PickleError) as error:
        raise ValueError(
            f"expected a complete model in {folder}, got a damaged one ({error!r}); copy the "
            "folder again, or train anew"
        ) from error
    network.eval()
    return Model(network, preparation, patch, values, resolve_device(device), facts=content)
