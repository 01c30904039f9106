"""Flows: what waits for one connection, by whose it is, each in its own order and all of them in turn.

What a neighbour brings in a flood is passed on, and so is the past to who asks for it. Where the next server does not
take it as fast, what others bring must not wait behind all of that. Deficit round robin (Shreedhar and Varghese,
"Efficient Fair Queueing Using Deficit Round Robin", 1995): in each round a flow may write `QUANTUM` more bytes than
before; what it does not use because its next frame is larger it keeps, and when it has nothing left it begins anew. No
step depends on how many flows there are.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

QUANTUM: Final = 16 * 1024
"""Bytes that a flow has in a round: some fifty activities."""
ROUND_BYTES: Final = 64 * 1024
"""Bytes that are written at a time, about. What is given to the kernel has no turns any more."""


class _Flow:
    __slots__ = ("deficit", "frames")

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.deficit = 0


class Flows:
    """The frames of one connection that wait."""

    __slots__ = ("_active", "bytes")

    def __init__(self) -> None:
        self._active: OrderedDict[int, _Flow] = OrderedDict()
        """Those that have something, the one whose turn it is in front."""
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._active)

    def put(self, flow: int, frame: bytes) -> None:
        """Behind all that waits of the same flow."""
        known = self._active.get(flow)
        if known is None:
            known = self._active[flow] = _Flow()
        known.frames.append(frame)
        self.bytes += len(frame)

    def take(self) -> bytes:
        """What is to be written next; nothing when nothing waits."""
        taken: list[bytes] = []
        room = ROUND_BYTES
        while self._active and room > 0:
            number, flow = next(iter(self._active.items()))
            flow.deficit += QUANTUM
            frames = flow.frames
            while frames and len(frames[0]) <= flow.deficit:
                frame = frames.popleft()
                flow.deficit -= len(frame)
                room -= len(frame)
                taken.append(frame)
            if frames:
                self._active.move_to_end(number)
            else:
                del self._active[number]
        self.bytes -= sum(map(len, taken))
        return taken[0] if len(taken) == 1 else b"".join(taken)
