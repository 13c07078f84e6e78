"""HarmonySeg: image and vesselness meet by attention, every level is decoded on its own."""

from tubekit.networks.harmonyseg.harmonyseg import HarmonySeg

__all__ = ["HarmonySeg"]
