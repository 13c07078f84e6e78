"""The core alone: what needs no extra works, all else is one line with the command to type."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest

from tubekit import _extras
from tubekit._extras import MissingExtra, extra

from .core_only import PROJECT, ROOT, closure, normal

CORE = ("losses", "metrics", "geometry", "networks", "phantoms", "data", "types")


@pytest.fixture(scope="module")
def modules() -> dict[str, list[str]]:
    """Every module of the package and what its import gave, without the extras."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.package.core_only"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("part", CORE)
def test_the_core_needs_no_extra(part: str, modules: dict[str, list[str]]) -> None:
    own = [name for name in modules if f"{name}.".startswith(f"tubekit.{part}.")]
    assert own
    assert not {name: modules[name] for name in own if modules[name]}


def test_other_modules_name_an_extra_that_brings_what_is_missing(
    modules: dict[str, list[str]],
) -> None:
    brings = {name: closure(texts) for name, texts in PROJECT["optional-dependencies"].items()}
    homes = metadata.packages_distributions()
    refused = {name: told for name, told in modules.items() if told}
    assert {"tubekit.training", "tubekit.inference", "tubekit.plots"} <= set(refused)
    for name, (kind, missing, text) in refused.items():
        assert kind == "MissingExtra", (name, text)
        (named,) = re.findall(r"pip install .*\[(\w+)\]", text)
        package = missing.partition(".")[0]
        assert {normal(home) for home in homes[package]} & brings[named], (name, text)
        assert "\n" not in text


def test_the_command_fits_checkout_and_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _extras.command("train") == f'pip install -e "{ROOT}[train]"'
    monkeypatch.setattr(_extras, "checkout", lambda: None)
    address = PROJECT["urls"]["Repository"]
    assert _extras.command("train") == f'pip install "thin-tubes[train] @ git+{address}"'


def test_the_outermost_part_speaks() -> None:
    told = r"^tubekit x needs the package no_such.*\[all\]"
    with (
        pytest.raises(MissingExtra, match=told),
        extra("all", "tubekit x"),
        extra("train", "inner"),
    ):
        import no_such.part  # noqa: F401


def test_a_fault_of_the_library_is_not_taken_for_a_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError) as caught, extra("all", "x"):
        import tubekit.no_such_module  # noqa: F401
    assert not isinstance(caught.value, MissingExtra)


def test_what_is_asked_for_stands_in_the_constraints() -> None:
    pinned = {
        normal(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    wanted = {normal(re.split(r"[\[<>=;]", text)[0]) for texts in lists for text in texts}
    assert wanted - {PROJECT["name"]} <= pinned
