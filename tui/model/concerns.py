"""What concerns a person: what they have not read yet, and what of it is to them.

Rows become read when they have been on the screen before somebody who looks. What arrives while they follow the end is
read as it comes. The *mark* goes up to the oldest row that is not read, and stays between two sessions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from core.query import EVERYTHING, Query, Term, document, fold, matches, parse
from tui.feed.feed_item import FeedItem
from tui.model.personal import (
    BYTES_MAX,
    MARK_BYTES_MAX,
    MUTES_MAX,
    NAME_MAX,
    QUERY_MAX,
    THREADS_MAX,
    VIEWS_MAX,
    Personal,
    ReadMark,
    View,
    decode,
    encode,
)

UNREAD_MAX: Final = 10_000
"""Rows that wait to be read; of more, the oldest count as read."""
LATE: Final = 10_000_000
"""Microseconds by which an activity is older than one that came before it, if it is said to come late."""


class PersonalKeeper(Protocol):
    """Who keeps the documents of accounts."""

    def load(self, account: str) -> bytes | None:
        """An account's document, if one is known."""
        ...

    def keep(self, account: str, content: bytes) -> None:
        """Keep an account's document from now on."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A row behind which the mark has not gone yet."""

    entry: FeedItem
    unread: bool
    to_reader: bool


class Concerns:
    """What concerns whoever is logged in. Plain data, on the event loop."""

    def __init__(self, keeper: PersonalKeeper | None = None) -> None:
        self.keeper = keeper
        self.unread = 0
        """Activities of others that were not on the screen yet."""
        self.unread_mentions = 0
        """Those of them that are to this person."""
        self.line: Hashable = None
        """The key of the row above which it is said that it, and what follows, is new."""
        self.knows_mark = False
        """Whether it was known where this person had stopped reading when they came."""
        self.account: str | None = None
        """Whose document it is: the account, and in which network."""
        self._personal = Personal()
        self._waiting: OrderedDict[Hashable, _Waiting] = OrderedDict()
        self.attending = True
        """Whether somebody looks at the end of the feed, and so reads what is new as it comes."""
        self._newest = 0
        self._mutes_known: tuple[str, ...] = ()
        self._muted = EVERYTHING
        self._compares = False
        """Whether what comes from the past may be new: of a first visit nobody knows."""
        self._kept = b""
        self.share: Callable[[bytes], None] = lambda content: None
        """Has the account's document be this one at every server."""
        self.is_in_muted_thread: Callable[[FeedItem], bool] = lambda entry: False
        self._is_shared = False
        """Whether a server has told what the account's document is."""
        self._confirmed: Personal | None = None
        """What it was there when a server last told, or acknowledged it."""
        self._shared: Personal | None = None
        """What it is there, as far as is known."""

    # --- who it is -------------------------------------------------------------------------------------------------

    def begin(self, account: str) -> None:
        """Somebody has logged in."""
        if account == self.account:
            return
        self._is_shared, self._shared, self._confirmed = False, None, None
        self.keep()
        self.account = account
        self._forget()
        self._personal = Personal()
        self._kept = b""
        content = self.keeper.load(account) if self.keeper is not None else None
        if content is not None:
            try:
                self._personal = decode(content)
                self._kept = content
            except ValueError:
                # Of another version, or damaged: it is written anew.
                pass
        self.knows_mark = self._compares = self._personal.mark is not None

    def changed_elsewhere(self, content: bytes, before: bytes | None = None) -> None:
        """The account's document was replaced in another session. Raises ValueError for what is none.

        `before`: what it was when it was the same in both. What was changed here since, and is not written yet, is the
        later one, and only what was read there counts.
        """
        other = decode(content)
        keeps_own = before is not None and _without_mark(decode(before)) != _without_mark(self._personal)
        mine, theirs = self._personal.mark, other.mark
        mark = mine.united(theirs) if mine is not None and theirs is not None else mine or theirs
        self._personal = replace(self._personal if keeps_own else other, mark=mark)
        for row in self._waiting.values():
            if row.unread and self._mark.covers(row.entry.id, row.entry.stamp):
                self._has_read(row)
        self._advance()

    def told(self, content: bytes | None) -> None:
        """A server tells what the account's document is; None: it has none there."""
        before, mine = self._confirmed, self._personal
        self._is_shared, self._shared, self._confirmed = True, None, None
        if content is None:
            return
        try:
            self._shared = self._confirmed = decode(content)
        except ValueError:
            # What another program keeps there is not written over.
            self._is_shared = False
            return
        self.changed_elsewhere(content)
        if before is not None and _without_mark(mine) != _without_mark(before):
            # What was changed here meanwhile has not come there yet.
            self._personal = replace(mine, mark=self._personal.mark)
        if not self.knows_mark and not self._newest:
            self.knows_mark = self._compares = self._personal.mark is not None

    def saved(self, content: bytes) -> None:
        """A server has acknowledged this document."""
        self._confirmed = decode(content)

    def keep(self) -> None:
        """Have the document kept, if it is another one than before: on this machine, and at the servers."""
        was_kept = bool(self._kept) or self._shared is not None
        if self.account is None or (self._personal == Personal() and not was_kept):
            return
        if self._is_shared and self._personal != self._shared:
            self._shared = self._personal
            self.share(encode(self._personal))
        if self.keeper is None:
            return
        content = encode(self._personal)
        if content != self._kept:
            self._kept = content
            self.keeper.keep(self.account, content)

    # --- what they want to see -------------------------------------------------------------------------------------

    @property
    def mutes(self) -> tuple[str, ...]:
        """Names of people, and tags with their #, of which this person wants to hear nothing."""
        return self._personal.mutes

    @property
    def muted(self) -> Query:
        """What finds all that is muted; it finds everything where nothing is."""
        if self._mutes_known != self.mutes:
            self._mutes_known = self.mutes
            terms = tuple(
                Term("tag", (fold(one[1:]),)) if one.startswith("#") else Term("from", (fold(one),))
                for one in self.mutes
            )
            self._muted = Query((terms,)) if terms else EVERYTHING
        return self._muted

    def is_muted(self, entry: FeedItem) -> bool:
        """Whether this person wants to hear nothing of an activity."""
        if entry.own:
            return False
        if self.muted and matches(self.muted, document(entry.sender, entry.body)):
            return True
        return bool(self.threads) and self.is_in_muted_thread(entry)

    def mute(self, what: str) -> None:
        """Mute a person, or a tag with its #. Raises ValueError with a sentence for a person."""
        if what in self.mutes:
            raise ValueError(f"{what} is muted already; /unmute takes it back")
        if len(what) > NAME_MAX or not fold(what.removeprefix("#")).strip():
            raise ValueError("that is no name and no tag: /mute NAME or /mute #TAG")
        if len(self.mutes) >= MUTES_MAX:
            raise ValueError(f"{MUTES_MAX} are muted, that is all there is room for; /unmute takes one back")
        self._change(replace(self._personal, mutes=(*self.mutes, what)))
        self.read_muted()

    def read_muted(self) -> None:
        """What is muted is read: of some it may have become known only now."""
        for row in self._waiting.values():
            if row.unread and self.is_muted(row.entry):
                self._has_read(row)
        self._advance()

    def unmute(self, what: str) -> None:
        """Raises ValueError with a sentence for a person."""
        if what not in self.mutes:
            raise ValueError(f"{what[:NAME_MAX]!r} is not muted; /mute alone tells who is")
        self._personal = replace(self._personal, mutes=tuple(one for one in self.mutes if one != what))

    @property
    def threads(self) -> tuple[str, ...]:
        """The references of what muted threads begin with, those that were muted last at the end."""
        return self._personal.threads

    def mute_thread(self, beginning: str) -> int:
        """Mute the thread that begins with an activity; of how many that were muted long ago one hears again. Raises
        ValueError with a sentence for a person."""
        before = self.threads
        threads = (*(one for one in before if one != beginning), beginning)[-THREADS_MAX:]
        while len(threads) > 1 and not self._has_room(replace(self._personal, threads=threads)):
            threads = threads[1:]
        self._change(replace(self._personal, threads=threads))
        self.read_muted()
        return sum(one not in threads for one in before)

    def unmute_thread(self, beginning: str) -> None:
        """Hear of a thread again."""
        self._personal = replace(self._personal, threads=tuple(one for one in self.threads if one != beginning))

    @property
    def views(self) -> tuple[View, ...]:
        """Queries that this person keeps by name."""
        return self._personal.views

    def keep_view(self, view: View) -> None:
        """Keep a view, in the place of one of its name. Raises ValueError with a sentence for a person."""
        if len(view.name) > NAME_MAX or len(view.query) > QUERY_MAX:
            raise ValueError(f"a view has at most {NAME_MAX} characters of name, and {QUERY_MAX} of what it looks for")
        others = tuple(one for one in self.views if one.name != view.name)
        if len(others) >= VIEWS_MAX:
            raise ValueError(f"{VIEWS_MAX} views are kept, that is all there is room for; /unview NAME lets one go")
        if view not in self.views:
            self._change(replace(self._personal, views=(*others, view)))

    def drop_view(self, name: str) -> None:
        """Raises ValueError with a sentence for a person."""
        if all(one.name != name for one in self.views):
            raise ValueError(f"there is no view {name[:NAME_MAX]!r}; v tells which there are")
        self._personal = replace(self._personal, views=tuple(one for one in self.views if one.name != name))

    def _change(self, personal: Personal) -> None:
        """Raises ValueError with a sentence for a person when it would be too much beside the largest mark."""
        if not self._has_room(personal):
            raise ValueError("there is no room for more views and mutes; /unview and /unmute make some")
        self._personal = personal

    @staticmethod
    def _has_room(personal: Personal) -> bool:
        return len(msgspec.json.encode(replace(personal, mark=None))) <= BYTES_MAX - MARK_BYTES_MAX

    def unread_in(self, view: View) -> int:
        """How much of what is unread a view shows."""
        try:
            wanted = parse(view.query, now=self._newest / 1_000_000)
        except ValueError:
            return 0
        entries = (row.entry for row in self._waiting.values() if row.unread)
        return sum(matches(wanted, document(entry.sender, entry.body, entry.stamp)) for entry in entries)

    # --- what comes ------------------------------------------------------------------------------------------------

    def is_new(self, entry_id: str | None, stamp: int | None) -> bool:
        """Whether something from the past was not read yet."""
        mark = self._personal.mark
        return self._compares and mark is not None and not mark.covers(entry_id, stamp)

    def knows_read(self, entry: FeedItem) -> bool:
        """Whether an activity was read before it came here: in another session of the account."""
        return self._personal.mark is not None and self._personal.mark.covers(entry.id, entry.stamp)

    def caught_up(self) -> None:
        """What was before has come."""
        self._compares = True

    def is_late(self, stamp: int | None, *, live: bool) -> bool:
        """Whether something that is new is much older than what came before it, or was read before it."""
        newest = self._newest - LATE if live else self._mark.stamp
        return stamp is not None and stamp <= newest

    def arrived(self, entry: FeedItem, *, live: bool, to_reader: bool) -> None:
        """A row was put at the end of the feed."""
        self._newest = max(self._newest, entry.stamp or 0)
        unread = (
            not entry.own
            and not entry.folded
            and not self.is_muted(entry)
            and (not self.attending if live else self.is_new(entry.id, entry.stamp))
        )
        key = entry.key
        if unread and not self.unread:
            self.line = key
        self._waiting[key] = row = _Waiting(entry, unread, to_reader)
        if unread:
            self.unread += 1
            self.unread_mentions += to_reader
        if len(self._waiting) > UNREAD_MAX:
            self._has_read(next(iter(self._waiting.values())))
        if not row.unread or len(self._waiting) > UNREAD_MAX:
            self._advance()

    # --- what is read ----------------------------------------------------------------------------------------------

    def seen(self, entries: Iterable[FeedItem]) -> None:
        """These rows are on the screen, before somebody who looks."""
        if not self.unread:
            return
        for entry in entries:
            row = self._waiting.get(entry.key)
            if row is not None and row.unread:
                self._has_read(row)
        self._advance()

    def removed(self, ids: Iterable[str]) -> None:
        """These activities are there no more."""
        for one in ids:
            row = self._waiting.get(one)
            if row is not None:
                self._has_read(row)
        self._advance()

    def read_all(self) -> None:
        """This person says that they have read everything."""
        for row in self._waiting.values():
            if row.unread:
                self._has_read(row)
        self._advance()

    def next_unread(self) -> FeedItem | None:
        """The oldest unread row that is to this person, else the oldest one at all."""
        rows = [row for row in self._waiting.values() if row.unread]
        found = next((row for row in rows if row.to_reader), None) or (rows[0] if rows else None)
        return found.entry if found is not None else None

    @property
    def _mark(self) -> ReadMark:
        return self._personal.mark or ReadMark()

    def _has_read(self, row: _Waiting) -> None:
        if row.unread:
            row.unread = False
            self.unread -= 1
            self.unread_mentions -= row.to_reader

    def _advance(self) -> None:
        """Have the mark go up to the oldest row that is not read."""
        mark = self._personal.mark
        while self._waiting and not (row := next(iter(self._waiting.values()))).unread:
            self._waiting.popitem(last=False)
            mark = (mark or ReadMark()).with_read(row.entry.id, row.entry.stamp)
        if mark is not self._personal.mark:
            self._personal = replace(self._personal, mark=mark)

    def _forget(self) -> None:
        self._waiting.clear()
        self.unread = self.unread_mentions = 0
        self.line = None


def _without_mark(personal: Personal) -> Personal:
    """What a person has said, and not where they have read to."""
    return replace(personal, mark=None)
