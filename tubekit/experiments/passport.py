"""Run passport: what a notebook run used, took and found, for the reader and for the build."""

import json
import os
import time
from html import escape
from pathlib import Path
from typing import Any, Literal

from tubekit import _machine
from tubekit._extras import extra
from tubekit._html import table
from tubekit.data import load_manifest
from tubekit.experiments.data import first_cases
from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.record import Source, write_text
from tubekit.plots import Html
from tubekit.training import resolve_device
from tubekit.types import Case

with extra("book", __name__):
    from IPython.display import display

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

    def cases(
        self, name: str, stand_in: str, *, limit: int = 1, scale: float = 1.0, seed: int = 0
    ) -> list[Case]:
        """A few training cases for pictures, noted; phantoms with a badge where they are absent.

        Args:
            name: data set.
            stand_in: phantom, drawn with ``seed``, that takes its place.
            limit: most cases.
            scale: factor on the size of real images.
        """
        cases, source = first_cases(name, stand_in, limit=limit, scale=scale, seed=seed)
        self.data_used(load_manifest(name).short_title, source, stand_in=stand_in)
        return cases

    def data_used(self, name: str, source: Source | Literal["records"], stand_in: str = "") -> None:
        """Note a data set, once per name and source.

        Args:
            name: as the reader knows it.
            source: what came.
            stand_in: phantom that takes its place; where it did, the page shows a badge.
        """
        absent = bool(stand_in) and source == "phantom"
        if absent:
            display(Html(badge(name, stand_in)))
        entry = {
            "name": f"{stand_in} phantom" if absent else name,
            "source": source,
            "in_place_of": name if absent else "",
        }
        if entry not in self.facts["data"]:
            self.facts["data"].append(entry)

    def verdicts(self, counts: dict[str, int]) -> None:
        """Add verdict counts of one table."""
        for word, count in counts.items():
            self.facts["verdicts"][word] = self.facts["verdicts"].get(word, 0) + count

    def finish(self) -> "Passport":
        """Complete the passport; write it where the build asks for it, and show it in the page."""
        self.facts["seconds"] = round(time.perf_counter() - self._began, 1)
        self.facts["peak_memory_mb"] = round(_machine.peak_memory() / 1e6, 0)
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


def badge(name: str, stand_in: str) -> str:
    """HTML that says which real data are missing, and what is shown instead."""
    return (
        f'<p class="phantom-badge"><strong>Phantom.</strong> The files of {escape(name)} are not '
        f"on this machine; a {escape(stand_in)} phantom stands in.</p>"
    )
