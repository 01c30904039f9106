"""What can be typed after a slash in the line where one writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui.text.order_words import VERBS
from tui.user_actions.written_text import trimmed


@dataclass(frozen=True, slots=True)
class SlashCommand:
    name: str
    usage: str
    help: str
    needs: str = ""
    """What the argument is, if there must be one."""
    node_only: bool = False


COMMANDS: Final = (
    SlashCommand("help", "/help", "Shows the keys and the commands."),
    SlashCommand("who", "/who", "Shows who is registered, and logged in where."),
    SlashCommand(
        "filter", "/filter [WORDS]", "Filters the feed: words, from:NAME, #TAG, after:2d. Without words: shows all."
    ),
    SlashCommand(
        "go", "/go DATE|first|last", "Reads the feed from a date or time on: 2026-03-01, 14:30, 3d.", needs="a date"
    ),
    SlashCommand(
        "view", "/view [NAME [WORDS]]", "Looks at a view, or keeps one: /view #ops, /view broken disk from:monitor."
    ),
    SlashCommand("unview", "/unview NAME", "Keeps a view no more.", needs="the name of a view"),
    SlashCommand("mute", "/mute [NAME|#TAG]", "Folds what somebody writes, or what has a tag; alone: tells whom."),
    SlashCommand("unmute", "/unmute NAME|#TAG", "Shows it again.", needs="a name or a #tag"),
    SlashCommand("json", "/json OBJECT", "Sends an activity of your own making.", needs="a JSON object"),
    SlashCommand("invite", "/invite", "Shows and copies the command with which a person joins; invites a server."),
    SlashCommand(
        "join",
        "/join INVITATION",
        "Links this node to a server of another network, by an invitation or its HOST:PORT.",
        needs="an invitation or HOST:PORT",
        node_only=True,
    ),
    SlashCommand("backup", "/backup", "Writes a backup of everything this node keeps.", node_only=True),
    SlashCommand("login", "/login", "Registers a name, logs in with another one, or goes anonymous."),
    SlashCommand("passwd", "/passwd", "Changes your secret, in the whole network."),
    SlashCommand(
        "order",
        "/order WHAT WHOM",
        f"Decides as an operator: {', '.join(VERBS)}.",
        needs=f"what is to be ordered ({', '.join(VERBS)})",
    ),
    SlashCommand(
        "bell",
        "/bell off|mention|all",
        "Says when to ring, and to have the desktop tell you.",
        needs="off, mention or all",
    ),
    SlashCommand("theme", "/theme [NAME]", "Changes the colours; without a name: light or dark."),
    SlashCommand("quit", "/quit", "Leaves."),
)

BY_NAME: Final = {command.name: command for command in COMMANDS}
ALIASES: Final = {
    "exit": "quit",
    "users": "who",
    "search": "filter",
    "share": "invite",
    "nick": "login",
    "secret": "passwd",
    "h": "help",
}
KNOWN: Final = {**BY_NAME, **{alias: BY_NAME[name] for alias, name in ALIASES.items()}}
"""Commands by all their names."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a written line asks for: to be sent (`command` is None), or a command with its argument."""

    text: str
    command: SlashCommand | None = None


def parse(text: str, *, node: bool = True) -> Line:
    """Read a written line, or a text of several lines.

    Raises ValueError with a sentence for a person.
    """
    text = trimmed(text)
    if text.startswith("//"):
        return Line(text[1:])
    if not text.startswith("/"):
        return Line(text)
    word, argument = [*text[1:].split(maxsplit=1), "", ""][:2] if not text[1:2].isspace() else ("", "")
    command = KNOWN.get(word.lower())
    if command is None:
        raise ValueError(f"there is no command /{word[:20]}; /help lists them, and // writes a line that begins with /")
    lines = text.count("\n") + 1
    if lines > 1 and command.name != "json":
        raise ValueError(f"/{command.name} takes one line, and this has {lines}; // writes a text that begins with /")
    if command.needs and not argument:
        raise ValueError(f"/{command.name} needs {command.needs}: {command.usage}")
    if command.node_only and not node:
        raise ValueError(f"/{command.name} is for the operator of a server, and there is none of yours here")
    return Line(argument, command)
