"""Chapter 02, HarmonySeg: its data have names here, under which recipes call them."""

from tubekit.chapters.harmonyseg.incomplete import incomplete_split
from tubekit.chapters.harmonyseg.liver import liver_split

__all__ = ["incomplete_split", "liver_split"]
