"""Geometry of masks and probability maps: skeletons, distances, topology, morphology.

Hard operations take NumPy arrays, soft ones (with gradients) take tensors (b c *s).
"""

from tubekit.geometry.distance import distance_transform, signed_distance, surface
from tubekit.geometry.graph import SkeletonBranch, SkeletonGraph, skeleton_graph
from tubekit.geometry.hessian import hessian_eigenvalues
from tubekit.geometry.lines import rasterise_line
from tubekit.geometry.morphology import soft_dilate, soft_erode, soft_open
from tubekit.geometry.reconnect import end_points, reconnect
from tubekit.geometry.skeleton import skeletonize, tubed_skeleton
from tubekit.geometry.soft_skeleton import soft_skeleton
from tubekit.geometry.topological_skeleton import topological_skeleton
from tubekit.geometry.topology import (
    betti_numbers,
    components,
    euler_number,
    fill_holes,
    largest_component,
)
from tubekit.geometry.vesselness import frangi, jerman, meijering, sato

__all__ = [
    "SkeletonBranch",
    "SkeletonGraph",
    "betti_numbers",
    "components",
    "distance_transform",
    "end_points",
    "euler_number",
    "fill_holes",
    "frangi",
    "hessian_eigenvalues",
    "jerman",
    "largest_component",
    "meijering",
    "rasterise_line",
    "reconnect",
    "sato",
    "signed_distance",
    "skeleton_graph",
    "skeletonize",
    "soft_dilate",
    "soft_erode",
    "soft_open",
    "soft_skeleton",
    "surface",
    "topological_skeleton",
    "tubed_skeleton",
]
