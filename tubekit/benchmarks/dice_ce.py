"""The generic loss with its gradient, against MONAI: the same targets, checks included."""

from collections.abc import Iterator

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
        smooth = {"smooth_nr": 1e-5, "smooth_dr": 1e-5}
        peer = MonaiDiceCE(
            include_background=one, to_onehot_y=not one, softmax=not one, sigmoid=one, **smooth
        )
        volume = f"{classes} {'class' if one else 'classes'}, {SIDE} x {SIDE} x {SIDE}"
        yield loss_row(
            f"Dice and cross-entropy forward and backward, {volume}",
            DiceCELoss(),
            # Its cross-entropy of a sigmoid takes no whole numbers.
            (lambda logits, target: peer(logits, target.float())) if one else peer,
            classes,
            SIDE,
            time_target=1.0,
        )
