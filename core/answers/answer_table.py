"""What is known of many activities' answers: each one's set under the one name that all its copies have.

A table is what somebody keeps for what they look at: beyond its bounds it forgets what was touched longest ago, and
whoever wants that asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from core.answers.answer_kinds import Answer
from core.answers.answer_set import AnswerSet, Reaction, Reactions, Reply, Version
from core.wire.references import EntryReference, PostReference, Reference, entry_reference

ACTIVITIES_MAX: Final = 20_000
"""So many activities' answers are kept."""
ITEMS_MAX: Final = 100_000
"""Replies, reactions and versions of all of them together."""
VERSIONS_CHARACTERS_MAX: Final = 16 * 1024 * 1024
"""Of all versions that are kept."""
DEPTH_MAX: Final = 64
"""So many replies to replies are followed. What is deeper stands at that depth."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class AnswerTable:
    """The answers to many activities."""

    def __init__(
        self,
        *,
        activities_max: int = ACTIVITIES_MAX,
        items_max: int = ITEMS_MAX,
        characters_max: int = VERSIONS_CHARACTERS_MAX,
    ) -> None:
        self._activities_max = activities_max
        self._items_max = items_max
        self._characters_max = characters_max
        self._sets: OrderedDict[Reference, AnswerSet] = OrderedDict()
        self._sizes: dict[Reference, tuple[int, int]] = {}
        self._items = 0
        self._characters = 0
        self._names: OrderedDict[EntryReference, PostReference] = OrderedDict()
        self._answered: OrderedDict[Reference, Reference] = OrderedDict()
        """What each reply answers."""
        self._hidden: OrderedDict[str, None] = OrderedDict()
        """The entries that operators have hidden, or removed."""
        self._edited: OrderedDict[Reference, None] = OrderedDict()
        """Of which versions are kept, in the order in which they were touched."""

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
        _put(self._names, copy, own, self._activities_max)
        if (answered := self._answered.pop(copy, None)) is not None:
            _put(self._answered, own, answered, self._activities_max)
        before = self._sets.pop(copy, None)
        if before is None:
            return None
        self._count(copy, None)
        joined = self._set(own)
        joined.join(before)
        self._count(own, joined)
        return own

    def take(self, answer: Answer) -> Reference | None:
        """Fold an answer in. What it has changed, by its name here; None if nothing."""
        if answer.own is not None:
            self.know(answer.entry, answer.own)
        about = self.name(answer.about)
        found = self._set(about)
        changed = found.take(answer)
        if answer.kind == "reply" and (own := answer.own or entry_reference(answer.entry)) is not None:
            own = self.name(own)
            if own not in self._answered and own != about:
                _put(self._answered, own, about, self._activities_max)
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

    def reaction(self, reference: Reference, by: str) -> Reaction | None:
        """How somebody reacts to an activity now, by a claim or an @name."""
        found = self.of(reference).reactions.get(by)
        return found if found is not None and self._holds(found) else None

    def reactions(self, reference: Reference) -> list[Reactions]:
        """Who reacts to an activity, by symbols: the most used one first, of equal ones the one that came first."""
        found: dict[str, list[str]] = {}
        for one in sorted(self.of(reference).reactions.values(), key=lambda one: one[:2]):
            if self._holds(one):
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
        while len(self._hidden) > self._activities_max:
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

    def thread(self, beginning: Reference) -> list[tuple[int, Reference]]:
        """All that is known of a thread, each with its depth: replies stand under what they answer, in the order of
        time."""
        begin = self.name(beginning)
        seen = {begin}
        found: list[tuple[int, Reference]] = []
        waiting = [(0, begin)]
        while waiting:
            depth, at = waiting.pop()
            found.append((depth, at))
            below: list[tuple[int, Reference]] = []
            for reply in self.of(at).replies:
                if reply.reference is not None and (name := self.name(reply.reference)) not in seen:
                    seen.add(name)
                    below.append((min(depth + 1, DEPTH_MAX), name))
            waiting += reversed(below)
        return found

    # --- bounds -------------------------------------------------------------------------------------------------------

    def _set(self, name: Reference) -> AnswerSet:
        found = self._sets.get(name)
        if found is None:
            found = self._sets[name] = AnswerSet()
        else:
            self._sets.move_to_end(name)
        return found

    def _count(self, name: Reference, found: AnswerSet | None) -> None:
        items, characters = self._sizes.pop(name, (0, 0))
        self._items -= items
        self._characters -= characters
        self._edited.pop(name, None)
        if found is not None:
            self._sizes[name] = size = found.size
            self._items += size[0]
            self._characters += size[1]
            if size[1]:
                self._edited[name] = None

    def _forget(self, latest: Reference) -> None:
        # Who edits at length takes the room of others who do, and not of what is known of all the rest.
        while self._characters > self._characters_max and len(self._edited) > 1:
            self._forget_oldest(self._edited, latest)
        while len(self._sets) > 1 and (len(self._sets) > self._activities_max or self._items > self._items_max):
            self._forget_oldest(self._sets, latest)

    def _forget_oldest(self, among: OrderedDict[Reference, _Value], latest: Reference) -> None:
        oldest = next(iter(among))
        if oldest == latest:
            among.move_to_end(oldest)
            oldest = next(iter(among))
        del self._sets[oldest]
        self._count(oldest, None)


def _put(items: OrderedDict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    items[key] = value
    if len(items) > limit:
        items.popitem(last=False)
