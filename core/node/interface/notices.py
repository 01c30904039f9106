"""Notices: what happens in the network, in words for people."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.stories.lines import StoryLine

Severity = Literal["info", "good", "warning", "error"]

NoticeKind = Literal[
    "listening",  # the node takes connections
    "joined",  # this node became part of a network, or another one did
    "join_refused",  # the network that a person named does not let this server in
    "linked",  # a link to a neighbour is up
    "unlinked",  # a link is down
    "lost",  # a server, and who was behind it, cannot be reached any more
    "alone",  # no other server can be reached any more
    "healed",  # servers can be reached again
    "quit",  # a server leaves on purpose, this one or another
    "redirected",  # a client was sent to another server
    "registered",  # a name was registered
    "refused",  # a registration, a login, a link or an activity was refused, or somebody was disconnected for nonsense
    "login",  # a client logged in
    "logout",  # a client left
    "vote",  # an answer to a registration
    "renamed",  # an account lost its name when two parts of the network met
    "synchronised",  # missed entries were exchanged
    "backup",  # a backup was written, or could not be
    "storage",  # the disk fails, or works again
    "clock",  # servers' clocks differ, or agree again
    "limits",  # the system lets the process have less than it needs
    "dump",  # what goes on inside was written to a file, because somebody asked for it
    "identity",  # a server has shown its key, or somebody says what a key should have signed
    "ordered",  # an operator has ordered something, or somebody says who is one
    "noted",  # a line of a story: `line` has it
    "security",  # what an operator should know about secrets in the clear
]


class Notice(msgspec.Struct, frozen=True):
    """One thing that happened. `at` is wall-clock seconds since 1970; `text` is hostile where peers named things."""

    at: float
    kind: NoticeKind
    text: str
    severity: Severity = "info"
    server: str | None = None
    user: str | None = None
    in_story: bool = False
    """Whether the node has noted lines that say the same: where stories are told, this is not told once more."""
    line: StoryLine | None = None


def noted(line: StoryLine) -> Notice:
    """A line of a story, as it is told to whoever is told of notices; what it says in words, `line_text` knows."""
    return Notice(line.seconds, "noted", line.kind, line=line)
