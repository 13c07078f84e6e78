"""Bridges to other frameworks; nothing else in the library knows them."""

from tubekit.interop.layers import Layer
from tubekit.interop.napari import Still, open_viewer, screenshot

__all__ = ["Layer", "Still", "open_viewer", "screenshot"]
