"""Each sender's newest activity, packed: a name and 12 bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, overload

from core.wire.entries import EntryId, Stream

_Default = TypeVar("_Default")


class PackedLatest(Mapping[str, EntryId]):
    """A read-only map from senders to the identities of their newest activities."""

    __slots__ = ("_names", "_numbers", "_places", "_streams")

    def __init__(
        self,
        names: Sequence[str] = (),
        places: array[int] | None = None,
        numbers: array[int] | None = None,
        streams: Mapping[int, Stream] | None = None,
    ) -> None:
        """`names`, sorted; for each of them in `places` which of `streams`, and in `numbers` which entry of that."""
        self._names = names
        self._places = array("q") if places is None else places
        self._numbers = array("q") if numbers is None else numbers
        self._streams = {} if streams is None else streams

    @classmethod
    def of(cls, latest: Mapping[str, EntryId]) -> PackedLatest:
        """Pack some."""
        names = sorted(latest)
        streams = {stream: place for place, stream in enumerate({latest[name].stream: None for name in names})}
        return cls(
            names,
            array("q", [streams[latest[name].stream] for name in names]),
            array("q", [latest[name].seq for name in names]),
            {place: stream for stream, place in streams.items()},
        )

    @overload
    def get(self, sender: str, default: None = None, /) -> EntryId | None: ...
    @overload
    def get(self, sender: str, default: EntryId | _Default, /) -> EntryId | _Default: ...

    def get(self, sender: str, default: object = None, /) -> object:
        index = bisect_left(self._names, sender)
        if index == len(self._names) or self._names[index] != sender:
            return default
        return EntryId(*self._streams[self._places[index]], self._numbers[index])

    def __getitem__(self, sender: str) -> EntryId:
        found = self.get(sender)
        if found is None:
            raise KeyError(sender)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"PackedLatest(of {len(self)} senders)"
