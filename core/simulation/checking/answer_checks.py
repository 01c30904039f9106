"""What each activity is under its answers: for everybody whatever the ledger knows, in whatever order it came to them.

The ledger's side is as plain as can be, and knows nothing of `core.answers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from core.simulation.ledger import Ledger, NumberedPost
from core.simulation.parties.native_agent import NativeAgent
from core.simulation.world.world import World
from core.wire.entries import Entry
from core.wire.references import read_reference

NOTHING: Final[dict[str, Any]] = {}


class TrueStanding:
    """What one activity is, as somebody has to take it to whom some activities have come."""

    def __init__(self) -> None:
        self.edits: list[tuple[tuple[int, str], str]] = []
        self.reactions: dict[str, list[tuple[tuple[int, str], str, str, str]]] = {}
        """By the claim, or the @name, of who reacts: the time, the symbol, what the reaction is called, the name."""
        self.replies: list[set[str]] = []
        """What each may be called: one of nobody's by any of its entries."""
        self.removed = False
        self.is_undone = False
        self.sender = ""
        """Whose it is, by a name that is theirs, as far as that is known here."""
        self.is_copied = False
        """Whether an edit, or a reaction, was accepted more than once: which time of it somebody heard is not known."""


def answers_agree(world: World) -> Iterator[tuple[str, str]]:
    """Everybody takes each activity for what it is by those that have come to them.

    Two things are left out. Who was at a base server has heard of some activities neither when they were accepted nor
    what they are called. And of an activity that two servers have accepted somebody has heard of one or the other: of
    two edits of which one has copies, readers may take either for the later one.
    """
    ledger = world.ledger
    for agent in world.agents.values():
        if not isinstance(agent, NativeAgent) or ledger.at_base_servers.get(agent.name):
            continue
        seen = ledger.seen.get(agent.name, {})
        true = _standings(ledger, seen)
        for name in true:
            yield from (("answers", f"{agent.name} takes {name} for {text}") for text in _differs(agent, name, true))


def _differs(agent: NativeAgent, name: str, true: dict[str, TrueStanding]) -> Iterator[str]:
    table, standing = agent.conversation.table, true[name]
    reference = read_reference(name)
    assert reference is not None, "the ledger's references are ones"
    found = table.of(reference)
    removed = found.removed_at(standing.sender) is not None
    if removed is not standing.removed:
        yield f"removed: {removed}, and it is: {standing.removed}"
    if standing.is_copied:
        return
    versions = [msgspec.json.decode(version.said)["content"] for version in found.versions(standing.sender)]
    if versions != [said for _, said in sorted(standing.edits)]:
        yield f"edited to {versions}, and it is {sorted(standing.edits)}"
    for by, reactions in standing.reactions.items():
        _, symbol, called, sender = max(reactions)
        undone = called in true and true[called].is_undone
        reaction = table.reaction(reference, by, sender)
        if (None if reaction is None else reaction.symbol) != (None if undone else symbol):
            yield f"one to which {by} reacts with {reaction}, and it is {symbol}, {undone=}"
    replies = {str(table.name(one.reference)) for one in found.replies if one.reference is not None}
    if len(replies) != len(standing.replies) or not all(replies & called for called in standing.replies):
        yield f"answered by {sorted(replies)}, and it is by {standing.replies}"


def _standings(ledger: Ledger, seen: dict[NumberedPost, float]) -> dict[str, TrueStanding]:
    names = {
        f"activity:{entry.id}": called
        for post in seen
        for entry in _copies(ledger, post)
        if (called := _called(entry)) is not None
    }
    senders = {called: entry.sender for post in seen for entry in _copies(ledger, post) if (called := _called(entry))}
    true: dict[str, TrueStanding] = {}
    for post in seen:
        copies = _copies(ledger, post)
        if not copies:
            continue
        entry = copies[0]
        body = msgspec.json.decode(entry.body)
        inner = body.get("object")
        about = inner if isinstance(inner, str) else (inner or NOTHING).get("id") or (inner or NOTHING).get("inReplyTo")
        if about is None or read_reference(about) is None:
            continue
        about = names.get(about, about)
        standing = true.setdefault(about, TrueStanding())
        standing.sender = standing.sender or senders.get(about, "")
        called = _called(entry)
        claim = None if called is None else called.rpartition("/")[0]
        is_theirs = claim is not None and about.rpartition("/")[0] == claim
        at = (entry.stamp, str(entry.id))
        match body["type"]:
            case "Create":
                standing.replies.append({called} if called is not None else {f"activity:{one.id}" for one in copies})
            case "Like" if called is not None or entry.sender:
                by = called.removeprefix("activity:").rpartition("/")[0] if called is not None else f"@{entry.sender}"
                reaction = (at, body.get("content", "♥"), called or "", entry.sender)
                standing.reactions.setdefault(by, []).append(reaction)
                standing.is_copied |= len(copies) > 1
            case "Undo" if is_theirs:
                standing.is_undone = True
            case "Update" if is_theirs:
                standing.sender = entry.sender
                standing.edits.append((at, inner["content"]))
                standing.is_copied |= len(copies) > 1
            case "Delete" if is_theirs:
                standing.sender = entry.sender
                standing.removed = True
    return true


def _copies(ledger: Ledger, post: NumberedPost) -> list[Entry]:
    return [ledger.accepted[one] for one in ledger.ids.get(post, ())]


def _called(entry: Entry) -> str | None:
    called = msgspec.json.decode(entry.body).get("id")
    return called if isinstance(called, str) and entry.sender else None
