"""Segment a file with the network of a recipe, prepared as the images of its training were."""

import inspect
from pathlib import Path

from torch import nn

from tubekit.data import read_image, write_label
from tubekit.data.storage import cache_root
from tubekit.experiments import run as runs
from tubekit.experiments.data import window_of
from tubekit.experiments.liver import liver_split
from tubekit.experiments.preparation import Preparation
from tubekit.experiments.recipe import Recipe
from tubekit.training import resolve_device
from tubekit.types import Case, Spec


def preparation_of(data: Spec) -> Preparation:
    """What a recipe's data do to every image.

    Training on the liver also cuts to the organ, which an image without masks does not show.
    """
    defaults = {n: p.default for n, p in inspect.signature(data.target).parameters.items()}
    values = defaults | data.kwargs
    liver = data.target is liver_split
    return Preparation(
        scale=values.get("scale", 1.0),
        spacing_mm=(values["spacing_mm"],) * 3 if liver else None,
        window=window_of("ircad01") if liver else values.get("window"),
        vesselness=values.get("vesselness"),
    )


def predict_file(
    recipe: Recipe, image: Path, output: Path, *, seed: int = 0, device: str = "auto"
) -> None:
    """Write the label map of one image, on its own grid and where it lies.

    The network is trained by the first call, and kept by digest and seed in the cache folder; a
    call after an interruption goes on where it was.

    Args:
        recipe: of the book.
        image: file that ``read_image`` takes, of the kind that the recipe trains on.
        output: to write, ``.png`` in 2-D or ``.nii.gz``.
        seed: of the training.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
    Raises:
        ValueError: an image with another number of axes or channels; nothing is written then.
    """
    device = resolve_device(device)
    array, spacing = read_image(image)
    axes = len(recipe.patch_size)
    if array.ndim - 1 != axes:
        raise ValueError(
            f"expected an image with {axes} axes for {recipe.id}, got {array.ndim - 1} in {image}; "
            "choose another recipe"
        )
    # A photograph carries no voxel size.
    case = Case(image.name, array, None, (1.0,) * axes if spacing is None else spacing)
    preparation = preparation_of(recipe.data)
    prepared = preparation.apply(case)
    kept = cache_root() / "networks" / f"{recipe.digest[:16]}-{seed}-{device}.pt"
    _, network, _ = runs.run(recipe, seed, device=device, checkpoint=kept, progress=True)
    _check_channels(network, prepared, case, recipe)
    label = runs.predict(network, prepared, recipe, device)
    write_label(output, preparation.back(label, prepared, case), spacing)


def _check_channels(network: nn.Module, prepared: Case, case: Case, recipe: Recipe) -> None:
    wanted = getattr(network, "in_channels", len(prepared.image))
    if wanted != len(prepared.image):
        channels = wanted - prepared.derived
        raise ValueError(
            f"expected an image with {channels} channel(s) for {recipe.id}, got "
            f"{len(case.image)} in {case.id}; convert the image"
        )
