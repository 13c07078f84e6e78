"""What people write in a manifest, as pydantic models: strict types, no unknown keys, frozen.

``origin.py`` has the other half, which is generated.
"""

import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Split = Literal["train", "val", "test"]
PART = "label/"
Role = Annotated[str, Field(pattern=r"^(image|valid|label(/[a-z0-9_]+)?)$")]
"""What a file holds; ``label/liver`` is the mask of one structure of the label."""
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def relative(path: str) -> str:
    """The path itself, where it stays inside its data set's folder.

    Raises:
        ValueError: absolute, empty, or with ``..``.
    """
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
        raise ValueError(f"expected a relative path without '..', got {path!r}; write folder/file")
    return path


def filled(pattern: str, case_id: str, part: str) -> str:
    """A path with ``{id}`` and ``{part}`` replaced; still inside the data set's folder.

    Raises:
        ValueError: as ``relative``.
    """
    return relative(pattern.replace("{id}", case_id).replace("{part}", part))


def _pattern(pattern: str) -> str:
    if set(filled(pattern, "id", "part")) & set("{}"):
        raise ValueError(f"expected no braces but {{id}} and {{part}}, got {pattern!r}")
    return pattern


RelativePath = Annotated[str, AfterValidator(relative)]
PathPattern = Annotated[str, AfterValidator(_pattern)]
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


class Page(Strict):
    """A page of the authors, for readers; the addresses of the files are generated."""

    url: str
    note: str = ""


class Labels(Strict):
    """Names of the classes, background first, and the value that the files store for each.

    ``pool``: label maps are drawn on a grid finer than the image by this factor per axis; a pixel
    is foreground where at least half of its area is.
    ``parts``: every structure has a file of its own (role ``label/<structure>``, 0 outside, any
    other value inside) and belongs to the class named; where two overlap the later one counts.
    ``automatic``: cases (names, or patterns such as ``lung_*``) whose masks a program drew. They
    are no truth: such a case may only train.
    """

    names: list[str] = Field(min_length=2, max_length=255)
    values: list[Annotated[int, Field(ge=0, le=65535)]]
    pool: int = Field(default=1, ge=1)
    parts: dict[str, str] = Field(default_factory=dict)
    automatic: list[str] = Field(default_factory=list)

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


class Options(Strict):
    """Parameters of conversions: data, so that a conversion holds no numbers of a data set.

    ``crop``: half-open ranges in array order, (z,) y, x. ``colours``: stored value of a colour,
    ``ff0000 = 2``. ``spacing_um``: micrometres in array order. ``shape``: of a file without header.
    ``member`` and ``slices``: a folder inside an archive, and how many files ``image_<k>`` it has.
    """

    crop: list[Annotated[list[int], Field(min_length=2, max_length=2)]] | None = None
    colours: dict[Annotated[str, Field(pattern="^[0-9a-f]{6}$")], int] | None = None
    spacing_um: list[float] | None = None
    shape: list[int] | None = None
    member: RelativePath | None = None
    slices: int | None = None

    @model_validator(mode="after")
    def _ranges(self) -> "Options":
        if any(not 0 <= low < high for low, high in self.crop or ()):
            raise ValueError("options.crop: every range needs 0 <= first < last + 1")
        return self

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return self.model_dump(exclude_none=True)


class FilePattern(Strict):
    """Where the files of one role lie below the data set's folder.

    ``{id}`` and ``{part}`` (a folder, the same for all cases of a split) are replaced per case.
    ``options`` are for the conversion; ``exceptions`` are those of single cases.
    """

    path: PathPattern
    options: Options = Options()
    exceptions: dict[str, Options] = Field(default_factory=dict)


class Others(Strict):
    """Files that are fetched and verified, but that no case reads: patterns such as ``maps/*``."""

    paths: list[RelativePath] = Field(default_factory=list)
    options: Options = Options()


class CaseEntry(NamedTuple):
    """``group``: everything that must stay in one split (a patient, an acquisition)."""

    id: str
    group: str
    part: str


class Splits(Strict):
    """Case ids of each split."""

    train: list[Identifier] = Field(default_factory=list)
    val: list[Identifier] = Field(default_factory=list)
    test: list[Identifier] = Field(default_factory=list)
