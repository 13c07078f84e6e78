"""The parts of a manifest, as pydantic models: strict types, no unknown keys, frozen."""

import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Split = Literal["train", "val", "test"]
PART = "label/"
Role = Annotated[str, Field(pattern=r"^(image|valid|label(/[a-z0-9_]+)?)$")]
"""What a file holds; ``label/liver`` is the mask of one structure of the label."""
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def _relative(path: str) -> str:
    """A path of a manifest stays inside its data set's folder."""
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
        raise ValueError(f"expected a relative path without '..', got {path!r}; write folder/file")
    return path


RelativePath = Annotated[str, AfterValidator(_relative)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Strict(BaseModel):
    """Unknown keys and wrong types are errors; instances do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Licence(Strict):
    """Licence of the files; ``checked`` is the day on which the statement was last read."""

    name: str
    url: str
    checked: datetime.date | None = None


class Upstream(Strict):
    """A public source. Files lie below ``url``, which names a commit where there is one."""

    url: str
    repository: str | None = None
    commit: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    note: str = ""


class Labels(Strict):
    """Names of the classes, background first, and the value that the files store for each.

    ``pool``: label maps are drawn on a grid finer than the image by this factor per axis; a pixel
    is foreground where at least half of its area is.
    ``parts``: every structure has a file of its own (role ``label/<structure>``, 0 outside, any
    other value inside) and belongs to the class named; where two overlap the later one counts.
    A case that lists ``parts`` has these structures only.
    ``values`` then are the class indices.
    """

    names: list[str] = Field(min_length=2, max_length=255)
    values: list[Annotated[int, Field(ge=0, le=65535)]]
    pool: int = Field(default=1, ge=1)
    parts: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_value_per_name(self) -> "Labels":
        if len(self.values) != len(self.names) or len(set(self.values)) != len(self.values):
            raise ValueError("labels.values needs one distinct stored value per name")
        if stray := sorted(set(self.parts.values()) - set(self.names[1:])):
            raise ValueError(f"labels.parts: no foreground class is named {', '.join(stray)}")
        return self


class SpacingRule(Strict):
    """``header``: from the image file, unit converted. ``constant``: ``value`` in millimetres
    (1.0 for photographs) in array order."""

    rule: Literal["header", "constant"]
    value: list[float] | None = None
    note: str = ""

    @model_validator(mode="after")
    def _value_where_constant(self) -> "SpacingRule":
        if (self.rule == "constant") != bool(self.value) or any(v <= 0 for v in self.value or ()):
            raise ValueError("spacing.value: positive millimetres for 'constant', else absent")
        return self


class Window(Strict):
    """Intensities that matter for the task, in the image's unit; applied on request only."""

    low: float
    high: float
    note: str = ""

    @model_validator(mode="after")
    def _low_below_high(self) -> "Window":
        if not self.low < self.high:
            raise ValueError("window: low must be smaller than high")
        return self


class Shares(Strict):
    """How cases that are found on disk are shared out, e.g. 700, 50 and 250 of 1000."""

    train: int = Field(gt=0)
    val: int = Field(ge=0)
    test: int = Field(gt=0)


class FilePattern(Strict):
    """Where the files of one role lie: ``path`` in the mirror, ``origin`` below ``upstream``.

    ``{id}`` and ``{part}`` (a folder) are replaced per case.
    """

    path: RelativePath
    upstream: str | None = None
    origin: RelativePath | None = None
    conversion: str = "copy"


class FileFacts(Strict):
    """What must come out: SHA-256 of the file, its size, and SHA-256 of its decoded content.

    ``content`` lets a file pass that another version of an encoder packed differently.
    """

    sha256: Hash | None = None
    bytes: int | None = Field(default=None, gt=0)
    content: Hash | None = None
    origin: RelativePath | None = None


class CaseEntry(Strict):
    """``group``: everything that must stay in one split (a patient, an acquisition)."""

    id: Identifier
    group: str
    part: Annotated[str, AfterValidator(lambda part: part and _relative(part))] = ""
    image: FileFacts = FileFacts()
    label: FileFacts = FileFacts()
    valid: FileFacts = FileFacts()
    parts: dict[str, FileFacts] = Field(default_factory=dict)

    def facts(self, role: Role) -> FileFacts:
        """What is known about one of the case's files."""
        if role.startswith(PART):
            return self.parts.get(role.removeprefix(PART), FileFacts())
        found: FileFacts = getattr(self, role)
        return found


class Splits(Strict):
    """Case ids of each split."""

    train: list[str] = Field(default_factory=list)
    val: list[str] = Field(default_factory=list)
    test: list[str] = Field(default_factory=list)


class File(NamedTuple):
    """One file of one case, ready to be looked up, downloaded and checked."""

    data_set: str
    case_id: str
    role: Role
    path: str
    facts: FileFacts
    url: str | None
    conversion: str
