"""Optimisers of the recipes, as functions that a Spec can name."""

from collections.abc import Iterable

from torch.nn import Parameter
from torch.optim import SGD, AdamW, Optimizer


def nnunet_sgd(
    params: Iterable[Parameter],
    *,
    lr: float = 0.01,
    momentum: float = 0.99,
    weight_decay: float = 3e-5,
) -> Optimizer:
    """Stochastic gradient descent with Nesterov momentum and the values of nnU-Net v2.

    Args:
        params: of the network.
        lr: learning rate, positive.
        momentum: share of the last step that is kept, in (0, 1).
        weight_decay: factor on the weights that is added to the gradient, 0 or more.

    Example:
        >>> from torch import nn
        >>> from tubekit.training import nnunet_sgd
        >>> nnunet_sgd(nn.Linear(2, 1).parameters()).param_groups[0]["momentum"]
        0.99

    Reference: Isensee et al., Nature Methods 18, 2021.
    """
    return SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=True)


def adamw(
    params: Iterable[Parameter], *, lr: float = 1e-3, weight_decay: float = 0.01
) -> Optimizer:
    """Adam with decoupled weight decay; converges faster than SGD in a few hundred steps.

    Args:
        params: of the network.
        lr: learning rate, positive.
        weight_decay: share of each weight that a step of rate 1 takes away, 0 or more.

    Example:
        >>> from torch import nn
        >>> from tubekit.training import adamw
        >>> adamw(nn.Linear(2, 1).parameters(), lr=2e-3).param_groups[0]["lr"]
        0.002

    Reference: Loshchilov and Hutter, ICLR 2019.
    """
    return AdamW(params, lr=lr, weight_decay=weight_decay)
