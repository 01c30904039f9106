"""What one activity is under its answers: a pure fold that no order of coming changes.

It is a state-based CRDT (Shapiro et al., "Conflict-free Replicated Data Types", 2011): sets that grow, and of some
things the last by (stamp, entry). So answers may come before what they answer, late, twice, and in any order. Each set
keeps the greatest of its order, up to a bound, and which these are depends on no order of coming, either.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from core.answers.answer_kinds import Answer
from core.wire.names import original_name
from core.wire.references import PostReference, Reference, entry_reference

REPLIES_MAX: Final = 1_000
"""The latest of one activity's replies that are kept."""
REACTIONS_MAX: Final = 1_000
"""So many names of those who react to one activity."""
NAMESAKES_MAX: Final = 4
"""So many accounts that have one name, before or after a conflict, react to one activity. Of more claims that one name
has most are made up: a server that does not look has anybody call themselves what any account is called."""
EDITS_MAX: Final = 16
"""The latest of one activity's versions that are kept."""
EDITORS_MAX: Final = 8
"""So many names of those who say that they have edited or removed one activity. All but its sender's change nothing."""


class Reply(NamedTuple):
    """One that answers an activity in words, in the order of time."""

    stamp: int
    entry: str
    own: PostReference | None
    sender: str

    @property
    def reference(self) -> Reference | None:
        """What names it; None if nothing does."""
        return self.own or entry_reference(self.entry)


class Version(NamedTuple):
    """What an activity's object was from a time on."""

    stamp: int
    entry: str
    said: str
    own: PostReference | None


class Reaction(NamedTuple):
    """The last word of somebody on an activity, by a symbol; an empty one takes back what was said before."""

    stamp: int
    entry: str
    symbol: str
    own: PostReference | None
    sender: str


class Reactions(NamedTuple):
    """Those who react in one way."""

    symbol: str
    senders: tuple[str, ...]
    """In the order of time."""


_Item = TypeVar("_Item", Reply, Version)
_Kept = TypeVar("_Kept")


class _Changes:
    """What those who have one name, before and after a conflict, have done to an activity."""

    __slots__ = ("removal", "undone", "versions")

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.removal: tuple[int, str] | None = None
        self.undone = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Changes) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    def take(self, answer: Answer) -> bool:
        if answer.kind == "edit":
            return self.take_version(Version(answer.stamp, answer.entry, answer.said, answer.own))
        if answer.kind == "removal":
            return self.take_removal((answer.stamp, answer.entry))
        changed, self.undone = not self.undone, True
        return changed

    def take_version(self, version: Version) -> bool:
        return _insert(self.versions, version, EDITS_MAX)[0]

    def take_removal(self, at: tuple[int, str]) -> bool:
        if self.removal is not None and self.removal <= at:
            return False
        self.removal = at
        return True

    def join(self, other: _Changes) -> None:
        for version in other.versions:
            self.take_version(version)
        if other.removal is not None:
            self.take_removal(other.removal)
        self.undone |= other.undone


class AnswerSet:
    """All that was answered to one activity, and whether it is still there.

    A server that does not look has anybody call themselves what an account is called. So what changes an activity is
    kept by who says it, and counts for whoever shows it as the work of a sender of that name.
    """

    __slots__ = ("_changes", "_reactions", "_replies", "more_reactions", "more_replies")

    def __init__(self) -> None:
        self._replies: list[Reply] = []
        self._changes: dict[str, _Changes] = {}
        """By `original_name`."""
        self._reactions: dict[str, dict[str, Reaction]] = {}
        """By `original_name`, and of each by who says it (`Answer.by`)."""
        self.more_replies = False
        """There were more replies than are kept."""
        self.more_reactions = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnswerSet) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._replies or self._changes or self._reactions)

    def take(self, answer: Answer) -> bool:
        """Fold an answer to this activity in; whether anything is different now. One that does not count changes
        nothing."""
        if not answer.counts:
            return False
        at = (answer.stamp, answer.entry)
        if answer.kind == "reply":
            return self._take_reply(Reply(*at, answer.own, answer.sender))
        if answer.kind == "reaction":
            return self._take_reaction(answer.by, Reaction(*at, answer.said, answer.own, answer.sender))
        changes = self._changes_by(original_name(answer.sender))
        return changes is not None and changes.take(answer)

    def join(self, other: AnswerSet) -> None:
        """Fold in all that another set of the same activity has: the least that has both."""
        for reply in other._replies:
            self._take_reply(reply)
        for name, found in other._changes.items():
            changes = self._changes_by(name)
            if changes is not None:
                changes.join(found)
        for theirs in other._reactions.values():
            for by, reaction in theirs.items():
                self._take_reaction(by, reaction)
        self.more_replies |= other.more_replies
        self.more_reactions |= other.more_reactions

    # --- what came of it ----------------------------------------------------------------------------------------------

    def removed_at(self, sender: str) -> int | None:
        """When its `sender` has removed it; None if they have not. Who removes is not heard again, whatever comes
        later."""
        found = self._changes.get(original_name(sender))
        return None if found is None or found.removal is None else found.removal[0]

    def is_gone(self, sender: str) -> bool:
        """Whether its `sender` has removed it, or, as a reaction, taken it back."""
        found = self._changes.get(original_name(sender))
        return found is not None and (found.undone or found.removal is not None)

    def versions(self, sender: str) -> tuple[Version, ...]:
        """What its `sender` has changed the activity's object to, the last one counts. Copies of one edit are one.

        What one start of a server has accepted stays in that order, whatever the stamps say: where clocks are wrong by
        hours, servers that somebody has been at date one entry by different times.
        """
        found = self._changes.get(original_name(sender))
        return () if found is None else tuple(_once(_in_order(found.versions)))

    @property
    def replies(self) -> tuple[Reply, ...]:
        """In the order of time. Copies of one reply are one. Some may be removed: their own sets say so."""
        return tuple(_once(self._replies))

    @property
    def reactions(self) -> list[Reaction]:
        """The last word of each, in the order of time, also of those who have taken theirs back. Reactions that are
        named by an undo are in here: their own sets say so."""
        return sorted((one for theirs in self._reactions.values() for one in theirs.values()), key=_order)

    def reaction(self, by: str, sender: str) -> Reaction | None:
        """The last word of who has this claim, or @name, and is called `sender` now or was before a conflict."""
        return self._reactions.get(original_name(sender), {}).get(by)

    @property
    def senders(self) -> set[str]:
        """Who answers, by `original_name`."""
        return {*self._changes, *self._reactions, *(original_name(one.sender) for one in self._replies)}

    @property
    def size(self) -> tuple[int, int]:
        """How many things are kept, and how many characters of versions."""
        versions = [one for changes in self._changes.values() for one in changes.versions]
        things = len(self._replies) + len(versions) + sum(map(len, self._reactions.values()))
        return things, sum(len(one.said) for one in versions)

    # --- folding ------------------------------------------------------------------------------------------------------

    def _take_reply(self, reply: Reply) -> bool:
        changed, dropped = _insert(self._replies, reply, REPLIES_MAX)
        if dropped and not self.more_replies:
            self.more_replies = changed = True
        return changed

    def _take_reaction(self, by: str, reaction: Reaction) -> bool:
        name = original_name(reaction.sender)
        theirs = self._reactions.get(name)
        if theirs is None:
            theirs = {}
            is_kept, more = _least(self._reactions, name, theirs, REACTIONS_MAX)
            changed = more and not self.more_reactions
            self.more_reactions |= more
            if not is_kept:
                return changed
        before = theirs.get(by)
        if before is not None and _order(before) >= _order(reaction):
            return False
        if before is not None:
            theirs[by] = reaction
            return True
        return _least(theirs, by, reaction, NAMESAKES_MAX)[0]

    def _changes_by(self, name: str) -> _Changes | None:
        """What whoever has this original name has done; None where others are kept."""
        found = self._changes.get(name)
        if found is None:
            found = _Changes()
            if not _least(self._changes, name, found, EDITORS_MAX)[0]:
                return None
        return found


def _least(items: dict[str, _Kept], key: str, item: _Kept, limit: int) -> tuple[bool, bool]:
    """Put an item under a new key: whether it is kept, and whether there were more than are. Those with the least keys
    are: who is kept must not depend on the order of coming."""
    is_full = len(items) >= limit
    if is_full:
        last = max(items)
        if key > last:
            return False, True
        del items[last]
    items[key] = item
    return True, is_full


def _order(item: Reply | Version | Reaction) -> tuple[object, ...]:
    """The order of (stamp, entry), and beyond that any that is the same everywhere."""
    return (*item[:2], *map(str, item[2:]))


def _in_order(versions: Sequence[Version]) -> list[Version]:
    """By their stamps, where none counts as earlier than what its stream has before it."""
    places = [_place(version.entry) for version in versions]
    latest: dict[str, int] = {}
    found: list[tuple[int, str, int, Version]] = []
    for (stream, number), version in sorted(zip(places, versions, strict=True), key=lambda one: (one[0], one[1].stamp)):
        stamp = latest[stream] = max(version.stamp, latest.get(stream, 0))
        found.append((stamp, stream, number, version))
    return [version for *_, version in sorted(found, key=lambda one: one[:3])]


def _place(entry: str) -> tuple[str, int]:
    """The stream of an entry, and its number there; a stream of its own for what is called otherwise."""
    stream, _, number = entry.rpartition(".")
    return (stream, int(number)) if number.isascii() and number.isdigit() and len(number) < 20 else (entry, 0)


def _insert(items: list[_Item], item: _Item, limit: int) -> tuple[bool, bool]:
    """Put an item in its place among those that are in order: whether that changed anything, and whether one went."""
    key = _order(item)
    at = len(items) if not items or _order(items[-1]) < key else bisect_left(items, key, key=_order)
    if at < len(items) and items[at] == item:
        return False, False
    if len(items) < limit:
        items.insert(at, item)
        return True, False
    if at == 0:
        return False, True
    items.insert(at, item)
    del items[0]
    return True, True


def _once(items: Iterable[_Item]) -> list[_Item]:
    """The first of each, by its own reference or by its entry."""
    found: dict[Reference | str, _Item] = {}
    for item in items:
        found.setdefault(item.own or item.entry, item)
    return list(found.values())
