"""Stored measurements of time and memory, with the machine that made them."""

import json
from pathlib import Path
from typing import Any

from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.record import RESULTS, write_text


def write_costs(name: str, rows: list[dict[str, Any]], device: str, root: Path) -> Path:
    """Store measured costs in ``costs/<name>.json``."""
    path = root / "costs" / f"{name}.json"
    passport = {
        "device": device_name(device),
        "versions": versions(),
        "commit": commit(),
        "finished": now(),
    }
    write_text(path, json.dumps({"rows": rows, **passport}, indent=1) + "\n")
    return path


def read_costs(name: str, root: Path = RESULTS) -> dict[str, Any]:
    """Stored costs.

    Raises:
        ValueError: the file is missing or cut short.
    """
    path = root / "costs" / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"no complete cost record {path}; expected the JSON that `tubekit cost` or "
            "`tubekit bench` writes; run that command"
        ) from error
