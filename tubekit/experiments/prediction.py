"""Segment a file with the network of a recipe, prepared as the images of its training were."""

import inspect
from collections.abc import Callable
from pathlib import Path

from tubekit.data import read_image, write_label
from tubekit.data.storage import cache_root
from tubekit.experiments import run as runs
from tubekit.experiments.data import Split, window_of
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
    recipe: Recipe,
    image: Path,
    output: Path,
    *,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Write the label map of one image, on its own grid and where it lies.

    The network is trained by the first call, and kept in the cache folder by digest, seed and
    what the data were (a phantom takes the place of images that are absent); a call after an
    interruption goes on where it was. Nothing is tested.

    Args:
        recipe: of the book.
        image: file that ``read_image`` takes, of the kind that the recipe trains on.
        output: to write, ``.png`` in 2-D or ``.nii.gz``.
        seed: of the training.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        say: gets a line about what the network is trained on.
    Raises:
        ValueError: an image with another number of axes or channels; nothing is trained then.
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

    def kept(split: Split) -> Path:
        wanted = len(split.train[0].image)
        if wanted != len(prepared.image):
            raise ValueError(
                f"expected an image with {wanted - prepared.derived} channel(s) for {recipe.id}, "
                f"got {len(array)} in {image.name}; convert the image"
            )
        say(f"{recipe.id} is trained on {len(split.train)} cases ({split.source})")
        name = f"{recipe.digest[:16]}-{split.source}-{seed}-{device}.pt"
        return cache_root() / "networks" / name

    _, network, _ = runs.run(
        recipe, seed, device=device, checkpoint=kept, tested=False, progress=True
    )
    label = runs.predict(network, prepared, recipe, device)
    write_label(output, preparation.back(label, prepared, case), spacing)
