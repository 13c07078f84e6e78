"""Check the files of a data set that are on this machine."""

from collections.abc import Iterator

from tubekit.data.integrity import IntegrityError, check_file
from tubekit.data.origin import File
from tubekit.data.places import on_disk, open_manifest


def verify(name: str) -> Iterator[tuple[File, str]]:
    """Check every listed file that is on this machine, without the network.

    Args:
        name: of the data set.
    Yields:
        The file and ``"ok"``, ``"missing"``, ``"no hash listed"`` or the error's message.

    Example:
        >>> states = {state for _, state in verify("chase_db1")}  # doctest: +SKIP
    """
    manifest = open_manifest(name)
    for file in manifest.all_files():
        here = on_disk(manifest, file)
        if here is None:
            yield file, "missing"
            continue
        try:
            check_file(here[0], file)
            yield file, "ok" if file.facts.sha256 else "no hash listed"
        except IntegrityError as error:
            yield file, str(error)
