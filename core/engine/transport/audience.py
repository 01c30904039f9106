"""All who get broadcasts at once, in one of their two forms.

What stands between two `send`s is done for each of them and each turn of the loop, in a processor's caches that the
kernel has just emptied: each object that is looked at there takes 0.3 µs, where the `send` of a short line takes 5. So
for those who are *ready*, nothing is looked at but the way into the kernel. What else is known of them, that they have
nothing else to get in this turn, are not choked, and how much they have been sent, is kept where that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from core.wire.codec import Frame, Frames

if TYPE_CHECKING:
    from core.engine.transport.outbox import Outbox

CHUNK_BYTES: Final = 256 * 1024
"""Most that is handed to a transport at a time: what it cannot write at once, it copies."""

KernelWay = Callable[[bytes], int]
"""The way into the kernel: hands it bytes, and says how many it has taken. Raises OSError."""


def lines_of(frames: Sequence[Frame | Frames], *, base: bool) -> list[bytes]:
    """Broadcasts as one kind of receivers gets them: encoded once for all of them, and not at all where nobody is."""
    lines: list[bytes] = []
    for one in frames:
        if isinstance(one, Frames):
            lines += one.lines(base=base)
        else:
            lines.append(one.base.data if base else one.data)
    return lines


class Audience:
    """Those who speak the base protocol only, or all others."""

    __slots__ = ("_aside", "_ready", "base", "bytes", "messages")

    def __init__(self, *, base: bool) -> None:
        self.base = base
        self.messages = 0
        """How many those who have been ready all along have been sent, and how many bytes."""
        self.bytes = 0
        self._ready: dict[Outbox, KernelWay] = {}
        self._aside: dict[Outbox, None] = {}
        """All others: who is choked, has something of its own to get in this turn, or is served by the event loop."""

    def __len__(self) -> int:
        return len(self._ready) + len(self._aside)

    def join(self, outbox: Outbox) -> None:
        """Broadcasts reach it from now on."""
        outbox.audience = self
        self._aside[outbox] = None
        self.look_at(outbox)

    def leave(self, outbox: Outbox) -> None:
        """Nothing more reaches it."""
        self.set_aside(outbox)
        del self._aside[outbox]
        outbox.audience = None

    def look_at(self, outbox: Outbox) -> None:
        """A member may have become ready."""
        if outbox in self._aside and (send := outbox.way) is not None:
            del self._aside[outbox]
            self._ready[outbox] = send
            outbox.count_with(self)

    def set_aside(self, outbox: Outbox) -> None:
        """A member is not ready, or will not be in a moment."""
        if self._ready.pop(outbox, None) is not None:
            outbox.count_alone()
            self._aside[outbox] = None

    def write(self, frames: Sequence[Frame | Frames]) -> None:
        """The turn's broadcasts, as one piece, to all who get nothing else in it."""
        if not self:
            return
        lines = lines_of(frames, base=self.base)
        joined = lines[0] if len(lines) == 1 else b"".join(lines)
        if len(joined) > CHUNK_BYTES:
            for outbox in list(self._ready):
                self.set_aside(outbox)
        # Those set aside first: some are ready afterwards.
        for outbox in list(self._aside):
            if not outbox.dirty:
                outbox.write(joined, len(lines))
        for outbox, taken in self._send(joined, len(lines)):
            outbox.sent_in_part(joined, taken)
        if len(joined) > CHUNK_BYTES:
            for outbox in list(self._aside):
                self.look_at(outbox)

    def _send(self, joined: bytes, messages: int) -> list[tuple[Outbox, int | OSError]]:
        """Who could not be sent all of it, and how much they could, or why nothing."""
        size = len(joined)
        failed: list[tuple[Outbox, int | OSError]] = []
        for outbox, send in self._ready.items():
            try:
                taken = send(joined)
            except (BlockingIOError, InterruptedError):
                failed.append((outbox, 0))
            except OSError as error:
                failed.append((outbox, error))
            else:
                if taken != size:
                    failed.append((outbox, taken))
        self.messages += messages
        self.bytes += size
        return failed
