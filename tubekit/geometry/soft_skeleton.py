"""Soft skeleton: a centre line of probabilities, made of minima and maxima."""

from jaxtyping import Float
from torch import Tensor

from tubekit.geometry.morphology import soft_dilate, soft_erode


def soft_skeleton(probs: Float[Tensor, "b c *s"], iterations: int) -> Float[Tensor, "b c *s"]:
    """Collect, layer by layer, what an opening takes away while the object is eroded.

    Write E for the erosion, O for the opening, and I_0 = probs, I_{j+1} = E(I_j). The residue
    R_j = relu(I_j - O(I_j)) joins the skeleton only where the skeleton is not yet present:
    S_0 = R_0 and S_j = S_{j-1} + relu(R_j - S_{j-1} R_j). The result is S at j = ``iterations``.

    Args:
        probs: probabilities in [0, 1], 2-D or 3-D; every channel has its own skeleton.
        iterations: erosions, at least the largest radius in voxels; an object that is thicker
            keeps no skeleton.
    Returns:
        Soft skeleton in [0, 1]. On masks it may have gaps, and a mask that fills the image has
        none at all, since what lies beyond the border takes no part.
    Raises:
        ValueError: not 2 or 3 spatial axes, or ``iterations`` negative.
    Equation: :eq:`eq-soft-skeleton`
    Reference: Shit et al., clDice, CVPR 2021, algorithm 1.
    """
    if iterations < 0:
        raise ValueError(
            f"iterations must be 0 or more, got {iterations}; pass the largest radius in voxels"
        )
    eroded = soft_erode(probs)
    skeleton = (probs - soft_dilate(eroded)).relu()
    for _ in range(iterations):
        # The erosion inside the opening is also the next image: each is computed once.
        image, eroded = eroded, soft_erode(eroded)
        residue = (image - soft_dilate(eroded)).relu()
        skeleton = skeleton + (residue - skeleton * residue).relu()
    return skeleton
