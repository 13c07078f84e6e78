"""What is generated in a manifest: public address, hash, size and conversion of every file.

``python -m tubekit.data.upstream`` writes this part from a table; nobody types it.
"""

import os
from typing import Annotated, NamedTuple
from urllib.parse import quote

from pydantic import Field, model_validator

from tubekit.data.schema import Options, PathPattern, RelativePath, Role, Strict

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(gt=0)]
OTHERS = "others"
PUBLIC_HOST = "https://raw.githubusercontent.com"


def public_host() -> str:
    """``$TUBEKIT_PUBLIC_HOST``, a server with the same paths, else that of GitHub's raw files."""
    return os.environ.get("TUBEKIT_PUBLIC_HOST", PUBLIC_HOST).rstrip("/")


class Origin(Strict):
    """Where the files of one role come from: a commit of a public repository, or any address.

    ``path``: below the commit or address, with ``{id}`` and ``{part}``, where one rule fits most.
    """

    repository: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    commit: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    url: str | None = Field(default=None, pattern=r"^https?://")
    path: PathPattern | None = None
    conversion: str = "identity"

    @model_validator(mode="after")
    def _one_place(self) -> "Origin":
        if (self.url is None) != bool(self.repository and self.commit):
            raise ValueError("an origin needs repository and commit, or else url")
        return self

    def address(self, path: str) -> str:
        """Address of one file."""
        base = self.url or f"{public_host()}/{self.repository}/{self.commit}"
        return f"{base.rstrip('/')}/{quote(path)}"


class UpstreamFile(Strict):
    """One file as it is published; without ``path`` the origin's rule fits."""

    sha256: Hash
    bytes: Size
    path: RelativePath | None = None


class FileFacts(Strict):
    """What must come out: SHA-256 of the file, its size, and SHA-256 of its decoded content.

    ``content`` lets a file pass that another version of an encoder packed differently.
    ``upstream``: the files that it is made of, in order; empty for a plain copy by the rule.
    """

    sha256: Hash | None = None
    bytes: Size | None = None
    content: Hash | None = None
    upstream: list[UpstreamFile] = Field(default_factory=list)
    options: Options = Options()


class Source(NamedTuple):
    """One download and what must arrive."""

    url: str
    sha256: str
    bytes: int


class File(NamedTuple):
    """One file of a data set, ready to be looked up, downloaded, converted and checked.

    ``case_id`` is empty for files that no case reads; their role is ``others``.
    """

    data_set: str
    case_id: str
    role: Role
    path: str
    facts: FileFacts
    sources: tuple[Source, ...]
    conversion: str
    options: Options
