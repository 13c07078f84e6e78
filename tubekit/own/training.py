"""From two folders to a model: check everything, train, measure on the validation images, save."""

import math
import platform
from collections.abc import Callable, Sequence

import numpy as np
import torch

import tubekit
from tubekit import _accept
from tubekit._accept import PathLike
from tubekit.metrics import dice
from tubekit.own.folder import Entry, find_entries, split_entries
from tubekit.own.model import Model, load
from tubekit.own.place import Place
from tubekit.own.ready import Ready, prepare
from tubekit.own.settings import Settings
from tubekit.training import Supervised, adamw, fit, poly, resolve_device
from tubekit.types import Case, Spec

# Validations and checkpoints of one training, where the number of steps is known, and the steps
# between them where it is not.
PARTS, STEPS_BETWEEN = 10, 100


def train(
    images: PathLike,
    labels: PathLike,
    save: PathLike,
    settings: Settings | None = None,
    *,
    device: str = "auto",
    progress: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Model:
    """Train on a folder of images, or go on where the same training was interrupted.

    Args:
        images: folder of PNG, JPEG, TIFF or NIfTI files of one kind.
        labels: folder of label maps of the same names; lowest value = background.
        save: folder of the model, new or empty, or of the same training.
        settings: ``None`` means the defaults.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        progress: show a bar.
        say: gets a few lines about what is going to happen.
    Returns:
        The model as ``load(save)`` gives it: with the weights of the best validation.
    Raises:
        ValueError: an image, label, setting or folder that does not fit; nothing is written then.
        OSError: the folder of the model cannot be written.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from tubekit.own import Settings, train
        >>> line = np.zeros((32, 32), np.uint8)
        >>> line[8:12] = 200
        >>> for folder in map(Path, ("images", "labels")):
        ...     folder.mkdir()
        ...     Image.fromarray(line).save(folder / "a.png")
        >>> settings = Settings(steps=1, width=4, validation=0.0, patch=16)
        >>> model = train("images", "labels", "model", settings, device="cpu")
        >>> model("images/a.png").shape
        (32, 32)
    """
    settings, device = settings or Settings(), resolve_device(device)
    entries = find_entries(_accept.path(images), _accept.path(labels), settings.group_pattern)
    place = Place.of(_accept.path(save), settings, device, entries)
    if place.finished:
        say(f"{save} holds this model already; it is not trained again")
        return load(save, device)
    chosen, held_back = split_entries(entries, settings.validation, settings.seed)
    ready = prepare(chosen, held_back, settings, device)
    model = ready.model
    say(_summary(ready, chosen, settings))
    if place.checkpoint.is_file():
        say(f"{save} was interrupted; training goes on after its last checkpoint")
    place.begin()
    timed = settings.minutes is not None
    every = STEPS_BETWEEN if timed else max(1, settings.last_step // PARTS)
    fitted = fit(
        Supervised(model.network, ready.loss, Spec(adamw, lr=settings.rate)),
        ready.sampler.batch,
        steps=settings.last_step,
        schedule=Spec(poly, power=0.0) if timed else poly,
        max_seconds=None if settings.minutes is None else 60 * settings.minutes,
        device=device,
        checkpoint=place.checkpoint,
        checkpoint_every=min(every, STEPS_BETWEEN),
        validate=(lambda: _mean(scores(model, ready.validation))) if held_back else None,
        validate_every=every,
        seed=settings.seed,
        progress=progress,
    )
    model.facts |= {
        "training": place.task,
        "patients": {entry.name: entry.group for entry in entries},
        "train": [entry.name for entry in chosen],
        "validation": [entry.name for entry in held_back],
        "validation_dice": scores(model, ready.validation),
        "steps_done": fitted.steps_done,
        "best_step": fitted.best_step,
        "loss": fitted.history[-1]["loss"],
        "versions": {
            "tubekit": tubekit.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    model.save(place.folder)
    place.end()
    return model


def scores(model: Model, cases: Sequence[Case]) -> dict[str, float | None]:
    """Dice by label value: mean over the images that show the class; ``None`` where none does."""
    found: dict[str, list[float]] = {str(value): [] for value in model.values[1:]}
    for case in cases:
        classes = model.of_case(case).argmax(axis=0)
        for k, values in enumerate(found.values(), 1):
            if case.label is not None and (case.label == k).any():
                values.append(dice(classes == k, case.label == k))
    return {name: float(np.mean(values)) if values else None for name, values in found.items()}


def _mean(values: dict[str, float | None]) -> float:
    known = [value for value in values.values() if value is not None]
    return float(np.mean(known)) if known else math.nan


def _summary(ready: Ready, chosen: Sequence[Entry], settings: Settings) -> str:
    model = ready.model
    end = f"{settings.minutes:g} minutes" if settings.minutes else f"{settings.last_step} steps"
    classes = ", ".join(map(str, model.values[1:]))
    return (
        f"{len(chosen)} images to train on, {len(ready.validation)} to validate on\n"
        f"label values: background {model.values[0]}, classes {classes}\n"
        f"{settings.network} with {settings.loss}, patches of "
        f"{' x '.join(map(str, model.patch))}, {end}"
    )
