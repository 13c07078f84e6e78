"""Trained networks as artefacts: kept by what made them, read without running code."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tubekit.data.storage import cache_root
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.sources import sources_of
from tubekit.training import load_checkpoint, save_checkpoint


def place(recipe: Recipe, seed: int, source: str) -> Path:
    """Where the weights of a run are kept: by digest, what the images were, and seed."""
    name = f"{recipe.digest[:16]}-{source}-{seed}.pt"
    return cache_root() / "networks" / name


def keep(
    network: nn.Module,
    path: Path,
    recipe: Recipe,
    *,
    channels: dict[str, int],
    image: int,
    source: str,
) -> None:
    """Write the weights of a run, and what they ask of an image.

    Args:
        network: trained.
        path: as ``place`` gives it.
        recipe: that was run.
        channels: arguments with which the network was built.
        image: channels of an image of the data.
        source: of the images.
    """
    weights = {k: v.detach().cpu() for k, v in network.state_dict().items()}
    about = {"channels": channels, "image_channels": image, "recipe": recipe.id, "source": source}
    about["sources"] = sources_of(recipe)
    save_checkpoint(path, {"network": weights, **about})


def load(recipe: Recipe, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a recipe with kept weights, and what else the file says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no file of weights, or of another network.
    """
    found = load_checkpoint(path)
    if lacking := {"network", "channels", "image_channels", "source", "sources"} - set(found):
        raise ValueError(
            f"{path}: expected weights as `tubekit run` keeps them, got a file without "
            f"{', '.join(sorted(lacking))}; a checkpoint of an unfinished run is none"
        )
    with torch.random.fork_rng(devices=()):  # initial weights, which are not kept, draw from it
        network: nn.Module = recipe.network.build(**found["channels"])
    own = {k: v.shape for k, v in network.state_dict().items()}
    if own != {k: v.shape for k, v in found["network"].items()}:
        raise ValueError(
            f"{path}: expected weights for the network of {recipe.id}, got those of "
            f"{found.get('recipe', 'something else')}; name the recipe that made the file"
        )
    network.load_state_dict(found["network"])
    return network.eval(), found
