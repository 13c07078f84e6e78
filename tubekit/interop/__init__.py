"""Bridges to other frameworks; nothing else in the library knows them."""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit.interop.layers import Layer
    from tubekit.interop.napari import Still, open_viewer, screenshot

__all__ = ["Layer", "Still", "open_viewer", "screenshot"]

__getattr__ = lazy(__name__, __file__)
