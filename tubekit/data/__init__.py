"""Data sets: manifests, verified files, readers, splits, target maps, patches."""

from tubekit.data.archive import ArchiveError, extract
from tubekit.data.dataset import describe, downscale, load_cases
from tubekit.data.decode import ReadError
from tubekit.data.download import DownloadError
from tubekit.data.encode import write_label
from tubekit.data.fetch import DataUnavailable, IntegrityError, Resolved, resolve, verify
from tubekit.data.manifest import Manifest, known_names, load_manifest, read_manifest
from tubekit.data.normalisation import normalise
from tubekit.data.readers import read_case, read_image, read_label
from tubekit.data.sampling import PatchSampler
from tubekit.data.splits import check_patient_wise, kfold
from tubekit.data.targets import cached_target_map, target_map

__all__ = [
    "ArchiveError",
    "DataUnavailable",
    "DownloadError",
    "IntegrityError",
    "Manifest",
    "PatchSampler",
    "ReadError",
    "Resolved",
    "cached_target_map",
    "check_patient_wise",
    "describe",
    "downscale",
    "extract",
    "kfold",
    "known_names",
    "load_cases",
    "load_manifest",
    "normalise",
    "read_case",
    "read_image",
    "read_label",
    "read_manifest",
    "resolve",
    "target_map",
    "verify",
    "write_label",
]
