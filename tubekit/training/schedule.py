"""Learning-rate schedules: pure functions of the step, so there is no state to save."""

from tubekit._accept import numbers, taking


@taking(numbers)
def poly(step: int, steps: int, *, power: float = 0.9) -> float:
    r"""Factor :math:`(1 - t/T)^{p}` on the learning rate at step ``t`` of ``T``.

    nnU-Net changes the rate once per epoch of 250 steps; here it changes at every step.

    Args:
        step: steps already done, 0 to ``steps``.
        steps: length of the whole training, at least 1.
        power: exponent; 1 is a straight line, 0 keeps the rate constant.
    Returns:
        A factor in [0, 1].
    Raises:
        ValueError: step outside 0..steps.

    Example:
        >>> from tubekit.training import poly
        >>> poly(0, 100), round(poly(50, 100), 3)
        (1.0, 0.536)

    Equation: :eq:`eq-poly`

    Reference: Isensee et al., Nature Methods 18, 2021 (power 0.9).
    """
    if not 0 <= step <= steps or steps < 1:
        raise ValueError(
            f"step must lie in 0..{steps} with steps of at least 1, got {step}; "
            "pass the length of the whole training as steps"
        )
    return float((1 - step / steps) ** power)
