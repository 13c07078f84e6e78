"""Predict a file or a folder: check everything, then write one label map after the other."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tubekit import _accept
from tubekit._accept import PathLike
from tubekit.data import read_image, write_label
from tubekit.data.folders import IMAGES, named_files, stem
from tubekit.data.storage import write_atomic
from tubekit.own.images import as_case
from tubekit.own.model import Model

_SUFFIX = {2: ".png", 3: ".nii.gz"}


class Job(NamedTuple):
    """One image and the label map to write."""

    image: Path
    output: Path


def predict(
    model: Model,
    source: PathLike,
    target: PathLike,
    *,
    probabilities: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Segment a file or a folder of files; every label map lies where its image lies.

    Args:
        model: as ``load`` gives it.
        source: an image, or a folder of images.
        target: file to write, or folder; ``.png`` for images in 2-D, ``.nii.gz`` for volumes.
        probabilities: also write ``NAME.npz`` with ``probabilities`` (k *s) float32 and the
            ``values`` of the k classes.
        progress: called with the number of images that are done and of all.
    Returns:
        The label maps that were written.
    Raises:
        ValueError: an image that does not fit the model, or a target that does not fit the
            source; nothing is written then.
        OSError: the target cannot be written.

    Example:
        After the example of ``train``:

        >>> from tubekit.own import predict
        >>> [path.name for path in predict(model, "images", "masks")]
        ['a.png']
    """
    jobs = plan(model, _accept.path(source), _accept.path(target))
    for done, (path, output) in enumerate(jobs, 1):
        image, spacing = read_image(path)
        probs = model.of_case(as_case(path.name, image, spacing))
        if probabilities:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, probabilities=probs, values=np.array(model.values))
            write_atomic(output.with_name(f"{stem(output)}.npz"), buffer.getvalue())
        write_label(output, model.label_of(probs), spacing)
        if progress:
            progress(done, len(jobs))
    return [job.output for job in jobs]


def plan(model: Model, source: Path, target: Path) -> list[Job]:
    """What is to be read and written, after a look at every image."""
    suffix = _SUFFIX[model.preparation.dimensions]
    if source.is_dir():
        jobs = _of_folder(source, target, suffix)
    else:
        name = stem(source)
        if name is None or not source.is_file():
            raise ValueError(
                f"expected a folder or an image ({', '.join(IMAGES)}), got {source}; check the path"
            )
        jobs = [Job(source, target / f"{name}{suffix}" if target.is_dir() else target)]
    inputs = {job.image.resolve() for job in jobs}
    for job in jobs:
        if not job.output.name.endswith(suffix):
            raise ValueError(
                f"expected an output that ends in {suffix} for images in "
                f"{model.preparation.dimensions}-D, got {job.output}; rename it"
            )
        if job.output.resolve() in inputs:
            raise ValueError(
                f"expected an output beside the images, got {job.output}, which is one of them; "
                "write to another folder"
            )
    for job in jobs:
        model.case(job.image)
    return jobs


def _of_folder(source: Path, target: Path, suffix: str) -> list[Job]:
    found = named_files(source, IMAGES)
    if not found:
        raise ValueError(f"expected images ({', '.join(IMAGES)}) in {source}, got none")
    if target.exists() and not target.is_dir():
        raise ValueError(
            f"expected a folder for the label maps of {source}, got the file {target}; give a "
            "folder"
        )
    for name, paths in found.items():
        if len(paths) > 1:
            both = ", ".join(path.name for path in paths)
            raise ValueError(
                f"expected one image of the name {name}, got {both} in {source}; keep one of them"
            )
    return [Job(path, target / f"{name}{suffix}") for name, (path,) in found.items()]
