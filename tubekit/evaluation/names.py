"""Names of classes, as people type them and as ``dataset.json`` of nnU-Net has them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def class_names(text: str) -> dict[int, str]:
    """Names by class index, 0 for the background.

    Args:
        text: names from the background on with commas between them, e.g. ``background,artery``; or
            a JSON file with a list of names, with names by index, or with either under ``labels``.
    Raises:
        ValueError: no such file, or one that says something else; an empty name or two equal ones.

    Example:
        >>> class_names("background,artery,vein")
        {0: 'background', 1: 'artery', 2: 'vein'}
    """
    if text.lower().endswith(".json"):
        names = _from_json(Path(text).expanduser())
    else:
        names = dict(enumerate(part.strip() for part in text.split(",")))
    values = list(names.values())
    if len(set(values)) < len(values) or any(not n or "/" in n for n in values):
        raise ValueError(
            f"expected different names without a slash, got {values}; e.g. background,artery,vein"
        )
    if taken := {"mean", "union"} & set(values):
        raise ValueError(
            f"expected names of classes, got {taken.pop()}, which is a column; choose another"
        )
    return names


def _from_json(path: Path) -> dict[int, str]:
    try:
        content: Any = json.loads(path.read_text())
        content = content.get("labels", content) if isinstance(content, Mapping) else content
        if isinstance(content, list):
            return dict(enumerate(map(str, content)))
        names = {}
        for key, value in content.items():
            # nnU-Net writes names to numbers, and wrote numbers to names before.
            number, name = (int(key), value) if str(key).isdecimal() else (value, key)
            if not isinstance(number, int) or not isinstance(name, str):
                raise ValueError(f"{key!r}: {value!r}")
            names[number] = name
        return names
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected JSON with names of classes, e.g. "
            f'{{"labels": {{"background": 0, "artery": 1}}}}, got {error}; correct the file'
        ) from error
