"""The generic loss with its gradient, against MONAI: the same targets, checks included."""

import functools
from collections.abc import Iterator

from torch import Tensor

from tubekit._extras import extra
from tubekit.benchmarks.distance_losses import loss_row
from tubekit.benchmarks.measure import Row
from tubekit.losses import DiceCELoss

with extra("test", __name__):
    from monai.losses import DiceCELoss as MonaiDiceCE

SIDE = 64


def rows() -> Iterator[Row]:
    """One class with a sigmoid, and two and thirteen with a softmax, at 64 x 64 x 64."""
    for classes in (1, 2, 13):
        one = classes == 1
        peer = MonaiDiceCE(
            include_background=one,
            to_onehot_y=not one,
            softmax=not one,
            sigmoid=one,
            smooth_nr=1e-5,
            smooth_dr=1e-5,
        )
        volume = f"{classes} {'class' if one else 'classes'}, {SIDE} x {SIDE} x {SIDE}"
        yield loss_row(
            f"Dice and cross-entropy forward and backward, {volume}",
            DiceCELoss(),
            functools.partial(_with_shares, peer) if one else peer,
            classes,
            SIDE,
            time_target=1.0,
        )


def _with_shares(peer: MonaiDiceCE, logits: Tensor, target: Tensor) -> Tensor:
    """Its cross-entropy of a sigmoid takes no whole numbers."""
    value: Tensor = peer(logits, target.float())
    return value
