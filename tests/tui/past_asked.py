"""A past that is looked through as a server does, and counts what it is asked."""

from __future__ import annotations

from core.client import PastPage, PastPlace
from core.client.past_questions import PastEntry
from core.query import document, matches, parse
from core.wire.entries import EntryId
from tests.tui.conversing import body_of

MICROSECONDS = 1_000_000


def place_of(entry: PastEntry) -> PastPlace:
    node, incarnation, number = entry.id.split(".")
    return PastPlace(entry.stamp, EntryId(node, int(incarnation), int(number)))


class AskedPast:
    """Activities, and the questions about them."""

    def __init__(self) -> None:
        self.entries: list[PastEntry] = []
        self.asked: list[str] = []

    def says(self, who: str, ref: str, activity: dict[str, object], sender: str = "") -> PastEntry:
        number = len(self.entries) + 1
        entry = PastEntry(body_of(who, ref, activity), sender or who, f"bb.1.{number}", number * MICROSECONDS)
        self.entries.append(entry)
        return entry

    async def find(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        self.asked.append(query)
        wanted = parse(query, now=0.0)
        assert len(str(wanted)) <= 2_000
        before = [one for one in reversed(self.entries) if place is None or place_of(one).key < place.key]
        found = [one for one in before if matches(wanted, document(one.sender, one.body, one.stamp))]
        page = found[:most]
        more = len(found) > most
        return PastPage(tuple(reversed(page)), more, place_of(page[-1]) if more else None, 0)
