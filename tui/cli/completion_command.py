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

_ADDRESSES = "activity-tui known-networks --addresses 2>/dev/null"
_ADDRESS: dict[str, str | dict[str, str]] = {
    "bash": "_activity_tui_addresses",
    # By a function: what stands in the place of words is found out whenever the script is read.
    "zsh": "_activity_tui_addresses",
    "fish": f"({_ADDRESSES})",
    "preamble": {
        "bash": f"""\
_activity_tui_addresses() {{
  local address
  while IFS= read -r address; do
    [[ $address == "$1"* ]] && printf '%s\\n' "$address"
  done < <({_ADDRESSES})
}}""",
        "zsh": f"""\
_activity_tui_addresses() {{
  compadd -- ${{(f)"$({_ADDRESSES})"}}
}}""",
    },
}
"""What stands where a server is meant: those that the person knows."""

_WHOLE_WORDS = """
# bash parts words at colons; an address is one word all the same, to all that counts words.
_activity_tui() {
  local whole=() word rest="$COMP_LINE" at=0 index current="" ends
  for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
    word="${COMP_WORDS[index]}"
    ends="${rest%%[![:space:]]*}"
    rest="${rest#"$ends"}"
    rest="${rest#"$word"}"
    if [[ -z $ends && ${#whole[@]} -gt 0 && ( $word == *:* || ${whole[${#whole[@]} - 1]} == *: ) ]]; then
      whole[${#whole[@]} - 1]+="$word"
    else
      whole+=("$word")
    fi
    if ((index == COMP_CWORD)); then
      at=$((${#whole[@]} - 1))
      current="${whole[at]}"
    fi
  done
  local COMP_WORDS=("${whole[@]}") COMP_CWORD=$at
  _shtab_activity_tui
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    # What stands before the last colon is there already.
    local before="${current%"${current##*:}"}"
    for index in "${!COMPREPLY[@]}"; do
      COMPREPLY[index]="${COMPREPLY[index]#"$before"}"
    done
  fi
}

complete -o bashdefault -F _activity_tui activity-tui
"""


def run(arguments: argparse.Namespace) -> int:
    put(script(arguments.shell).rstrip("\n"))
    return ExitStatus.DONE


def script(shell: str) -> str:
    """The completion script for a shell that `shtab` knows, made from the grammar of the command line."""
    parser = filled(build())
    for each in (parser, *_below(parser)):
        _tell_shells(each)
    made = str(shtab.complete(parser, shell))
    return made + _WHOLE_WORDS if shell == "bash" else made


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
        elif str(action.metavar) == "HOST[:PORT]" and setting is None:
            action.complete = _ADDRESS  # type: ignore[attr-defined]
        elif action.dest == "verb" and action.choices is None:
            action.choices = tuple(VERBS)
        elif action.choices is None and setting is not None and isinstance(setting.read, Choice):
            action.choices = setting.read.names
