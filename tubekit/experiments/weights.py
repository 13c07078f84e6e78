"""Trained networks as artefacts: kept by what made them, read without running code."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tubekit.data.storage import cache_root
from tubekit.experiments.recipe import Recipe
from tubekit.experiments.run import Trained, channels_of
from tubekit.experiments.sources import sources_of
from tubekit.training import load_checkpoint, save_checkpoint


def place(recipe: Recipe, seed: int, source: str) -> Path:
    """Where the weights of a run are kept: by digest, sources, what the images were, and seed."""
    name = f"{recipe.digest[:16]}-{sources_of(recipe)[:8]}-{source}-{seed}.pt"
    return cache_root() / "networks" / name


def keep(trained: Trained, recipe: Recipe, seed: int) -> Path:
    """Write the weights of a run, and what they ask of an image."""
    path = place(recipe, seed, trained.split.source)
    save_checkpoint(
        path,
        {
            "network": {k: v.detach().cpu() for k, v in trained.network.state_dict().items()},
            "channels": channels_of(recipe, trained.split),
            "image_channels": len(trained.split.train[0].image),
            "recipe": recipe.id,
            "source": trained.split.source,
        },
    )
    return path


def load(recipe: Recipe, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a recipe with kept weights, and what else the file says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no file of weights, or of another network.
    """
    found = load_checkpoint(path)
    with torch.random.fork_rng(devices=()):  # initial weights, which are not kept, draw from it
        network: nn.Module = recipe.network.build(**found.get("channels", {}))
    own = {k: v.shape for k, v in network.state_dict().items()}
    if own != {k: v.shape for k, v in found.get("network", {}).items()}:
        raise ValueError(
            f"{path}: expected weights for the network of {recipe.id}, got those of "
            f"{found.get('recipe', 'something else')}; name the recipe that made the file"
        )
    network.load_state_dict(found["network"])
    return network.eval(), found
