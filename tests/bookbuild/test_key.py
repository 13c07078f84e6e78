"""The cache key changes with everything that can change an output, and with nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tubekit.bookbuild import key as key_module
from tubekit.bookbuild.execute import parameter_defaults, read
from tubekit.bookbuild.key import code_key, run_key
from tubekit.bookbuild.layout import Layout

from .conftest import code, notebook


def key(layout: Layout, *, offline: bool = False, **parameters: object) -> str:
    source = layout.notebook_sources()[0]
    found = read(source)
    given = {**parameter_defaults(found, source), **parameters}
    return run_key(code_key(found, given, layout), layout, offline=offline)


def write(name: str, text: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return change


def toy(root: Path) -> None:
    path = root / "data_manifests/toy.toml"
    path.write_text(path.read_text().replace('version = "1"', 'version = "2"'))


INGREDIENTS = {
    "code cell": write("notebooks/00_small.md", notebook(code("print(seed)"))),
    "library": write("tubekit/losses.py", "value = 2\n"),
    "new library file": write("tubekit/geometry/skeleton.py", ""),
    "published numbers": write("tubekit/chapters/a/published.toml", ""),
    "exercise checks": write("tubekit/bookbuild/check.py", ""),
    "execution": write("tubekit/bookbuild/execute.py", ""),
    "pins": write("constraints.txt", "torch==2.14.0\n"),
    "manifest": toy,
    "record": write("book/results/chapter/record.json", "[]"),
    "new record": write("book/results/chapter/second.json", "{}"),
    "data in the mirror": write("mirror/toy/images/1.png", "x"),
    "data in the cache": write("usercache/data/toy/images/1.png", "x"),
}
INDIFFERENT = {
    "prose": write("notebooks/00_small.md", notebook("New text.", code("print(profile, seed)"))),
    "presentation": write("tubekit/bookbuild/pages.py", ""),
    "command line": write("tubekit/cli.py", "command = 2\n"),
    "other data": write("mirror/unknown/images/1.png", "x"),
    "page": write("book/intro.md", "# Hello"),
}


@pytest.mark.parametrize("change", INGREDIENTS.values(), ids=INGREDIENTS)
def test_key_changes_with(change: Callable[[Path], object], layout: Layout, tmp_path: Path) -> None:
    before = key(layout)
    change(tmp_path)
    assert key(layout) != before


@pytest.mark.parametrize("change", INDIFFERENT.values(), ids=INDIFFERENT)
def test_key_ignores(change: Callable[[Path], object], layout: Layout, tmp_path: Path) -> None:
    before = key(layout)
    change(tmp_path)
    assert key(layout) == before


def test_key_changes_with_parameters(layout: Layout) -> None:
    keys = {key(layout), key(layout, profile="laptop"), key(layout, seed=1)}
    assert len(keys) == 3


def test_key_changes_with_a_file_of_the_same_name_but_another_size(
    layout: Layout, tmp_path: Path
) -> None:
    write("mirror/toy/images/1.png", "x")(tmp_path)
    before = key(layout)
    write("mirror/toy/images/1.png", "longer")(tmp_path)
    assert key(layout) != before


def test_offline_matters_only_while_data_are_missing(layout: Layout, tmp_path: Path) -> None:
    assert key(layout) != key(layout, offline=True)
    write("mirror/toy/images/1.png", "x")(tmp_path)
    assert key(layout) == key(layout, offline=True)


def test_key_changes_when_a_virtual_screen_appears(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(key_module.shutil, "which", lambda name: None)
    before = key(layout)
    monkeypatch.setattr(key_module.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert key(layout) != before
