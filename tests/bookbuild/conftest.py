"""A small checkout in a temporary folder: one notebook, one manifest, one library file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tubekit.bookbuild.layout import Layout

EXTENSIONS = Path(__file__).resolve().parents[2] / "book" / "_ext"
HEADER = """\
---
jupytext:
  formats: md:myst,ipynb
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""
PARAMETERS = """\
```{code-cell} ipython3
:tags: [parameters]

profile = "smoke"
seed = 0
device = "cpu"
```
"""
# Without importing the library, so that a test does not wait for torch.
PASSPORT = """\
```{code-cell} ipython3
import json, os, pathlib
facts = {"notebook": "00_small", "profile": profile, "device": device, "commit": "none",
         "versions": {}, "data": [{"name": "tree", "source": "phantom"}], "verdicts": {}}
written = pathlib.Path(os.environ["TUBEKIT_PASSPORT"]).write_text(json.dumps(facts))
```
"""
MANIFEST = """\
name = "toy"
version = "1"
title = "Toy"
task = "nothing"
dimensions = 2
access = "open"
folder = "toy"
citation = "none"
preprocessing = "none"
group_pattern = "^([0-9]+)"
upstream = {}
[licence]
name = "CC0"
url = "https://creativecommons.org/publicdomain/zero/1.0/"
checked = 2026-01-01
[labels]
names = ["background", "tube"]
values = [0, 1]
[spacing]
rule = "constant"
value = [1.0, 1.0]
[files.image]
path = "images/{id}.png"
"""


def notebook(*cells: str, title: str = "# A small notebook") -> str:
    """A MyST notebook: title, parameters, the given cells, passport."""
    return "\n".join([HEADER, title, "", PARAMETERS, *cells, PASSPORT])


def code(text: str) -> str:
    return f"```{{code-cell}} ipython3\n{text}\n```\n"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("TUBEKIT_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "usercache"))
    monkeypatch.delenv("TUBEKIT_OFFLINE", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    for name, text in {
        "notebooks/00_small.md": notebook(code("print(profile, seed)")),
        "book/_config.yml": "repository: {url: https://github.com/tubekit/tubekit}\n",
        "book/results/chapter/record.json": "{}",
        "tubekit/losses.py": "value = 1\n",
        "tubekit/cli.py": "command = 1\n",
        "constraints.txt": "torch==2.13.0\n",
        "data_manifests/toy.toml": MANIFEST,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Layout.of(tmp_path)


@pytest.fixture
def source(layout: Layout) -> Path:
    return layout.notebook_sources()[0]


def render_page(folder: Path, extension: str, text: str) -> subprocess.CompletedProcess[str]:
    """Render one page with one of the book's own directives into ``folder / "o"``."""
    folder.joinpath("conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\n"
        f"extensions = ['myst_parser', {extension!r}]\nmyst_enable_extensions = ['dollarmath']\n"
    )
    folder.joinpath("index.md").write_text(f"# Title\n\n{text}")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    return subprocess.run(
        [*command, str(folder), str(folder / "o")], capture_output=True, text=True
    )
