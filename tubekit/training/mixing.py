"""A second look at every batch: the network on mixed images, for losses that ask for it."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from tubekit.losses.mix_equivalence import mixed
from tubekit.types import SegOutput

MIX_MAPS = ("mixed_logits", "mix_weight")
STREAM = 0x6D6978  # keeps these draws apart from others of the same seed and step


def mix_maps(
    network: Callable[[Tensor], object], image: Tensor, seed: int, index: int
) -> dict[str, Tensor]:
    """Run ``network`` on images mixed in pairs, all channels with one weight per sample.

    Args:
        network: returns a Tensor or a SegOutput.
        image: (b c *s), at least two samples; each is mixed with the one before it.
        seed: of the weights.
        index: of the batch; the weights are a pure function of the two.
    Returns:
        ``mixed_logits`` (b c *s), with a graph, and ``mix_weight`` (b 1 *s), the share of each
        sample itself, uniform in (0, 1).
    Raises:
        ValueError: a single sample, which has no partner.
    """
    if len(image) < 2:
        raise ValueError(
            "mixing needs at least two samples in a batch, got 1; raise batch_size, or take a "
            f"loss that does not need {MIX_MAPS[0]}"
        )
    draws = np.random.default_rng((seed, index, STREAM)).integers(2**23, size=len(image))
    # Odd multiples of 2^-24: exact in float32, never 0 or 1.
    weight = image.new_tensor((2 * draws + 1) / 2**24)
    weight = weight.view(-1, *[1] * (image.ndim - 1)).expand(-1, 1, *image.shape[2:])
    logits = SegOutput.of(network(mixed(image, weight))).logits
    return dict(zip(MIX_MAPS, (logits, weight), strict=True))
