"""The command line: quick help, one-line errors, the trace on demand."""

import subprocess
import sys
from pathlib import Path

import pytest

from tubekit import cli


def test_help_lists_every_command_without_importing_torch() -> None:
    code = (
        "import sys; from tubekit import cli; sys.argv = ['tubekit', '--help']\n"
        "try: cli.main()\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for name in ("data", "run", "book", "ledger", "train", "predict", "teach", "serve"):
        assert name in done.stdout
    assert done.stdout.rstrip().endswith("False"), done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data", "--help"], "verify"),
        (["data", "list", "--help"], "Usage: tubekit data list"),
        (["run", "--help"], "--dry-run"),
        (["ledger", "--help"], "Usage: tubekit ledger"),
        (["train", "--help"], "--group-pattern"),
        (["predict", "--help"], "--probabilities"),
    ],
)
def test_commands_from_elsewhere_read_their_own_arguments(
    words: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["tubekit", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    assert says.lower() in capsys.readouterr().out.lower()


def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("")
    monkeypatch.setattr(sys, "argv", ["tubekit", "teach", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err.startswith("error: expected an")
    monkeypatch.setattr(sys, "argv", ["tubekit", "--debug", "teach", str(tmp_path)])
    with pytest.raises(RuntimeError):
        cli.main()


def test_a_fault_of_the_library_shows_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise TypeError("a fault")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(TypeError):
        cli.main()
