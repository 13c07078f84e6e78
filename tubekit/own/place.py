"""The folder of a model: new, of an unfinished training, or finished; and whose it is."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tubekit.data.decode import content_sha256
from tubekit.data.storage import write_atomic
from tubekit.own.folder import Entry
from tubekit.own.model import CARD, UNFINISHED
from tubekit.own.settings import Settings

TASK = "training.json"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a training writes.

    Attributes:
        folder: of the model.
        task: settings, device and the SHA-256 of every file: what must agree to go on.
        finished: the folder holds the model of this very task.
    """

    folder: Path
    task: dict[str, Any]
    finished: bool

    @classmethod
    def of(cls, folder: Path, settings: Settings, device: str, entries: Sequence[Entry]) -> "Place":
        """Look, and write nothing.

        Raises:
            ValueError: the folder is a file, holds something else, or another training.
        """
        task = {
            "settings": dataclasses.asdict(settings),
            "device": device,
            "files": {
                name: [content_sha256(image), content_sha256(label)]
                for name, image, label, _ in entries
            },
        }
        task = json.loads(json.dumps(task))
        finished = (folder / CARD).is_file()
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"expected a folder for the model, got the file {folder}; rename it")
        begun = folder / (CARD if finished else f"{UNFINISHED}/{TASK}")
        if begun.is_file():
            there = _read(begun)
            there = there.get("training", {}) if finished else there
            if there != task:
                raise ValueError(
                    f"expected the arguments and files with which {folder} was begun, got "
                    f"{_differences(there, task)}; repeat those, or save into another folder"
                )
        elif folder.is_dir() and any(folder.iterdir()):
            raise ValueError(
                f"expected a new or empty folder for the model, got {folder} with other files; "
                "choose another"
            )
        return cls(folder, task, finished)

    @property
    def checkpoint(self) -> Path:
        return self.folder / UNFINISHED / "checkpoint"

    def begin(self) -> None:
        """Make the folder and say whose it is, which also shows that it can be written."""
        text = json.dumps(self.task, indent=1)
        write_atomic(self.folder / UNFINISHED / TASK, text.encode())

    def end(self) -> None:
        """Remove what only a resumed training needs."""
        shutil.rmtree(self.folder / UNFINISHED, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """What has changed, in words."""
    before, now = there.get("settings", {}), here["settings"]
    words = [
        f"{name} {now.get(name)} instead of {before.get(name)}"
        for name in {**before, **now}
        if now.get(name) != before.get(name)
    ]
    if there.get("device") != here["device"]:
        words.append(f"device {here['device']} instead of {there.get('device')}")
    old, new = there.get("files", {}), here["files"]
    words += [f"another image {name}" for name in new if name not in old]
    words += [f"no image {name}" for name in old if name not in new]
    words += [f"changed files of {name}" for name in new if name in old and new[name] != old[name]]
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")
