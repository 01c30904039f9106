"""Streams that are complete up to a number, packed: 16 bytes for each start of a server, however many there were."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping
from typing import TypeVar, overload

from core.wire.entries import Stream

_Default = TypeVar("_Default")


class PackedStreams(Mapping[Stream, int]):
    """A read-only map from streams to numbers from 0 to COUNTER_MAX."""

    __slots__ = ("_by_node", "_count")

    def __init__(self, by_node: Mapping[str, tuple[array[int], array[int]]] | None = None) -> None:
        """`by_node`: for each node its incarnations, ascending, and the number of each; both of type "q"."""
        self._by_node = {} if by_node is None else dict(by_node)
        self._count = sum(len(incarnations) for incarnations, _ in self._by_node.values())

    @classmethod
    def of(cls, streams: Iterable[tuple[Stream, int]]) -> PackedStreams:
        """Pack streams, each of them once, in any order."""
        by_node: dict[str, list[tuple[int, int]]] = {}
        for (node, incarnation), number in streams:
            by_node.setdefault(node, []).append((incarnation, number))
        packed: dict[str, tuple[array[int], array[int]]] = {}
        for node, numbers in by_node.items():
            numbers.sort()
            packed[node] = (array("q", [one for one, _ in numbers]), array("q", [number for _, number in numbers]))
        return cls(packed)

    @property
    def by_node(self) -> Mapping[str, tuple[array[int], array[int]]]:
        """See `__init__`; not to be changed."""
        return self._by_node

    @overload
    def get(self, stream: Stream, default: None = None, /) -> int | None: ...
    @overload
    def get(self, stream: Stream, default: int | _Default, /) -> int | _Default: ...

    def get(self, stream: Stream, default: object = None, /) -> object:
        packed = self._by_node.get(stream[0])
        if packed is None:
            return default
        incarnations, numbers = packed
        index = bisect_left(incarnations, stream[1])
        if index == len(incarnations) or incarnations[index] != stream[1]:
            return default
        return numbers[index]

    def __getitem__(self, stream: Stream) -> int:
        number = self.get(stream)
        if number is None:
            raise KeyError(stream)
        return number

    def __contains__(self, stream: object) -> bool:
        return isinstance(stream, tuple) and len(stream) == 2 and self.get(Stream(*stream)) is not None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Stream]:
        """By node, then by incarnation."""
        for node in sorted(self._by_node):
            for incarnation in self._by_node[node][0]:
                yield Stream(node, incarnation)

    def items(self) -> ItemsView[Stream, int]:
        return _Items(self)

    @property
    def total(self) -> int:
        """The sum of all numbers."""
        return sum(sum(numbers) for _, numbers in self._by_node.values())


class _Items(ItemsView[Stream, int]):
    """Without a search for each stream."""

    _mapping: PackedStreams

    def __iter__(self) -> Iterator[tuple[Stream, int]]:
        by_node = self._mapping.by_node
        for node in sorted(by_node):
            for incarnation, number in zip(*by_node[node], strict=True):
                yield Stream(node, incarnation), number


class StreamsOver(Mapping[Stream, int]):
    """A read-only view of packed streams, and of those that stand over them because they have changed since."""

    __slots__ = ("_hidden", "_over", "_packed")

    def __init__(
        self, packed: PackedStreams, over: Mapping[Stream, int], hidden: Collection[Stream] = frozenset()
    ) -> None:
        """`hidden`: packed ones that are not there in this view, none of which stands over them."""
        self._packed = packed
        self._over = over
        self._hidden = hidden

    def __getitem__(self, stream: Stream) -> int:
        number = self._over.get(stream)
        if number is None:
            if stream in self._hidden:
                raise KeyError(stream)
            return self._packed[stream]
        return number

    def __contains__(self, stream: object) -> bool:
        return stream in self._over or (stream in self._packed and stream not in self._hidden)

    def __iter__(self) -> Iterator[Stream]:
        return (stream for stream, _ in self.items())

    def __len__(self) -> int:
        covered = sum(stream in self._packed for stream in (*self._over, *self._hidden))
        return len(self._over) + len(self._packed) - covered

    def items(self) -> ItemsView[Stream, int]:
        return _ItemsOver(self)

    @property
    def parts(self) -> tuple[PackedStreams, Mapping[Stream, int]]:
        """What is below, and what stands over it; of a view that hides nothing."""
        return self._packed, self._over

    def visible(self) -> Iterator[tuple[Stream, int]]:
        """What is below and can be seen."""
        over, hidden = self._over, self._hidden
        return (item for item in self._packed.items() if item[0] not in over and item[0] not in hidden)


class _ItemsOver(ItemsView[Stream, int]):
    _mapping: StreamsOver

    def __iter__(self) -> Iterator[tuple[Stream, int]]:
        yield from self._mapping.parts[1].items()
        yield from self._mapping.visible()
