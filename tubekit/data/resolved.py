"""Where the verified files of the cases of a data set are; else why they are unavailable."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tubekit.data.fetch import obtain
from tubekit.data.integrity import IntegrityError
from tubekit.data.manifest import Manifest
from tubekit.data.places import Place, local_folders, open_manifest
from tubekit.data.schema import Role


class DataUnavailable(RuntimeError):
    """The real data are not here and cannot be fetched; callers show a phantom with a badge."""


@dataclasses.dataclass(frozen=True)
class Resolved:
    """Where the files of the cases are.

    Attributes:
        manifest: of the data set, with the cases found on disk where it lists none.
        files: case id to role to path.
        source: case id to where it was found.
        unavailable: case id to the reason why it was not.

    Example:
        >>> resolve("chase_db1").files["Image_01L"]["image"]  # doctest: +SKIP
    """

    manifest: Manifest
    files: Mapping[str, Mapping[Role, Path]]
    source: Mapping[str, Place]
    unavailable: Mapping[str, str]


def resolve(
    name: str,
    case_ids: Sequence[str] | None = None,
    *,
    offline: bool = False,
    partial: bool = False,
) -> Resolved:
    """Find, fetch and verify the files of a data set.

    Order: ``$TUBEKIT_<NAME>_DIR``, ``$TUBEKIT_MIRROR`` (a folder, or an http address that serves
    the same files), the user cache, download. ``$TUBEKIT_OFFLINE=1`` forbids the network.

    Args:
        name: of the data set.
        case_ids: these cases, each of which must be found; ``None``: all that can be found.
        offline: never use the network.
        partial: of ``case_ids``, too, those that can be found.
    Raises:
        ValueError: unknown data set or case.
        DataUnavailable: an asked case, or every case, cannot be found.
        IntegrityError: a file that was found is not the one that the manifest describes.

    Example:
        >>> resolve("chase_db1", ["Image_01L"])  # doctest: +SKIP
    """
    manifest = open_manifest(name)
    wanted = [c.id for c in manifest.cases] if case_ids is None else list(case_ids)
    of_case = {case_id: manifest.case_files(case_id) for case_id in wanted}
    found, reasons = obtain(manifest, [f for fs in of_case.values() for f in fs], offline)
    for reason in reasons.values():
        if isinstance(reason, IntegrityError):
            raise reason
    files: dict[str, dict[Role, Path]] = {}
    source: dict[str, Place] = {}
    unavailable: dict[str, str] = {}
    for case_id, wanted_files in of_case.items():
        lacking = [str(reasons[f.path]) for f in wanted_files if f.path in reasons]
        if lacking:
            unavailable[case_id] = lacking[0]
        else:
            files[case_id] = {f.role: found[f.path][0] for f in wanted_files}
            source[case_id] = found[wanted_files[-1].path][1]
    if (case_ids is not None and unavailable and not partial) or not files:
        raise DataUnavailable(_why(manifest, unavailable))
    return Resolved(manifest, files, source, unavailable)


def _why(manifest: Manifest, reasons: Mapping[str, object]) -> str:
    """One sentence: where a data set was looked for, what came, and the remedy."""
    remedy = (
        manifest.obtain
        or "run 'tubekit data fetch' with a network, or point TUBEKIT_MIRROR at a mirror"
    )
    folders = " or ".join(str(folder) for _, folder in local_folders(manifest))
    first = next(iter(reasons.items()), None)
    got = f"{len(reasons)} missing, first {first[0]} ({first[1]})" if first else "no case"
    return f"{manifest.name}: expected its files in {folders}, got {got}; {remedy}"
