"""Binary samples of probabilities that pass a gradient."""

import torch
from jaxtyping import Float
from torch import Tensor

# Keeps the odds p / (1 - p) and their slopes finite at p = 0 and p = 1.
_EPSILON = 1e-8


def relaxed_binary(
    probs: Float[Tensor, "b c *s"],
    *,
    beta: float,
    tau: float,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b c *s"]:
    """Relaxed Bernoulli sample: sigmoid((log(p / (1 - p)) + beta l) / tau), l logistic noise.

    Written as a quotient of the two odds instead of a sigmoid of a logarithm: the same number,
    but the gradient survives at p = 0 and p = 1.

    Args:
        probs: probabilities p in [0, 1].
        beta: noise scale, 0 or more; 0 draws no noise, and with ``tau`` 1 gives p itself.
        tau: temperature, above 0; small values push the sample towards 0 and 1.
        generator: source of the noise, on the device of ``probs``.
    Returns:
        Values in [0, 1], at least in single precision; above 0.5 means object.
    Equation: :eq:`eq-relaxed-binary`
    Reference: Menten et al., A skeletonization algorithm for gradient-based optimization,
        ICCV 2023, section 3.3.
    """
    # Half precision cannot hold the small numbers below.
    p = probs.to(torch.promote_types(probs.dtype, torch.float32))
    inside, outside = p + _EPSILON, 1 - p + _EPSILON
    if beta > 0:
        uniform = torch.rand(p.shape, generator=generator, dtype=p.dtype, device=p.device)
        uniform = uniform.clamp(1e-6, 1 - 1e-6)
        outside = outside * ((1 - uniform) / uniform) ** beta
    if tau != 1:
        inside, outside = inside ** (1 / tau), outside ** (1 / tau)
    return inside / (inside + outside)
