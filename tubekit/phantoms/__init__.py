"""Synthetic vessels whose centre line, radius and topology are known exactly."""

from tubekit.phantoms.airway import airway_phantom
from tubekit.phantoms.canal import canal_phantom
from tubekit.phantoms.cases import phantom_cases
from tubekit.phantoms.circle_of_willis import ARTERIES, circle_of_willis_phantom
from tubekit.phantoms.contrast_ct import LiverCT, render_liver_ct
from tubekit.phantoms.coronary import coronary_phantom
from tubekit.phantoms.damage import Damage, cut_gaps, drop_branches, shift, thin
from tubekit.phantoms.fundus import fundus_phantom
from tubekit.phantoms.grow import grow_tree
from tubekit.phantoms.incomplete import (
    IncompleteLabel,
    incomplete_label,
)
from tubekit.phantoms.phantom import Phantom
from tubekit.phantoms.raster import Raster, euler_number, rasterise
from tubekit.phantoms.rule import GrowthRule, Root, murray_angles, murray_radii
from tubekit.phantoms.solids import KnownSolid, known_solids
from tubekit.phantoms.tree import Branch, Tree
from tubekit.phantoms.vascular import vascular_phantom

__all__ = [
    "ARTERIES",
    "Branch",
    "Damage",
    "GrowthRule",
    "IncompleteLabel",
    "KnownSolid",
    "LiverCT",
    "Phantom",
    "Raster",
    "Root",
    "Tree",
    "airway_phantom",
    "canal_phantom",
    "circle_of_willis_phantom",
    "coronary_phantom",
    "cut_gaps",
    "drop_branches",
    "euler_number",
    "fundus_phantom",
    "grow_tree",
    "incomplete_label",
    "known_solids",
    "murray_angles",
    "murray_radii",
    "phantom_cases",
    "rasterise",
    "render_liver_ct",
    "shift",
    "thin",
    "vascular_phantom",
]
