"""The command line: quick help, one-line errors, the trace on demand."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import tubekit
from tubekit import cli

COMMANDS = [
    str(command.name or command.callback.__name__) for command in cli.app.registered_commands
]


@pytest.mark.parametrize(
    "words", [[], ["data", "list"], *([name] for name in COMMANDS)], ids=" ".join
)
def test_help_does_not_wait_for_torch(words: list[str]) -> None:
    code = (
        f"import sys; from tubekit import cli; sys.argv = ['tubekit', *{words}, '--help']\n"
        "try: cli.main()\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"Usage: {' '.join(['tubekit', *words])}" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("False"), done.stderr
    if not words:
        assert set(COMMANDS) <= set(done.stdout.split())


def test_version_names_what_a_report_of_a_fault_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tubekit", "--version"], capture_output=True, text=True, check=True
    )
    words = done.stdout.split()
    assert words[0::2] == ["tubekit", "torch", "Python"]
    assert words[1::2] == [
        f"{tubekit.__version__},",
        f"{version('torch')},",
        platform.python_version(),
    ]


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
