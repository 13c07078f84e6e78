"""Segment a file with the network of a recipe, prepared as the images of its training were."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from tubekit.data import read_image, write_label
from tubekit.experiments import run as runs
from tubekit.experiments import weights
from tubekit.experiments.data import Split, window_of
from tubekit.experiments.preparation import Preparation
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.sources import sources_of
from tubekit.inference import Windows
from tubekit.training import resolve_device
from tubekit.types import Case, Spec

Say = Callable[[str], None]


def preparation_of(data: Spec, axes: int) -> Preparation:
    """What a recipe's data do to every image, as the arguments of its split say.

    Training on an organ may also cut to it, which an image without masks does not show.
    """
    values = data.bound()
    window, spacing = values.get("window"), values.get("spacing_mm")
    return Preparation(
        scale=values.get("scale", 1.0),
        spacing_mm=(spacing,) * axes if isinstance(spacing, (int, float)) else spacing,
        window=window_of(window) if isinstance(window, str) else window,
        vesselness=values.get("vesselness"),
    )


def predict_file(
    recipe: Recipe,
    image: Path,
    output: Path,
    *,
    seed: int = 0,
    device: str = "auto",
    kept: Path | None = None,
    say: Say = lambda _: None,
) -> None:
    """Write the label map of one image, on its own grid and where it lies.

    The network is the one that ``tubekit run`` has kept; where there is none the first call trains
    it, and keeps it. A call after an interruption goes on where it was. Nothing is tested.

    Args:
        recipe: of the book.
        image: file that ``read_image`` takes, of the kind that the recipe trains on.
        output: to write, ``.png`` in 2-D or ``.nii.gz``.
        seed: of the training.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        kept: file of weights to take instead.
        say: gets a line about what the network is trained on.
    Raises:
        ValueError: an image with another number of axes or channels; nothing is trained then.
    """
    device = resolve_device(device)
    array, spacing = read_image(image)
    axes = array.ndim - 1
    patch = recipe.predictor.bound().get("patch_size")
    if recipe.predictor.target is Windows and isinstance(patch, Sequence) and axes != len(patch):
        raise ValueError(
            f"expected an image with {len(patch)} axes for {recipe.id}, got {axes} in {image}; "
            "choose another recipe"
        )
    # A photograph carries no voxel size.
    case = Case(image.name, array, None, (1.0,) * axes if spacing is None else spacing)
    preparation = preparation_of(recipe.data, axes)
    prepared = preparation.apply(case)

    def check(channels: int) -> None:
        if channels != len(prepared.image):
            raise ValueError(
                f"expected an image with {channels - prepared.derived} channel(s) for {recipe.id}, "
                f"got {len(array)} in {image.name}; convert the image"
            )

    network = _network(recipe, seed, device, kept, check, say)
    label = runs.predict(network, prepared, recipe, device)
    write_label(output, preparation.back(label, prepared, case), spacing)


def _network(
    recipe: Recipe,
    seed: int,
    device: str,
    kept: Path | None,
    check: Callable[[int], None],
    say: Say,
) -> nn.Module:
    """Kept weights, those of real images first; else trained now."""
    known = (weights.place(recipe, seed, source) for source in ("real", "rendered"))
    path = kept or next((p for p in known if p.is_file()), None)
    if path is None:
        split: Split = recipe.data.build(seed=seed)
        check(len(split.train[0].image))
        path = weights.place(recipe, seed, split.source)
        if not path.is_file():
            say(f"{recipe.id} is trained on {len(split.train)} cases ({split.source})")
            unfinished = path.with_name(f"{path.stem}-{sources_of(recipe)[:8]}.unfinished.pt")
            _, network, _ = runs.run(
                recipe,
                seed,
                device=device,
                checkpoint=unfinished,
                kept=True,
                tested=False,
                progress=True,
            )
            for stage in recipe.stages:
                runs.checkpoint_of(unfinished, stage).unlink(missing_ok=True)
            return network
    network, about = weights.load(recipe, path)
    check(about["image_channels"])
    other = (
        "" if about["sources"] == sources_of(recipe) else ", made by other sources of the library"
    )
    say(f"{recipe.id}: weights of {path} ({about['source']} images{other})")
    return network
