"""One side learns what it lacks of the other, over messages as they travel, without a network."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.reconciliation.item_order import ACCOUNTS, END, ItemKey, bound, item_key
from core.reconciliation.radix_summary import MemoryRows, RadixSummary
from core.reconciliation.range_comparison import (
    PENDING_MAX,
    ItemRange,
    RangePart,
    check_answer,
    check_question,
    follow_up,
    part_of,
    respond,
)
from core.reconciliation.range_messages import decode_answer, decode_question, encode_answer, encode_question
from core.reconciliation.sorted_items import SortedItems
from core.wire.codec import decode, encode
from core.wire.entries import EntryId, Kind
from core.wire.entry_runs import ids_in
from core.wire.messages import Reconcile, ReconcileAnswer

EVERYTHING = ItemRange(bound(ACCOUNTS), END)


class MemorySet:
    """A set in memory, with its summary."""

    def __init__(self, keys: Iterable[ItemKey] = ()) -> None:
        self.items = SortedItems(keys)
        self.rows = MemoryRows()
        self.summary = RadixSummary(self.rows, self.items)
        self.summary.add(self.items.between(*EVERYTHING))

    def put(self, key: ItemKey) -> None:
        self.items.put(key)
        self.summary.add([key])

    def all(self) -> list[ItemKey]:
        return list(self.items.between(*EVERYTHING))


@dataclass
class Pulled:
    """What one side has learned, and what it cost."""

    lacked: set[EntryId] = field(default_factory=set)
    rounds: int = 0
    bytes: int = 0
    longest: int = 0
    """The longest message, in bytes."""
    pending: int = 0
    """The most ranges that waited."""
    asking: float = 0.0
    answering: float = 0.0
    """Seconds of the processor."""


def pull(asker: MemorySet, other: MemorySet) -> Pulled:
    """What the other has and the asker has not, as a comparison finds it."""
    pulled = Pulled()
    has = {key.id for key in asker.all()}
    parts: tuple[RangePart, ...] = (part_of(asker.summary, EVERYTHING),)
    pending: tuple[ItemRange, ...] = ()
    while parts:
        began = time.process_time()
        asked = encode(encode_question(1, parts))
        pulled.asking += time.process_time() - began
        began = time.process_time()
        message = decode(asked)
        assert isinstance(message, Reconcile)
        question = decode_question(message)
        check_question(question)
        answered = encode(encode_answer(1, respond(other.summary, question)))
        pulled.answering += time.process_time() - began
        began = time.process_time()
        answer_message = decode(answered)
        assert isinstance(answer_message, ReconcileAnswer)
        answer = decode_answer(answer_message)
        check_answer(parts, answer)
        for listed in answer.lists:
            pulled.lacked.update(entry_id for entry_id in ids_in(listed.entries) if entry_id not in has)
        following = follow_up(asker.summary, parts, answer, pending)
        parts, pending = following.parts, following.pending
        pulled.asking += time.process_time() - began
        pulled.rounds += 1
        pulled.bytes += len(asked) + len(answered)
        pulled.longest = max(pulled.longest, len(asked), len(answered))
        pulled.pending = max(pulled.pending, len(pending))
        assert len(pending) <= PENDING_MAX
    return pulled


def made_up(count: int, *, streams: int = 20, seed: int = 1, bursts: bool = True) -> list[ItemKey]:
    """Entries as a network of so many starts writes them: most stamps close together, some days apart."""
    rng = random.Random(seed)
    stamp = 1_700_000_000_000_000
    numbers = [0] * streams
    keys = []
    for _ in range(count):
        stamp += rng.choice((50, 100, 100_000)) if bursts and rng.random() < 0.999 else rng.randrange(10**11)
        stream = rng.randrange(streams)
        numbers[stream] += 1
        kind: Kind = "account" if rng.random() < 0.05 else "activity"
        keys.append(item_key(kind, stamp, EntryId(f"node{stream:08d}", 1_700_000_000 + stream, numbers[stream])))
    return keys
