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

    Reference: Isensee et al., Nature Methods 18, 2021.
    """
    return SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=True)


def adamw(
    params: Iterable[Parameter], *, lr: float = 1e-3, weight_decay: float = 0.01
) -> Optimizer:
    """Adam with decoupled weight decay; converges faster than SGD in a few hundred steps.

    Reference: Loshchilov and Hutter, ICLR 2019.
    """
    return AdamW(params, lr=lr, weight_decay=weight_decay)
