"""`completion`: what makes a shell complete the commands and options of this program."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import shtab

from tui.cli.arguments import CommandParser, build
from tui.cli.console import put
from tui.cli.setting_table import BY_NAME
from tui.cli.values import Choice
from tui.script.exit_status import ExitStatus
from tui.text.order_words import VERBS

_STAND_FOR = {"FILE": shtab.FILE, "BACKUP": shtab.FILE, "DIRECTORY": shtab.DIRECTORY}
"""What a shell looks for, by what an argument is called in the help."""


def run(arguments: argparse.Namespace) -> int:
    put(script(arguments.shell).rstrip("\n"))
    return ExitStatus.DONE


def script(shell: str) -> str:
    """The completion script for a shell that `shtab` knows, made from the grammar of the command line."""
    parser = filled(build())
    for each in (parser, *_below(parser)):
        _tell_shells(each)
    return str(shtab.complete(parser, shell))


def filled(parser: CommandParser) -> CommandParser:
    """A parser with the arguments of all commands, which otherwise get theirs when they are called."""
    for each in (parser, *_below(parser)):
        each.be_filled()
    return parser


def _below(parser: CommandParser) -> Iterable[CommandParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from dict.fromkeys(action.choices.values())


def _tell_shells(parser: CommandParser) -> None:
    """Say what may stand in the place of each argument, for a parser that parses nothing any more."""
    for action in parser._actions:
        setting = BY_NAME.get(action.dest)
        if str(action.metavar) in _STAND_FOR:
            action.complete = _STAND_FOR[str(action.metavar)]  # type: ignore[attr-defined]
        elif action.dest == "verb" and action.choices is None:
            action.choices = tuple(VERBS)
        elif action.choices is None and setting is not None and isinstance(setting.read, Choice):
            action.choices = setting.read.names
