"""Running notebooks: reuse, failure, passports. Each run starts a kernel, so there are few."""

import json
from pathlib import Path

import pytest

from tubekit.bookbuild.execute import execute
from tubekit.bookbuild.layout import BuildError, Layout

from .conftest import HEADER, PARAMETERS, code, notebook


def test_a_run_is_reused_until_its_code_changes(layout: Layout, source: Path) -> None:
    first = execute(source, layout, {"seed": 3})
    assert not first.cached
    assert first.seconds > 0
    assert first.peak_memory_mb > 10
    assert "smoke 3" in str(first.executed.cells)
    again = execute(source, layout, {"seed": 3})
    assert again.cached
    assert again.finished == first.finished
    source.write_text(notebook("More prose.", code("print(profile, seed)")))
    assert execute(source, layout, {"seed": 3}).cached


def test_a_failing_cell_is_named_kept_and_never_reused(layout: Layout, source: Path) -> None:
    source.write_text(
        notebook(code("good = 1"), code("a = 1\nb = a / 0\nc = 2"), code("print('never')"))
    )
    for _ in range(2):  # the second call must fail as the first did
        with pytest.raises(BuildError) as caught:
            execute(source, layout)
        message = str(caught.value)
        assert "00_small.md, code cell 3, line 2: `b = a / 0`" in message
        assert "ZeroDivisionError" in message
    kept = layout.cache / "00_small" / "failed.ipynb"
    assert str(kept) in message
    outputs = [c.get("outputs") for c in json.loads(kept.read_text())["cells"]]
    assert "ZeroDivisionError" in str(outputs)
    assert "never" not in str(outputs)
    assert not list(layout.cache.rglob("run.json"))


def test_a_kernel_that_dies_is_a_failure_with_its_cell(layout: Layout, source: Path) -> None:
    source.write_text(notebook(code("import os\nos._exit(9)")))
    with pytest.raises(BuildError, match=r"00_small.md, code cell 2.*died"):
        execute(source, layout)
    assert not list(layout.cache.rglob("run.json"))


def test_a_notebook_without_passport_is_refused(layout: Layout, source: Path) -> None:
    source.write_text("\n".join([HEADER, "# Title", "", PARAMETERS]))
    with pytest.raises(BuildError, match=r"passport.finish\(\)"):
        execute(source, layout)
    assert not list(layout.cache.rglob("run.json"))


def test_offline_reaches_the_kernel(layout: Layout, source: Path) -> None:
    source.write_text(notebook(code("import os\nprint('flag', os.environ['TUBEKIT_OFFLINE'])")))
    assert "flag 1" in str(execute(source, layout, offline=True).executed.cells)


def test_unknown_parameters_and_missing_cells_stop_before_a_kernel_starts(
    layout: Layout, source: Path
) -> None:
    with pytest.raises(BuildError, match="no parameter speed; its parameters cell sets profile"):
        execute(source, layout, {"speed": 2})
    source.write_text(f"{HEADER}\n# Title\n")
    with pytest.raises(BuildError, match="exactly one cell tagged `parameters`, found 0"):
        execute(source, layout)


def test_data_downloaded_by_a_run_count_as_what_it_used(layout: Layout, source: Path) -> None:
    """Else the next build would take the run for one without data and repeat it."""
    download = "\n".join(
        [
            "import os, pathlib",
            "folder = pathlib.Path(os.environ['TUBEKIT_CACHE'], 'data', 'toy', 'images')",
            "folder.mkdir(parents=True, exist_ok=True)",
            "written = (folder / '1.png').write_text('x')",
        ]
    )
    source.write_text(notebook(code(download)))
    assert not execute(source, layout).cached
    assert execute(source, layout).cached
