"""Names, addresses and versions that stand in several files, and names imported when asked for."""

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import tubekit
from tubekit import _extras, _version

from .core_only import PROJECT, ROOT

LAZY = ("tubekit", "tubekit.data", "tubekit.interop")


def test_one_name_one_address_one_version() -> None:
    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["name"] == _extras.DISTRIBUTION
    addresses = {config["repository"]["url"], citation["repository-code"], _extras.REPOSITORY}
    assert addresses == {PROJECT["urls"]["Repository"]}
    assert PROJECT["version"] == str(citation["version"])
    assert PROJECT["authors"] == citation["authors"]
    # 0+checkout: on the path without being installed.
    assert tubekit.__version__ in (PROJECT["version"], "0+checkout")


def test_without_metadata_the_version_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "DISTRIBUTION", "no-such-distribution")
    try:
        assert importlib.reload(_version).__version__ == "0+checkout"
    finally:
        monkeypatch.undo()
        importlib.reload(_version)


def test_no_page_installs_another_project_s_package() -> None:
    texts = [p for p in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CONVENTIONS.md")]
    for folder, suffixes in (("book", (".md",)), ("notebooks", (".md",)), ("tubekit", (".py",))):
        texts += [p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes]
    told = re.compile(r"pip install [^\n]*?(?<![\w/\]-])tubekit(?![\w/])")
    assert told.search("pip install -U tubekit")
    for path in texts:
        assert not told.search(path.read_text(encoding="utf-8")), path


def test_the_package_alone_imports_nothing_and_has_its_parts() -> None:
    code = (
        "import sys, tubekit; print('numpy' in sys.modules, 'torch' in sys.modules);"
        "print(tubekit.losses.SoftDiceLoss.__name__, tubekit.data.read_image.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False", "SoftDiceLoss", "read_image"], done.stderr


@pytest.mark.parametrize("name", LAZY)
def test_every_public_name_is_there(name: str) -> None:
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match=f"module {name!r} has no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.parametrize("name", LAZY[1:])
def test_no_module_hides_a_public_name(name: str) -> None:
    """A module takes its name in the package once it is imported."""
    package = importlib.import_module(name)
    assert not {m.name for m in pkgutil.iter_modules(package.__path__)} & set(package.__all__)


def test_wheel_and_checkout_agree_on_the_folders_beside_the_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    mapped = wheel["targets"]["wheel"]["sources"]
    from tubekit import _folders

    assert mapped == {there: f"tubekit/shipped/{name}" for name, there in _folders._BESIDE.items()}
    assert all((ROOT / there).is_dir() for there in mapped)
