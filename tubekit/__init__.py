"""tubekit: losses, metrics and networks for thin tubes and small organs.

The library behind the research book. Layers and names: see CONVENTIONS.md.
"""

__version__ = "0.1.0"
