"""Run passport: what a notebook run used, took and found, for the reader and for the build."""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Literal

from tubekit._html import table
from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.record import write_text
from tubekit.training import resolve_device

ENVIRONMENT_VARIABLE = "TUBEKIT_PASSPORT"


class Passport:
    """Collects facts during a notebook run; ``finish`` stores and shows them."""

    def __init__(self, notebook: str, profile: str, seed: int, device: str) -> None:
        self._began = time.perf_counter()
        self.facts: dict[str, Any] = {
            "notebook": notebook,
            "profile": profile,
            "seed": seed,
            "device": device_name(resolve_device(device)),
            "commit": commit(),
            "versions": versions(),
            "started": now(),
            "data": [],
            "verdicts": {},
        }

    def data_used(
        self, name: str, source: Literal["real", "phantom", "records"], detail: str = ""
    ) -> None:
        """Note a data set, once per name and source."""
        entry = {"name": name, "source": source, "detail": detail}
        if entry not in self.facts["data"]:
            self.facts["data"].append(entry)

    def verdicts(self, counts: dict[str, int]) -> None:
        """Add verdict counts of one table."""
        for word, count in counts.items():
            self.facts["verdicts"][word] = self.facts["verdicts"].get(word, 0) + count

    def finish(self) -> "Passport":
        """Complete the passport; write it where the build asks for it, and show it in the page."""
        self.facts["seconds"] = round(time.perf_counter() - self._began, 1)
        self.facts["peak_memory_mb"] = round(_peak_memory_mb(), 0)
        self.facts["finished"] = now()
        target = os.environ.get(ENVIRONMENT_VARIABLE)
        if target:
            write_text(Path(target), json.dumps(self.facts, indent=1))
        return self

    def _repr_html_(self) -> str:
        facts = self.facts
        rows = {
            "Profile": facts["profile"],
            "Seed": facts["seed"],
            "Device": facts["device"],
            "Data": ", ".join(f"{d['name']} ({d['source']})" for d in facts["data"]) or "none",
            "Verdicts": ", ".join(f"{k}: {v}" for k, v in facts["verdicts"].items()) or "none",
            "Seconds": facts.get("seconds", "running"),
            "Peak memory": f"{facts.get('peak_memory_mb', 0):.0f} MB",
            "Code": facts["commit"],
            "Versions": ", ".join(f"{k} {v}" for k, v in facts["versions"].items()),
            "Finished": facts.get("finished", ""),
        }
        return table("Run passport", (), rows.items(), kind="passport").text


def start(notebook: str, profile: str, *, seed: int = 0, device: str = "auto") -> Passport:
    """Open the passport in a notebook's first cells."""
    return Passport(notebook, profile, seed, device)


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes on Linux
    return peak * unit / 1e6
