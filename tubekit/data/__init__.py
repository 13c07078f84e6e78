"""Data sets: manifests, verified files, readers, splits, target maps, patches.

Reading needs no extra; downloads need ``[data]``.
"""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit.data.archive import ArchiveError, extract
    from tubekit.data.confidence import confidence_map, relaxation_beta
    from tubekit.data.dataset import describe, downscale, load_cases
    from tubekit.data.decode import ReadError
    from tubekit.data.download import DownloadError
    from tubekit.data.encode import write_label
    from tubekit.data.integrity import IntegrityError
    from tubekit.data.manifest import Manifest, known_names, load_manifest, read_manifest
    from tubekit.data.normalisation import normalise
    from tubekit.data.organ import close_organ_mask, crop_to_valid, inside_closed_organ
    from tubekit.data.preprocess import clip_window, resample
    from tubekit.data.readers import read_case, read_image, read_label
    from tubekit.data.resolved import DataUnavailable, Resolved, resolve
    from tubekit.data.sampling import PatchSampler
    from tubekit.data.slicing import SliceSampler, Together
    from tubekit.data.splits import check_patient_wise, kfold
    from tubekit.data.targets import cached_target_map, target_map
    from tubekit.data.verification import verify
    from tubekit.data.vesselness_channel import with_vesselness

__all__ = [
    "ArchiveError",
    "DataUnavailable",
    "DownloadError",
    "IntegrityError",
    "Manifest",
    "PatchSampler",
    "ReadError",
    "Resolved",
    "SliceSampler",
    "Together",
    "cached_target_map",
    "check_patient_wise",
    "clip_window",
    "close_organ_mask",
    "confidence_map",
    "crop_to_valid",
    "describe",
    "downscale",
    "extract",
    "inside_closed_organ",
    "kfold",
    "known_names",
    "load_cases",
    "load_manifest",
    "normalise",
    "read_case",
    "read_image",
    "read_label",
    "read_manifest",
    "relaxation_beta",
    "resample",
    "resolve",
    "target_map",
    "verify",
    "with_vesselness",
    "write_label",
]

__getattr__ = lazy(__name__, __file__)
