"""What is known of many activities' answers: each one's set under the one name that all its copies have.

A table is what somebody keeps for what they look at: beyond its bounds it forgets, and whoever wants that asks again.
What is kept of an activity is charged to one of those who answer it, to one of whom little is kept where there is such
a one. Whoever has most charged to them has their oldest forgotten. So who answers thousands of activities, or such as
never were, has their own answers forgotten, and nobody else's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from core.answers.answer_kinds import Answer
from core.answers.answer_set import AnswerSet, Reaction, Reactions, Reply, Version
from core.answers.fair_level import fair_level
from core.wire.names import original_name
from core.wire.references import EntryReference, PostReference, Reference, entry_reference

ACTIVITIES_MAX: Final = 20_000
"""So many activities' answers are kept."""
ITEMS_MAX: Final = 100_000
"""Replies, reactions and versions of all of them together."""
VERSIONS_CHARACTERS_MAX: Final = 16 * 1024 * 1024
"""Of all versions that are kept."""
DEPTH_MAX: Final = 64
"""So many replies to replies are followed. What is deeper stands at that depth."""

SPARE: Final = 8
"""Beyond a bound this part of what it allows is forgotten at once: that looks at all who have something charged."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Size(NamedTuple):
    """What is kept: activities; replies, reactions and versions of them; characters of versions."""

    activities: int = 0
    items: int = 0
    characters: int = 0

    def plus(self, other: _Size) -> _Size:
        return _Size(*(one + more for one, more in zip(self, other, strict=True)))

    def minus(self, other: _Size) -> _Size:
        return _Size(*(one - less for one, less in zip(self, other, strict=True)))


class _Share:
    """What is charged to one who answers: its activities, in the order in which they were touched."""

    __slots__ = ("names", "size")

    def __init__(self) -> None:
        self.names: OrderedDict[Reference, None] = OrderedDict()
        self.size = _Size()


class AnswerTable:
    """The answers to many activities."""

    def __init__(
        self,
        *,
        activities_max: int = ACTIVITIES_MAX,
        items_max: int = ITEMS_MAX,
        characters_max: int = VERSIONS_CHARACTERS_MAX,
    ) -> None:
        self._room = _Size(activities_max, items_max, characters_max)
        self._sets: dict[Reference, AnswerSet] = {}
        self._sizes: dict[Reference, _Size] = {}
        self._charged: dict[Reference, str] = {}
        """To whom an activity is charged, by `original_name`."""
        self._shares: dict[str, _Share] = {}
        self._kept = _Size()
        self.forgotten = 0
        """Counts the activities whose answers were forgotten."""
        self._names: OrderedDict[EntryReference, PostReference] = OrderedDict()
        self._answered: OrderedDict[Reference, Reference] = OrderedDict()
        """What each reply answers."""
        self._hidden: OrderedDict[str, None] = OrderedDict()
        """The entries that operators have hidden, or removed."""

    def __len__(self) -> int:
        return len(self._sets)

    def name(self, reference: Reference) -> Reference:
        """The one name under which an activity stands here."""
        return self._names.get(reference, reference) if isinstance(reference, EntryReference) else reference

    def know(self, entry: str, own: PostReference) -> Reference | None:
        """An entry is a copy of the activity that is called `own`: both names lead to one from here on. What has
        changed by that, if anything."""
        copy = entry_reference(entry)
        if copy is None or copy in self._names:
            return None
        _put(self._names, copy, own, self._room.activities)
        if (answered := self._answered.pop(copy, None)) is not None:
            _put(self._answered, own, answered, self._room.items)
        before = self._sets.get(copy)
        if before is None:
            return None
        by = self._charged[copy]
        self._drop(copy)
        joined = self._set(own, by)
        joined.join(before)
        self._count(own, joined)
        return own

    def take(self, answer: Answer) -> Reference | None:
        """Fold an answer in. What it has changed, by its name here; None if nothing."""
        if answer.own is not None:
            self.know(answer.entry, answer.own)
        if not answer.counts:
            return None
        about = self.name(answer.about)
        found = self._set(about, original_name(answer.sender))
        changed = found.take(answer)
        if answer.kind == "reply" and (own := answer.own or entry_reference(answer.entry)) is not None:
            own = self.name(own)
            if own not in self._answered and own != about:
                _put(self._answered, own, about, self._room.items)
        self._count(about, found)
        self._forget(about)
        return about if changed else None

    def of(self, reference: Reference) -> AnswerSet:
        """What was answered to an activity, as far as that is known."""
        return self._sets.get(self.name(reference)) or AnswerSet()

    def replies(self, reference: Reference) -> list[Reply]:
        """Those to an activity that are still there, in the order of time."""
        return [one for one in self.of(reference).replies if not self._is_hidden(one) and not self._is_removed(one)]

    def _is_removed(self, reply: Reply) -> bool:
        found = None if reply.reference is None else self._sets.get(self.name(reply.reference))
        return found is not None and found.removed_at(reply.sender) is not None

    def versions(self, reference: Reference, sender: str) -> list[Version]:
        """What an activity's `sender` has changed it to, the last one counts."""
        return [one for one in self.of(reference).versions(sender) if not self._is_hidden(one)]

    def removed_at(self, reference: Reference, sender: str) -> int | None:
        """When an activity's `sender` has removed it; None if they have not."""
        return self.of(reference).removed_at(sender)

    def reaction(self, reference: Reference, by: str, sender: str) -> Reaction | None:
        """How somebody reacts to an activity now, by a claim or an @name, and by a name that is theirs."""
        found = self.of(reference).reaction(by, sender)
        return found if found is not None and found.symbol and self._holds(found) else None

    def reactions(self, reference: Reference) -> list[Reactions]:
        """Who reacts to an activity, by symbols: the most used one first, of equal ones the one that came first."""
        last: dict[str, Reaction] = {}
        for one in self.of(reference).reactions:
            if self._holds(one):
                # Whoever calls themselves by several claims has one voice all the same.
                last.pop(one.sender, None)
                last[one.sender] = one
        found: dict[str, list[str]] = {}
        for one in last.values():
            if one.symbol:
                found.setdefault(one.symbol, []).append(one.sender)
        return sorted((Reactions(symbol, tuple(who)) for symbol, who in found.items()), key=lambda one: -len(one[1]))

    def _holds(self, reaction: Reaction) -> bool:
        return not self._is_hidden(reaction) and (
            reaction.own is None or not self.of(reaction.own).is_gone(reaction.sender)
        )

    # --- what operators do --------------------------------------------------------------------------------------------

    def hide(self, entries: Iterable[str]) -> None:
        """Nobody is to see these entries: what they say counts no more, until they are shown again."""
        for entry in entries:
            self._hidden[entry] = None
            self._hidden.move_to_end(entry)
        while len(self._hidden) > self._room.activities:
            self._hidden.popitem(last=False)

    def show(self, entries: Iterable[str]) -> None:
        """These are seen again."""
        for entry in entries:
            self._hidden.pop(entry, None)

    def _is_hidden(self, one: Reply | Version | Reaction) -> bool:
        return one.entry in self._hidden

    # --- threads ------------------------------------------------------------------------------------------------------

    def answered_by(self, reference: Reference) -> Reference | None:
        """What a reply answers, as far as that is known."""
        answered = self._answered.get(self.name(reference))
        return None if answered is None else self.name(answered)

    def above(self, reference: Reference) -> Iterator[Reference]:
        """What a reply answers, and what that answers, up to the beginning of the thread. Ends in circles, too."""
        seen = {self.name(reference)}
        at = self.answered_by(reference)
        while at is not None and at not in seen and len(seen) <= DEPTH_MAX:
            seen.add(at)
            yield at
            at = self.answered_by(at)

    def beginning(self, reference: Reference) -> Reference:
        """Where the thread of an activity begins, as far as that is known; of a circle its smallest name."""
        above = list(self.above(reference))
        last = above[-1] if above else self.name(reference)
        if (next_one := self.answered_by(last)) is not None and next_one in {self.name(reference), *above}:
            return min((self.name(reference), *above), key=str)
        return last

    def thread(self, beginning: Reference, most: int | None = None) -> list[tuple[int, Reference]]:
        """All that is known of a thread, the first `most` of it, each with its depth: replies stand under what they
        answer, in the order of time."""
        begin = self.name(beginning)
        seen = {begin}
        found: list[tuple[int, Reference]] = []
        waiting = [(0, begin)]
        while waiting:
            depth, at = waiting.pop()
            found.append((depth, at))
            if len(found) == most:
                break
            below: list[tuple[int, Reference]] = []
            for reply in self.of(at).replies:
                if reply.reference is not None and (name := self.name(reply.reference)) not in seen:
                    seen.add(name)
                    below.append((min(depth + 1, DEPTH_MAX), name))
            waiting += reversed(below)
        return found

    # --- bounds -------------------------------------------------------------------------------------------------------

    def _set(self, name: Reference, by: str) -> AnswerSet:
        """What is kept of an activity that somebody answers."""
        found = self._sets.get(name)
        if found is None:
            found = self._sets[name] = AnswerSet()
            self._charge(name, by, _Size())
            return found
        charged = self._shares[self._charged[name]]
        other = self._shares.get(by)
        if other is not charged and (other is None or other.size < charged.size):
            size = self._sizes.pop(name)
            self._discharge(name, size)
            self._charge(name, by, size)
        else:
            charged.names.move_to_end(name)
        return found

    def _charge(self, name: Reference, by: str, size: _Size) -> None:
        share = self._shares.setdefault(by, _Share())
        self._charged[name], self._sizes[name] = by, size
        share.names[name] = None
        share.size = share.size.plus(size)
        self._kept = self._kept.plus(size)

    def _discharge(self, name: Reference, size: _Size) -> None:
        by = self._charged.pop(name)
        share = self._shares[by]
        del share.names[name]
        share.size = share.size.minus(size)
        self._kept = self._kept.minus(size)
        if not share.names:
            del self._shares[by]

    def _count(self, name: Reference, found: AnswerSet) -> None:
        size, before = _Size(1, *found.size), self._sizes[name]
        if size != before:
            share = self._shares[self._charged[name]]
            share.size = share.size.minus(before).plus(size)
            self._kept = self._kept.minus(before).plus(size)
            self._sizes[name] = size

    def _drop(self, name: Reference) -> None:
        del self._sets[name]
        self._discharge(name, self._sizes.pop(name))

    def _forget(self, latest: Reference) -> None:
        for kind, most in enumerate(self._room):
            if self._kept[kind] > most:
                self._forget_fairly(kind, most - most // SPARE, latest)

    def _forget_fairly(self, kind: int, room: int, latest: Reference) -> None:
        """Forget the oldest of those who have most charged to them, in one kind of what is kept, but for what was
        touched last."""
        level = fair_level((share.size[kind] for share in self._shares.values()), room)
        # What is on a level is forgotten where one activity's answers alone are more than all have room.
        for keep in (level, 0):
            for share in sorted(self._shares.values(), key=lambda share: share.size[kind], reverse=True):
                for name in [*share.names] if share.size[kind] > keep else ():
                    if self._kept[kind] <= room or share.size[kind] <= keep:
                        break
                    if name != latest and self._sizes[name][kind]:
                        self._forget_one(name, kind, keep)

    def _forget_one(self, name: Reference, kind: int, level: int) -> None:
        """Forget what is kept of an activity, unless somebody else answers it who has room for it."""
        size = self._sizes[name]
        for by in self._sets[name].senders:
            other = self._shares.get(by)
            if (0 if other is None else other.size[kind]) + size[kind] <= level and by != self._charged[name]:
                self._discharge(name, size)
                self._charge(name, by, size)
                return
        self._drop(name)
        self.forgotten += 1


def _put(items: OrderedDict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    items[key] = value
    if len(items) > limit:
        items.popitem(last=False)
