"""Where an activity was accepted, and whether that server has signed so: in words for people, and as data.

What a server says of a person nobody can prove; but it stands in the stream of the server that has accepted it, and in
nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.wire import is_certified, parse_entry_id
from tui.text.safe_text import neutralise_name

if TYPE_CHECKING:
    from core.node import ServerView

NOT_TOLD: Final = "by a server that does not say which: it speaks only the base protocol"


@dataclass(frozen=True, slots=True)
class AcceptedAs:
    """Which entry of which server an activity is."""

    entry: str
    server: str
    """The server's id."""
    name: str
    """What it calls itself; empty where nobody here knows."""
    signed: bool | None
    """Whether its server has signed it; None: nobody here knows."""
    why: str
    """What that proves, as a clause."""
    is_told: bool = True
    """Whether anybody has said which servers there are."""

    @property
    def words(self) -> str:
        """Whether it is signed, in a word or two."""
        return {True: "signed by it", False: "unsigned", None: "signed or not, nobody here knows"}[self.signed]

    @property
    def where(self) -> str:
        """The server, for people."""
        node = neutralise_name(self.server, 64)
        if self.name:
            return f"{neutralise_name(self.name)} ({node})"
        return f"{node}, which is not here now" if self.is_told else node


def origin_of(entry_id: str | None, servers: Iterable[ServerView] | None) -> AcceptedAs | None:
    """Where the entry with an identity was accepted; None if it has none that can be read. `servers`: None where
    nobody has said which there are."""
    try:
        entry = parse_entry_id(entry_id or "")
    except ValueError:
        return None
    known = next((one for one in servers or () if one.id == entry.node), None)
    signed, why = _signed(entry.node, entry.incarnation, known)
    name = known.name if known is not None else ""
    return AcceptedAs(str(entry), entry.node, name, signed, why, is_told=servers is not None)


def _signed(node: str, incarnation: int, known: ServerView | None) -> tuple[bool | None, str]:
    if is_certified(node):
        return True, "that it was accepted there, by the key its id is made of"
    if known is None:
        return None, "nobody here knows: its server is not here now"
    if known.signs_from is not None:
        if incarnation >= known.signs_from:
            key = f", {known.key}" if known.key else ""
            return True, f"that it was accepted there, by the server's key{key}"
        return False, "nothing: unsigned, from before its server had a key"
    if known.key:
        return None, "nobody here knows: its server has a key, and has not said from when on it signs"
    if known.state == "unreachable":
        return None, "nobody here knows: its server cannot be reached"
    return False, "nothing: unsigned, its server is of a version before keys"
