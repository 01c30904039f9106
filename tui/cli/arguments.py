"""The command line's grammar, and the way to the command that it names."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from tui.cli.command_table import COMMANDS, Command, add_config_flag
from tui.cli.console import PROGRAM, run, say
from tui.cli.loading import ending, loading
from tui.cli.setting_table import GONE
from tui.script.exit_status import ExitStatus, explained
from tui.script.script_grammar import Parser
from tui.version import __version__

_MODULES: Final = {command.name: command.module for command in COMMANDS}

_EXAMPLES: Final = f"""\
examples:
  activity-tui serve                              a server on port 3780, and the application on it
  activity-tui join example.org:3780              into a network, as a client
  activity-tui join example.org --secret-file F   into a network, with a server of one's own
  activity-tui serve --headless                   a server without a screen, until SIGTERM
  activity-tui post example.org "hello"           post a note
  activity-tui tail example.org --since 10m       follow what is posted
  activity-tui status example.org --json          servers, loads, users, links
  activity-tui check example.org                  whether it drops, doubles or reorders
  activity-tui register example.org -u ada        an account, with a secret that is made for it
  activity-tui passwd example.org -u ada          another secret for it

settings: flags win over the environment (ACTIVITY_TUI_PORT for --port), that over the configuration file \
(`activity-tui config path`), that over the defaults. `activity-tui config show` tells which is which.

exit status: {explained()}
"""


class CommandParser(Parser):
    """Knows what flags of earlier versions have become."""

    gone: ClassVar[Mapping[str, str]] = {
        f"--{prefix}{name.replace('_', '-')}": why for name, why in GONE.items() for prefix in ("", "no-")
    }


def build() -> CommandParser:
    """The grammar of the whole command line. Settings that were not given are not in the namespace."""
    parser = CommandParser(
        prog=PROGRAM,
        description="A decentralised activity network, run and lived in from one terminal application.",
        epilog=_EXAMPLES,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    add_config_flag(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=CommandParser)
    for command in COMMANDS:
        summary = command.summary
        commands.add_parser(
            command.name,
            help=summary,
            description=summary[0].upper() + summary[1:] + "." + (" " + command.more if command.more else ""),
            epilog="examples:\n" + command.examples,
            argument_default=argparse.SUPPRESS,
            fill=partial(_fill, command),
        )
    return parser


def _fill(command: Command, parser: Parser) -> None:
    add_config_flag(parser)
    command.fill(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, without `argv` that of this process, which has nothing else to do; the exit status."""
    if argv is not None:
        return run(lambda: _dispatch(argv))
    status = run(lambda: _dispatch(sys.argv[1:]))
    ending()
    return status


def _dispatch(argv: Sequence[str]) -> int:
    try:
        if _is_for_a_screen(argv):
            # What takes longest until something is shown begins first.
            from tui.own_screen import screen_child

            screen_child.begin()
        return _run(argv)
    finally:
        if ahead := sys.modules.get("tui.own_screen.screen_child"):
            ahead.discard()


def _is_for_a_screen(argv: Sequence[str]) -> bool:
    """Whether a server with a screen is meant, by the looks of it. Not with a secret on the command line, which has yet
    to be hidden: what is forked has the same one."""
    others = ("-h", "--help", "--headless", "--secret")
    return argv[:1] == ["serve"] and not any(word.partition("=")[0] in others for word in argv)


def _run(argv: Sequence[str]) -> int:
    with loading():
        parser = build()
        arguments = parser.parse_args(argv)
        command = getattr(arguments, "command", None)
        if command is None:
            say(parser.format_help().rstrip("\n"))
            return ExitStatus.USAGE
        if hasattr(arguments, "secret"):
            from tui.cli.process_list import hide_argument

            hide_argument(arguments.secret)
        module = importlib.import_module(_MODULES[command])
    return int(module.run(arguments))
