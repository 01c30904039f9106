"""Exit statuses are one table, in the help of the command line, in that of SSH, and in the README."""

from __future__ import annotations

import re

import pytest

from tui.cli.arguments import build
from tui.script.exit_status import MEANINGS, ExitStatus, explained
from tui.ssh.commands.ssh_commands import HELP


def test_every_status_has_a_meaning_and_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(MEANINGS) == set(ExitStatus)
    with pytest.raises(SystemExit):
        build().parse_args(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert explained() in told


def test_what_ssh_says_of_them_is_what_the_command_line_says() -> None:
    told = dict(re.findall(r"(\d+) ([^,.]+)", " ".join(HELP.partition("Exit statuses:")[2].split())))
    assert told and all(MEANINGS[ExitStatus(int(number))] == meaning for number, meaning in told.items())


def test_they_are_the_numbers_that_scripts_rely_on() -> None:
    assert {status.name: int(status) for status in ExitStatus} == {
        "DONE": 0,
        "FAILURE": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "REFUSED": 4,
        "CANNOT_BIND": 5,
        "DATA_DIRECTORY": 6,
        "CHECK_FAILED": 7,
        "NOT_FOUND": 8,
        "INTERRUPTED": 130,
    }
