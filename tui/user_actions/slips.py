"""Lines that were hardly meant for everybody: commands without their slash, shell commands, secrets.

What is sent cannot be taken back. A false alarm costs one more Enter, so only what is rarely said among people counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tui.user_actions import slash_commands

_BARE: Final = frozenset(("help", "login", "nick", "backup"))
"""Commands that are hardly said by themselves in a conversation."""
_LEAVING: Final = frozenset(("quit", "exit", "logout", "q"))
_EDITOR: Final = re.compile(r":(?:q|w|wq|x|qa|wqa|qall|quit|exit|help|h)!?", re.IGNORECASE)
"""How one leaves vi and those who are like it."""
_MARKED: Final = re.compile(r"(?:[:\\!.-]|--)([a-z]+)(?:\s.*)?", re.IGNORECASE | re.DOTALL)
"""A command after another mark than a slash, as other programs want it: `!quit`, `\\join HOST`, `--help`."""
_SHELL: Final = re.compile(
    r"(?:\$ |# |> )?"
    r"(?:(?:[A-Z_][A-Z0-9_]*=(?:'[^']*'|\"[^\"]*\"|\S*)\s+)+\S"
    r"|(?:\S*/)?activity-tui(?:\s+(?:-\S|serve|join|post|tail|status|check|register|passwd|order|restore"
    r"|downgrade|verify|invite|known-\w+|config|completion|man|help|version)\b|\s*$)"
    r"|python3? -m \S|sudo \S|ssh (?:-\S|\S+@\S)|curl (?:-\S|https?:)|(?:cd|ls|cat|rm|vi|vim|nano) (?:-\S|[~./]\S*)"
    r"|(?:ls|cd|clear|pwd|whoami|tmux)$"
    r"|git (?:status|push|pull|commit|checkout|diff|log|add|rebase|fetch)\b(?:$| -| [^a-z ])"
    r"|(?:make|docker|systemctl|journalctl|kill|apt|apt-get|pip|npm|tmux) -\S)"
)
_INVITATION: Final = re.compile(r"\S+/[a-z2-7]{26}/[a-z2-7]{26}(?![a-z2-7])")
"""What a server joins by."""
_WITH_SECRET: Final = re.compile(r"\s*[/:\\!](?:login|nick|passwd|register|join)\b", re.IGNORECASE)
"""What somebody may write a secret behind, as other programs want it."""
SECRET_CHARACTERS_MIN: Final = 4
"""Shorter secrets are too likely to be an ordinary word."""


def slip(line: str, secrets: Iterable[str] = ()) -> str | None:
    """Why a line is probably not meant for everybody, as a sentence for whoever wrote it; None when nothing says so.

    `secrets`: what must not be told, such as the network's.
    """
    text = line.strip()
    if any(len(secret) >= SECRET_CHARACTERS_MIN and secret in text for secret in secrets):
        return "This line has a secret in it, and everybody would read it."
    if _INVITATION.search(text) and not text.startswith("/join "):
        return "This line has an invitation in it, and whoever reads it can join with a server."
    word, _, rest = text.partition(" ")
    bare = word.lower()
    if not rest and (bare in _LEAVING or (_EDITOR.fullmatch(text) and text[1].lower() in "qwxe")):
        return "This looks like a command to leave (/quit does)."
    if _EDITOR.fullmatch(text) or (not rest and bare in _BARE):
        return f"This looks like a command ({_written(bare.lstrip(':').rstrip('!'))} is one)."
    marked = _MARKED.fullmatch(text)
    if marked and (name := marked[1].lower()) in slash_commands.KNOWN:
        return f"This looks like a command ({_written(name)} is one)."
    if not rest and marked and marked[1].lower() in _LEAVING:
        return "This looks like a command to leave (/quit does)."
    if _needs_no_more(bare, rest):
        return f"This looks like a command ({_written(bare)} is one)."
    if _SHELL.match(text):
        return "This looks like a command for a shell."
    return None


def may_be_kept(text: str, secrets: Iterable[str] = ()) -> bool:
    """Whether an unfinished text may stand in a file: a command is none for everybody, and may have a secret in it.

    `secrets`: as for `slip`.
    """
    return not (
        text.lstrip().startswith("/")
        or any(_WITH_SECRET.match(line) for line in text.splitlines())
        or any(len(secret) >= SECRET_CHARACTERS_MIN and secret in text for secret in secrets)
        or _INVITATION.search(text)
    )


def _written(name: str) -> str:
    return f"/{slash_commands.KNOWN.get(name, slash_commands.BY_NAME['help']).name}"


def _needs_no_more(word: str, rest: str) -> bool:
    """Whether a command stands there without its slash, with just what it takes."""
    match word:
        case "join":
            return bool(re.fullmatch(r"\S+:\d{1,5}", rest.strip()))
        case "json":
            return rest.lstrip().startswith("{")
        case "bell":
            return rest.strip() in ("off", "mention", "all")
        case "filter":
            return bool(re.match(r"(?:from|type):", rest.strip()))
        case _:
            return False
