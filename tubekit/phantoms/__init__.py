"""Synthetic vessels whose centre line, radius and topology are known exactly."""

from tubekit.phantoms.canal import canal_phantom
from tubekit.phantoms.cases import phantom_cases
from tubekit.phantoms.circle_of_willis import ARTERIES, circle_of_willis_phantom
from tubekit.phantoms.damage import Damage, cut_gaps, drop_branches, shift, thin
from tubekit.phantoms.fundus import fundus_phantom
from tubekit.phantoms.grow import grow_tree
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
    "KnownSolid",
    "Phantom",
    "Raster",
    "Root",
    "Tree",
    "canal_phantom",
    "circle_of_willis_phantom",
    "cut_gaps",
    "drop_branches",
    "euler_number",
    "fundus_phantom",
    "grow_tree",
    "known_solids",
    "murray_angles",
    "murray_radii",
    "phantom_cases",
    "rasterise",
    "shift",
    "thin",
    "vascular_phantom",
]
