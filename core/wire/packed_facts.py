"""What is known of accounts, packed: registrations and changes as they are kept, read one by one when asked for.

Facts stand in parts. Beside its facts each part has 64 bits of a digest of every user name and of every claim, sorted,
by which a fact is found. What is found is read and compared: two of one digest cost a look more, and nothing else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Final

import msgspec

from core.wire.entries import AccountFact
from core.wire.packed_arrays import packed_array, unpacked_array

PART_FACTS_MAX: Final = 4096
"""Most facts of one part: a number of one takes 2 bytes, and the search in a hundred parts some 50 µs."""
_MARK_BYTES: Final = 2 * (8 + 2) + 4


class _Named(msgspec.Struct, gc=False):
    """Of a fact no more than whose it is."""

    username: str


_decoder = msgspec.json.Decoder(AccountFact)
_name_decoder = msgspec.json.Decoder(_Named)
_encoder = msgspec.json.Encoder()


class FactPart:
    """Some facts, and how they are found."""

    __slots__ = ("_claims", "_ends", "_usernames", "texts")

    def __init__(self, texts: bytes, marks: bytes) -> None:
        """What `texts` and `marks` of another part were. Raises ValueError when they do not fit together."""
        count, rest = divmod(len(marks), _MARK_BYTES)
        if rest or count > PART_FACTS_MAX:
            raise ValueError("a part's marks are cut")
        self.texts: Final = texts
        """All facts as JSON, one behind the other."""
        at = 8 * count
        self._usernames = _Digests(
            unpacked_array("Q", marks[:at]), unpacked_array("H", marks[2 * at : 2 * at + 2 * count])
        )
        self._claims = _Digests(
            unpacked_array("Q", marks[at : 2 * at]), unpacked_array("H", marks[2 * at + 2 * count : 2 * at + 4 * count])
        )
        self._ends = unpacked_array("I", marks[2 * at + 4 * count :])
        if (self._ends[-1] if count else 0) != len(texts):
            raise ValueError("a part's facts and marks do not fit together")

    @classmethod
    def of(cls, facts: Sequence[AccountFact]) -> FactPart:
        """A part with these facts, PART_FACTS_MAX of them at most."""
        texts = [_encoder.encode(fact) for fact in facts]
        ends = array("I")
        end = 0
        for text in texts:
            end += len(text)
            ends.append(end)
        usernames = _Digests.of([_digest(fact.username) for fact in facts])
        claims = _Digests.of([_digest(fact.claim) for fact in facts])
        marks = (usernames.digests, claims.digests, usernames.numbers, claims.numbers, ends)
        return cls(b"".join(texts), b"".join(packed_array(one) for one in marks))

    @property
    def marks(self) -> bytes:
        parts = (
            self._usernames.digests,
            self._claims.digests,
            self._usernames.numbers,
            self._claims.numbers,
            self._ends,
        )
        return b"".join(packed_array(one) for one in parts)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[AccountFact]:
        return (self.fact(number) for number in range(len(self._ends)))

    def fact(self, number: int) -> AccountFact:
        begin = self._ends[number - 1] if number else 0
        return _decoder.decode(memoryview(self.texts)[begin : self._ends[number]])

    def slices(self) -> Iterator[memoryview]:
        """The text of each fact."""
        texts, begin = memoryview(self.texts), 0
        for end in self._ends:
            yield texts[begin:end]
            begin = end

    @property
    def usernames(self) -> _Digests:
        return self._usernames

    @property
    def claims(self) -> _Digests:
        return self._claims


class PackedFacts:
    """Facts in the order in which they were kept."""

    __slots__ = ("_count", "_parts")

    def __init__(self, parts: Iterable[FactPart] = ()) -> None:
        self._parts = tuple(parts)
        self._count = sum(len(part) for part in self._parts)

    @classmethod
    def of(cls, facts: Iterable[AccountFact]) -> PackedFacts:
        """Pack some facts."""
        known = tuple(facts)
        return cls(FactPart.of(known[begin : begin + PART_FACTS_MAX]) for begin in range(0, len(known), PART_FACTS_MAX))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[AccountFact]:
        """All of them, the one that was kept first at the front."""
        return chain.from_iterable(self._parts)

    def named(self, username: str) -> list[AccountFact]:
        """Those of a user name."""
        digest = _digest(username)
        found = (part.fact(number) for part in self._parts for number in part.usernames.find(digest))
        return [fact for fact in found if fact.username == username]

    def claimed(self, claim: str) -> list[AccountFact]:
        """Those of a claim."""
        digest = _digest(claim)
        found = (part.fact(number) for part in self._parts for number in part.claims.find(digest))
        return [fact for fact in found if fact.claim == claim]

    def containing(self, text: bytes) -> Iterator[AccountFact]:
        """Those that have a text somewhere, as it stands in JSON; the others are not read."""
        for part in self._parts:
            if text in part.texts:
                for number, one in enumerate(part.slices()):
                    if text in bytes(one):
                        yield part.fact(number)

    def usernames(self) -> Iterator[str]:
        """The user name of each of them."""
        return (_name_decoder.decode(text).username for part in self._parts for text in part.slices())

    def repeated(self) -> Iterator[AccountFact]:
        """Those that share their user name, or their claim, with another one, and perhaps a few more."""
        usernames = _repeated(part.usernames.digests for part in self._parts)
        claims = _repeated(part.claims.digests for part in self._parts)
        for part in self._parts:
            found = {number for digest in usernames for number in part.usernames.find(digest)}
            found.update(number for digest in claims for number in part.claims.find(digest))
            for number in sorted(found):
                yield part.fact(number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedFacts) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PackedFacts({list(self)})" if len(self) < 10 else f"PackedFacts(of {len(self)})"


class _Digests:
    """Digests, sorted, and which fact each is of."""

    __slots__ = ("digests", "numbers")

    def __init__(self, digests: array[int], numbers: array[int]) -> None:
        self.digests = digests
        self.numbers = numbers

    @classmethod
    def of(cls, digests: Sequence[int]) -> _Digests:
        order = sorted(range(len(digests)), key=digests.__getitem__)
        return cls(array("Q", [digests[number] for number in order]), array("H", order))

    def find(self, digest: int) -> Iterator[int]:
        index = bisect_left(self.digests, digest)
        while index < len(self.digests) and self.digests[index] == digest:
            yield self.numbers[index]
            index += 1


def _repeated(digests: Iterable[array[int]]) -> set[int]:
    every = list(chain.from_iterable(digests))
    if len(set(every)) == len(every):
        return set()
    every.sort()
    return {one for one, after in pairwise(every) if one == after}


def _digest(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
