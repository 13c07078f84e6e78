"""Pages written from what ran: status, data; the ledger and the benchmarks have their own files."""

import html
import json
from collections.abc import Mapping, Sequence

from tubekit._html import Html, link, table
from tubekit.bookbuild.benchmarks_page import benchmark_tables
from tubekit.bookbuild.execute import Run
from tubekit.bookbuild.layout import Layout
from tubekit.bookbuild.ledger_page import ledger_page
from tubekit.bookbuild.parts import Part, title
from tubekit.chapters import chapter, known
from tubekit.data.manifest import Manifest, read_manifest
from tubekit.evidence import ledger


def generated(
    layout: Layout, runs: Sequence[Run], chapters: Mapping[str, Sequence[Part]]
) -> dict[str, str]:
    """Name and text of each generated page; ``chapters`` is address to pages of a notebook."""
    titles = {page: title(parts[0].notebook, page) for page, parts in chapters.items()}
    places = {
        page: {place: part.address for part in parts for place in part.places}
        for page, parts in chapters.items()
    }
    return {
        "status.md": status(runs),
        "ledger.md": ledger_page(ledger.rows(), titles, places),
        "data.md": data_page(layout),
        "generated/benchmark-tables.md": benchmark_tables(),
    }


def status(runs: Sequence[Run]) -> str:
    """What ran when, how long it took, with which versions."""
    header = ["Notebook", "Profile", "Finished", "Time", "Peak memory", "Device", "Code", "Data"]
    rows = [
        [
            link(f"notebooks/{run.notebook}.html", run.notebook),
            run.profile,
            run.finished[:16].replace("T", " ") + " UTC",
            duration(run.seconds),
            f"{run.peak_memory_mb:,.0f} MB",
            run.passport["device"],
            run.passport["commit"],
            data_used(run),
        ]
        for run in runs
    ]
    versions = {k: v for run in runs for k, v in run.passport["versions"].items()}
    passports = "\n".join(
        f"```{{dropdown}} Passport of {run.notebook}\n:name: passport-{run.notebook}\n"
        f"~~~json\n{json.dumps(run.passport, indent=1)}\n~~~\n```\n"
        for run in runs
    )
    return f"""(status)=
# Execution status

Every number and figure of the chapters was printed by the runs below. A run is repeated as soon as
its code, the library, a pinned version, a data manifest, the data present or its parameters change.
Time and memory include every process the notebook started.

{table("Runs behind the pages", header, rows).text}

## Versions

{table("Main packages of these runs", ["Package", "Version"], sorted(versions.items())).text}

```{{dropdown}} Every installed package
~~~{{literalinclude}} /_src/constraints.txt
:language: text
~~~
```

## Passports

A passport is what a run wrote about itself. Two of them side by side show why two machines differ.

{passports}"""


def data_page(layout: Layout) -> str:
    """The data sets as their manifests describe them."""
    manifests = [read_manifest(path) for path in sorted(layout.manifests.glob("*.toml"))]
    header = ["Name", "Task", "Axes", "Cases (train, val, test)", "Access", "Licence", "Chapter"]
    links = _chapters_training_on()
    rows = []
    for m in manifests:
        split = f"{len(m.splits.train)}, {len(m.splits.val)}, {len(m.splits.test)}"
        licence = f'<a href="{html.escape(m.licence.url)}">{html.escape(m.licence.name)}</a>'
        if m.licence.checked:
            licence += f" ({m.licence.checked})"
        cells = [
            m.name,
            m.task,
            f"{m.dimensions}-D",
            split if m.cases else "on your disk",
            m.access,
            Html(licence),
            Html(links.get(m.name, "–")),
        ]
        rows.append(cells)
    return f"""(data)=
# Data sets

Written from the manifests in `data_manifests/`, one TOML file a data set. Each lists every
file with its public address and its SHA-256; a file that differs is refused. Images of one patient
never stand on both sides of a split. The date beside a licence says when its text was last read.
Where a set cannot be fetched the chapters show a phantom and say so; `tubekit data list` shows what
your machine has. The last column is read from the recipes: a set without a chapter can be fetched
and read like the others, and no result of the book rests on it.

{table("Data sets", header, rows).text}

{"".join(_data_section(m) for m in manifests)}"""


def _chapters_training_on() -> dict[str, str]:
    """Data set to links to the chapters whose recipes name it."""
    links: dict[str, str] = {}
    for room in map(chapter, known()):
        number = room.page.rpartition("/")[2][:2]
        for name in room.data_sets():
            before = f"{links[name]}, " if name in links else ""
            links[name] = before + link(f"{room.page}.html", number).text
    return links


def _data_section(m: Manifest) -> str:
    pages = [f"- <{p.url}>" + (f": {p.note}" if p.note else "") for p in m.upstream.values()]
    sources = "\n".join([*pages, *_origins(m)])
    classes = ", ".join(
        f"{value}: {name}" for value, name in zip(m.labels.values, m.labels.names, strict=True)
    )
    spacing = m.spacing.note or m.spacing.rule
    remarks = "\n".join(f"- {remark}" for remark in m.remarks)
    return f"""(data-{m.name})=
## {m.title}

`{m.name}`, version {m.version}. {m.citation}

- Stored label values: {classes}
- Spacing: {spacing}
- Preprocessing: {m.preprocessing}
{remarks}
{f"- **Masks drawn by a program, no truth:** {', '.join(m.automatic)}" if m.automatic else ""}
{f"- How to obtain it: {m.obtain}" if m.obtain else ""}

{"Sources:" if sources else ""}

{sources}

"""


def _origins(m: Manifest) -> list[str]:
    """One line per public repository: commit, what comes from it, and how it is converted."""
    roles: dict[str, list[str]] = {}
    for role, origin in m.origin.items():
        place = f"<https://github.com/{origin.repository}>, commit `{(origin.commit or '')[:12]}`"
        copied = "unchanged" if origin.conversion == "identity" else f"`{origin.conversion}`"
        roles.setdefault(place if origin.repository else f"<{origin.url}>", []).append(
            f"{role} {copied}"
        )
    return [f"- {place}: {', '.join(files)}" for place, files in roles.items()]


def duration(seconds: float) -> str:
    """Seconds below two minutes, else minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def data_used(run: Run) -> str:
    """The run's data sets with their kind, from its passport."""
    return ", ".join(f"{d['name']} ({d['source']})" for d in run.passport["data"]) or "none"
