"""Figures of the book: overlays, curves, tables and rotatable surfaces."""

from tubekit._extras import extra
from tubekit._html import Html

with extra("plots", __name__):
    from tubekit.plots.curves import bars, training_curves
    from tubekit.plots.diagram import diagram
    from tubekit.plots.figures import png_bytes, show
    from tubekit.plots.mesh3d import Surface, tree_mesh
    from tubekit.plots.neighbourhood import draw_neighbourhood
    from tubekit.plots.overlays import (
        class_map,
        outline,
        overlay,
        show_images,
        skeleton_overlay,
    )
    from tubekit.plots.rotatable import rotatable
    from tubekit.plots.still import camera_axes, still_figure
    from tubekit.plots.style import (
        BOOK_STYLE,
        CLASS_COLOURS,
        OKABE_ITO,
        SERIES,
        book_style,
        class_colours,
        panels,
    )
    from tubekit.plots.tables import table_html

__all__ = [
    "BOOK_STYLE",
    "CLASS_COLOURS",
    "OKABE_ITO",
    "SERIES",
    "Html",
    "Surface",
    "bars",
    "book_style",
    "camera_axes",
    "class_colours",
    "class_map",
    "diagram",
    "draw_neighbourhood",
    "outline",
    "overlay",
    "panels",
    "png_bytes",
    "rotatable",
    "show",
    "show_images",
    "skeleton_overlay",
    "still_figure",
    "table_html",
    "training_curves",
    "tree_mesh",
]
