"""Readable names of a chapter's methods, for tables, figures and the ledger."""

import functools
import tomllib

from pydantic import BaseModel, ConfigDict

from tubekit.chapters import chapter as room
from tubekit.evidence import published


class Labels(BaseModel):
    """What ``labels.toml`` of a chapter holds.

    ``grid``: method to the settings that it may choose from, each with its name in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: dict[str, str]
    grid: dict[str, dict[str, str]] = {}


@functools.cache
def labels(chapter: str) -> Labels:
    """Labels of one chapter, from its room."""
    text = (room(chapter).folder / "labels.toml").read_text(encoding="utf-8")
    return Labels.model_validate(tomllib.loads(text))


def method_label(chapter: str, method: str) -> str:
    """Readable name of a method; the paper's own where we give it none.

    Raises:
        ValueError: neither names it.
    """
    ours, printed = labels(chapter), published.load(chapter).methods
    settings = {
        name: f"{ours.methods[of]}, {words}"
        for of, names in ours.grid.items()
        for name, words in names.items()
    }
    known = printed | settings | ours.methods
    if method not in known:
        raise ValueError(
            f"expected a method of {chapter} with a label, got {method!r}; "
            "add it to the chapter's labels.toml"
        )
    return known[method]
