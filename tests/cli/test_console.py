"""What becomes of errors, and of readers that go away."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import REPOSITORY, Program
from tui.cli.console import run, say
from tui.script.exit_status import CommandFailed, ExitStatus


def failing(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


def unread(program: Program, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command that nobody reads the output of."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            program.command(*words),
            env=program.environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize("status", list(ExitStatus))
def test_a_failed_command_ends_with_its_status_and_its_sentence(
    status: ExitStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing(CommandFailed(status, "it did not work", hint="Try again."))) == status
    assert capsys.readouterr().err == "activity-tui: it did not work\nTry again.\n"


def test_an_interrupted_command_ends_with_130_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_the_systems_refusal_is_told_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(PermissionError(13, "Permission denied", "/root/x"))) == 1
    assert capsys.readouterr().err == "activity-tui: the system refused: Permission denied (/root/x)\n"


def test_a_fault_of_ours_is_one_line_and_its_traceback_goes_to_a_private_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(failing(ZeroDivisionError("division by zero"))) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    found = re.fullmatch(
        r"activity-tui: a fault of ours, ZeroDivisionError: division by zero; the details are in (.*)\n", said
    )
    assert found is not None
    file = Path(found[1])
    assert file.stat().st_mode & 0o077 == 0
    assert "Traceback" in file.read_text()
    file.unlink()


def test_an_error_in_a_group_of_one_is_told_as_itself(capsys: pytest.CaptureFixture[str]) -> None:
    group = BaseExceptionGroup("tasks", [CommandFailed(ExitStatus.REFUSED, "no")])
    assert run(failing(group)) == ExitStatus.REFUSED
    assert capsys.readouterr().err == "activity-tui: no\n"


def test_what_peers_wrote_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("refused: \x1b[2J\x9b31m\u202eabc")
    said = capsys.readouterr().err
    assert all(character.isprintable() for character in said.rstrip("\n"))
    assert said.startswith("refused: ")


def test_a_terminal_that_cannot_show_a_character_is_no_failure(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "Küche ☕"\n')
    ended = program.run(
        "config", "show", "--config", str(file), variables={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert ended.status == 0
    assert "K\\xfcche \\u2615" in ended.out


def test_a_reader_that_has_had_enough_ends_a_command_silently(program: Program) -> None:
    ended = unread(program, "config", "show")
    assert ended.returncode == 0
    assert ended.stderr.decode().splitlines()[1:] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", ["config path", "--version", "--help", "serve --help"])
def test_a_full_disk_behind_standard_output_is_a_failure_in_one_sentence(program: Program, words: str) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            program.command(*words.split()),
            env=program.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == [
        "activity-tui: standard output cannot be written: No space left on device",
        "Make room there, or send it elsewhere.",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_error_changes_no_status(program: Program) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            program.command("status", "127.0.0.1:1"), env=program.environment, stderr=full, timeout=30, check=False
        )
    assert ended.returncode == 3


@pytest.mark.parametrize("words", ["--version", "--help", "serve --help"])
def test_help_that_nobody_reads_to_its_end_is_no_fault(program: Program, words: str) -> None:
    ended = unread(program, *words.split())
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_standard_stream_that_is_closed_from_the_beginning_is_no_failure(program: Program, closed: str) -> None:
    command = shlex.join(program.command("config", "check"))
    ended = subprocess.run(
        ["sh", "-c", f"{command} {closed}"], env=program.environment, stderr=subprocess.PIPE, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr.decode()


@pytest.mark.parametrize("closed", ["", "<&-", ">&-"])
def test_a_machine_on_which_nobody_may_open_dev_null_is_no_failure(program: Program, closed: str) -> None:
    """As a sandbox that has none, or only for root."""
    code = (
        "import os, sys; os.devnull = '/there/is/none'; "
        "from tui.cli.arguments import main; sys.exit(main(['config', 'check']))"
    )
    command = shlex.join([sys.executable, "-c", code])
    ended = subprocess.run(
        ["sh", "-c", f"{command} {closed}"], env=program.environment, stderr=subprocess.PIPE, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr.decode()


def test_closed_output_is_the_end_and_not_an_error() -> None:
    code = (
        "import sys\nfrom tui.cli.console import run\nfrom tui.script.exit_status import OutputClosed\n"
        "def command(): raise OutputClosed\nsys.exit(run(command))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
