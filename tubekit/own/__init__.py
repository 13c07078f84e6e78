"""Own images, own network: train on a folder, predict with the very preparation of the training."""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit.own.model import Model, load
    from tubekit.own.prediction import predict
    from tubekit.own.preparation import Preparation
    from tubekit.own.settings import Settings
    from tubekit.own.training import train

__all__ = ["Model", "Preparation", "Settings", "load", "predict", "train"]

__getattr__ = lazy(__name__, __file__)
