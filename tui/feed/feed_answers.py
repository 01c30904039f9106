"""What the activities of a feed say of each other: who answers what, and what each is under its answers.

An answer that only changes what is shown of another one (a reaction, an edit, a removal) *folds* where that one is
known: it stands beside it, and has no line of its own. Whether it does is settled when it comes, so nothing that
somebody reads moves when the other one comes later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from core.answers import (
    Answer,
    AnswerSet,
    AnswerTable,
    PostReference,
    Reactions,
    Reference,
    Reply,
    entry_reference,
    may_name,
    read_answer,
    with_version,
)
from core.query import EVERYTHING, Query, document, matches
from core.wire import ANONYMOUS, original_name, reference_in
from tui.feed.feed_item import FeedItem

KNOWN_MAX: Final = 1_000
"""Activities that can be quoted."""
KNOWN_BYTES_MAX: Final = 1024 * 1024
ACTIVITIES_MAX: Final = 5_000
"""Activities whose answers are kept."""
ITEMS_MAX: Final = 20_000
CHARACTERS_MAX: Final = 1024 * 1024
"""Of versions."""
FOLDED_RUN_MAX: Final = 64
"""Rows that stand with one line: where it stands is found by looking at them."""
SHARED_BYTES_MAX: Final = 4_096
"""Of a body that is read once for all who see it."""


class RowAnswers(NamedTuple):
    """What is shown beside an activity."""

    replies: int = 0
    more_replies: bool = False
    """Whether there are more than are counted."""
    reactions: tuple[Reactions, ...] = ()
    more_reactions: bool = False
    version: str = ""
    """The object that has replaced its own, as JSON; empty while none has."""
    removed: bool = False
    answered: Reference | None = None
    """What it replies to."""
    quoted: FeedItem | None = None
    """That, as it is now, if it is known here."""
    quoted_removed: bool = False
    on_its_way: bool = False
    """Whether what the person has just answered is still being sent."""


NOTHING: Final = RowAnswers()


class FeedAnswers:
    """The answers that have come to a feed. Plain data, on the event loop."""

    def __init__(self) -> None:
        self.table = AnswerTable(activities_max=ACTIVITIES_MAX, items_max=ITEMS_MAX, characters_max=CHARACTERS_MAX)
        self._known: OrderedDict[Reference, FeedItem] = OrderedDict()
        self._bytes = 0
        self._elsewhere: set[Reference] = set()
        """Of those the ones that have no line in the feed: nothing stands beside them."""
        self._on_their_way: dict[str, Reference] = {}
        """What is answered by those that are being sent and have no line of their own."""
        self._beside: dict[tuple[Reference | None, Answer | None, str], RowAnswers] = {}
        self._beside_for: tuple[int, Query] = (0, EVERYTHING)
        self.muted: Callable[[], Query] = lambda: EVERYTHING
        """What finds all of which the person wants to hear nothing; everything where that is nothing."""
        self.version = 0
        """Counts every change of what is shown."""
        self.changes_texts = False
        """Whether anything was ever edited or removed."""

    # --- what comes ------------------------------------------------------------------------------------------------

    def note(self, item: FeedItem, *, is_shown: bool = True) -> None:
        """An activity has come, or was read from the past; `is_shown`: and has its line in the feed."""
        reference = reference_of(item)
        if reference is None:
            return
        if isinstance(reference, PostReference) and item.id is not None and self.table.know(item.id, reference):
            self.version += 1
        self._know(self.table.name(reference), item, is_shown=is_shown)
        answer = answer_of(item)
        if answer is not None and self.table.take(answer) is not None:
            self.version += 1
            self.changes_texts |= answer.kind in ("edit", "removal")

    def folds(self, item: FeedItem) -> bool:
        """Whether an activity only changes what is shown of another one, which is known here."""
        answer = answer_of(item)
        return answer is not None and answer.counts and self._stands_beside(answer) is not None

    def _stands_beside(self, answer: Answer) -> Reference | None:
        """Beside which activity an answer stands that has no line of its own; None: it has one."""
        about = self.table.name(answer.about)
        known = self._known.get(about)
        if known is None or about in self._elsewhere or answer.kind == "reply":
            return None
        theirs = original_name(known.sender) == original_name(answer.sender)
        return about if answer.kind == "reaction" or theirs else None

    def sending(self, ref: str, item: FeedItem) -> bool:
        """An own answer is on its way, under this name; whether it stands beside another one meanwhile."""
        answer = answer_of(item)
        about = None if answer is None else self._stands_beside(answer)
        if about is None:
            return False
        reaction = answer_of(self._known[about])
        if answer is not None and answer.kind == "undo" and reaction is not None:
            about = self.table.name(reaction.about)
        self._on_their_way[ref] = about
        self.version += 1
        return True

    def sent(self, ref: str) -> None:
        """It has come back, or will not."""
        if self._on_their_way.pop(ref, None) is not None:
            self.version += 1

    def _know(self, name: Reference, item: FeedItem, *, is_shown: bool) -> None:
        before = self._known.pop(name, None)
        if is_shown:
            self._elsewhere.discard(name)
        elif before is None:
            self._elsewhere.add(name)
        if before is not None and original_name(before.sender) != original_name(item.sender):
            # It only says so, at a server that does not look.
            item = before
        if before is not None:
            self._bytes -= len(before.body)
        else:
            # Somebody may quote it already.
            self.version += bool(self.table.of(name))
        self._known[name] = item
        self._bytes += len(item.body)
        while len(self._known) > KNOWN_MAX or (self._bytes > KNOWN_BYTES_MAX and len(self._known) > 1):
            self._let_go(next(iter(self._known)))

    def _let_go(self, name: Reference) -> None:
        self._bytes -= len(self._known.pop(name).body)
        self._elsewhere.discard(name)

    def forget(self, ids: Collection[str]) -> None:
        """Operators have removed these, or hidden them until they say otherwise: they are quoted no more, and nothing
        that they say of others counts."""
        gone = set(ids)
        self.table.hide(gone)
        for name in [name for name, item in self._known.items() if item.id in gone]:
            self._let_go(name)
        self.version += bool(gone)

    def show_again(self, items: Iterable[FeedItem]) -> None:
        """What was hidden is seen again."""
        for item in items:
            if item.id is not None:
                self.table.show([item.id])
            self.note(item)
        self.version += 1

    # --- what is shown ---------------------------------------------------------------------------------------------

    def of(self, item: FeedItem) -> RowAnswers:
        """What is shown beside an activity."""
        answer = answer_of(item)
        reference = reference_of(item)
        if not (answer or self.version) or (reference is None and answer is None):
            return NOTHING
        now = (self.version, self.muted())
        if self._beside_for != now or len(self._beside) > KNOWN_MAX:
            self._beside_for = now
            self._beside.clear()
        key = (reference, answer, item.sender)
        found = self._beside.get(key)
        if found is None:
            found = self._beside[key] = self._gathered(*key)
        return found

    def _gathered(self, reference: Reference | None, answer: Answer | None, sender: str) -> RowAnswers:
        found = AnswerSet() if reference is None else self.table.of(reference)
        answered = self.table.name(answer.about) if answer is not None and answer.kind == "reply" else None
        on_its_way = reference is not None and self.table.name(reference) in self._on_their_way.values()
        if not found and answered is None and not on_its_way:
            return NOTHING
        versions = [] if reference is None else self.table.versions(reference, sender)
        quoted = self._known.get(answered) if answered is not None else None
        if quoted is not None and not quoted.own and self._is_muted(quoted.sender, quoted.body):
            quoted = None
        return RowAnswers(
            len(self.replies(reference)),
            found.more_replies,
            tuple(self._reactions(reference)),
            found.more_reactions,
            versions[-1].said if versions else "",
            found.removed_at(sender) is not None,
            answered,
            None if quoted is None else self.as_it_is(quoted),
            quoted is not None and answered is not None and self.table.removed_at(answered, quoted.sender) is not None,
            on_its_way,
        )

    def replies(self, reference: Reference | None) -> list[Reply]:
        """Those to an activity of which the person wants to hear, in the order of time."""
        replies = [] if reference is None else self.table.replies(reference)
        return [one for one in replies if not self._is_muted(one.sender)] if self.muted() else replies

    def _reactions(self, reference: Reference | None) -> list[Reactions]:
        reactions = [] if reference is None else self.table.reactions(reference)
        if not self.muted():
            return reactions
        heard = [
            Reactions(symbol, tuple(who for who in senders if not self._is_muted(who))) for symbol, senders in reactions
        ]
        return [one for one in heard if one.senders]

    def _is_muted(self, sender: str, body: bytes = b"{}") -> bool:
        muted = self.muted()
        return bool(muted) and matches(muted, document(sender, body))

    def item(self, reference: Reference) -> FeedItem | None:
        """An activity as it is now, if it is known here."""
        found = self._known.get(self.table.name(reference))
        return None if found is None else self.as_it_is(found)

    def as_it_is(self, item: FeedItem) -> FeedItem:
        """An activity with what it was changed to last; nothing of it where it was removed."""
        reference = reference_of(item) if self.changes_texts else None
        if reference is None:
            return item
        if self.table.removed_at(reference, item.sender) is not None:
            return replace(item, body=_tombstone(item, reference))
        versions = self.table.versions(reference, item.sender)
        if versions:
            return replace(item, body=with_version(item.body, versions[-1].said))
        return replace(item, body=_outdone(item)) if self.is_outdone(item) else item

    def is_outdone(self, item: FeedItem) -> bool:
        """Whether an activity is an edit of what was edited again since, or removed."""
        answer = answer_of(item)
        if answer is None or answer.kind != "edit" or not answer.counts:
            return False
        if self.table.removed_at(answer.about, item.sender) is not None:
            return True
        versions = self.table.versions(answer.about, item.sender)
        return bool(versions) and versions[-1].said != answer.said

    def fits_now(self, query: Query, item: FeedItem) -> bool:
        """Whether an activity is one of those that are looked for, by what it says now."""
        return fits(query, self.as_it_is(item))

    def standing_for(self, item: FeedItem, query: Query) -> FeedItem:
        """Of an activity that is looked for the one to be told: in the place of an edit what has its words by now, as
        it came, unless somebody looks for what was said of something."""
        edited = None if query.references else self._edited_by(item)
        return edited if edited is not None and self.fits_now(query, edited) else item

    def _edited_by(self, item: FeedItem) -> FeedItem | None:
        """What says by now what an activity has changed it to, as it came; None where that is no edit or counts for
        nothing, or where something else was said since."""
        answer = answer_of(item)
        if answer is None or answer.kind != "edit" or not answer.counts or self.is_outdone(item):
            return None
        found = self._known.get(self.table.name(answer.about))
        versions = [] if found is None else self.table.versions(answer.about, found.sender)
        return found if versions and versions[-1].said == answer.said else None

    def as_it_came(self, item: FeedItem) -> FeedItem:
        """An activity as it was before it was changed."""
        reference = reference_of(item)
        return item if reference is None else self._known.get(self.table.name(reference), item)

    def known(self, references: Iterable[Reference]) -> list[FeedItem]:
        """Those of some activities that are known here, as they are now."""
        return [item for reference in references if (item := self.item(reference)) is not None]


def fits(query: Query, item: FeedItem) -> bool:
    """Whether an activity is one of those that are looked for, by what it says itself."""
    # Entries do not say what they are called.
    called = entry_reference(item.id) if query.references and item.id is not None else None
    stamp = int(item.at * 1_000_000) if item.stamp is None else item.stamp
    return matches(query, document(item.sender, item.body, stamp, "" if called is None else str(called)))


def _tombstone(item: FeedItem, reference: Reference) -> bytes:
    """What is shown in full of what its sender has removed."""
    return msgspec.json.encode({"type": "Tombstone", "id": str(reference), "authenticated_user": item.sender})


def _outdone(item: FeedItem) -> bytes:
    """An edit of what says something else by now: that it was one, and of what."""
    answer = answer_of(item)
    members = msgspec.json.decode(item.body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**members, "object": "" if answer is None else str(answer.about)})


def reference_of(item: FeedItem) -> Reference | None:
    """What names an activity; None as long as no server has taken it, or where that server does not tell."""
    if item.state == "mark":
        return None
    own, _ = _read(item)
    return own or (entry_reference(item.id) if item.id is not None else None)


def answer_of(item: FeedItem) -> Answer | None:
    """What an activity says of another one."""
    if item.state == "mark":
        return None
    own, answer = _read(item)
    if answer is None:
        return None
    return answer._replace(stamp=item.stamp or int(item.at * 1_000_000), entry=item.id or "", own=own)


def _read(item: FeedItem) -> tuple[PostReference | None, Answer | None]:
    if not may_name(item.body):
        return None, None
    return (_shared if len(item.body) <= SHARED_BYTES_MAX else _read_body)(item.body, item.sender)


def _read_body(body: bytes, sender: str) -> tuple[PostReference | None, Answer | None]:
    known = reference_in(body) if sender not in ("", ANONYMOUS) else None
    return known, read_answer(body, sender=sender)


_shared: Final = lru_cache(maxsize=2048)(_read_body)
