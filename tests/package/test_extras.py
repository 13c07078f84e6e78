"""The core alone: what needs no extra works, all else is one line with the command to type."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
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


def test_other_modules_are_one_line_with_the_command(modules: dict[str, list[str]]) -> None:
    refused = {name: told for name, told in modules.items() if told}
    assert {"tubekit.training", "tubekit.inference", "tubekit.plots"} <= set(refused)
    for name, (kind, text) in refused.items():
        assert kind == "MissingExtra", (name, text)
        assert re.search(r"type: pip install .*\[\w+\]", text)
        assert "\n" not in text


def test_each_extra_brings_what_is_imported_below_its_name() -> None:
    brings = {name: closure(texts) for name, texts in PROJECT["optional-dependencies"].items()}
    homes = metadata.packages_distributions()
    seen = set()
    for path in sorted((ROOT / "tubekit").rglob("*.py")):
        for name, package in _asked_for(ast.parse(path.read_text(encoding="utf-8"))):
            seen.add(name)
            assert {normal(home) for home in homes[package]} & brings[name], (path, name, package)
    assert {"data", "train", "evaluate", "plots", "book", "test"} <= seen


def _asked_for(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(extra, package) of the imports inside ``with extra(...)``, of other projects."""
    for block in ast.walk(tree):
        if not isinstance(block, ast.With) or not isinstance(block.items[0].context_expr, ast.Call):
            continue
        call = block.items[0].context_expr
        if ast.unparse(call.func) != "extra":
            continue
        for line in block.body:
            if isinstance(line, ast.ImportFrom):
                names = [line.module or ""]
            else:
                names = [alias.name for alias in line.names] if isinstance(line, ast.Import) else []
            for package in {name.partition(".")[0] for name in names} - {"tubekit"}:
                yield ast.literal_eval(call.args[0]), package


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
