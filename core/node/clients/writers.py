"""How fast people who write are read: one of them must not take the disk and the server from all others.

Whoever goes beyond a budget is not refused anything: the connection is read more slowly, and TCP tells the other end. A
budget is a token bucket for each account, and for all the anonymous people at one address together.

- What anonymous people write is always limited: in the long run to what a disk survives.
- While others write too, nobody takes more than a share from them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from core.admission.shares import share_of
from core.admission.token_bucket import TokenBucket
from core.node.interface.actions import Pause
from core.node.kernel.connections import Session
from core.node.kernel.context import Context

KIBIBYTE: Final = 1024
MEBIBYTE: Final = 1024 * KIBIBYTE

ANONYMOUS_BURST: Final = 64 * MEBIBYTE
"""What the anonymous people at one address may write at once after a silence."""
SHARED_RATE: Final = MEBIBYTE
"""Bytes a second that an account may write while others write; anonymous people at one address a part of it."""
SHARED_BURST: Final = 8 * MEBIBYTE
"""What it may write at once then."""
ANONYMOUS_PART: Final = 8
"""The part of both that anonymous people have."""
TOLD_AGAIN: Final = 60.0
"""Seconds in which operators are told once of a writer who is held up."""
COST_OF_EACH: Final = 256
"""Bytes that an activity costs beside its own: an entry in an index, a commit, a look at each receiver."""
TOGETHER: Final = 10.0
"""Seconds after which somebody who has written counts as silent."""
PAUSE_LEAST: Final = 0.005
"""Seconds below which a pause is put off until more is owed: each costs a timer."""
PAUSE_MAX: Final = 5.0
"""Seconds that one pause takes at most: a client must be able to tell that its server lives."""
WRITERS_MAX: Final = 4096
"""Writers whose budgets are remembered; of more, who wrote longest ago begins anew."""


class _Writer:
    __slots__ = ("alone", "together", "told_at", "wrote_at")

    def __init__(self, alone: TokenBucket | None, together: TokenBucket | None, now: float) -> None:
        self.alone = alone
        """What it may write in any case; None: as much as it likes."""
        self.together = together
        """What it may write while others write."""
        self.wrote_at = now
        self.told_at = float("-inf")


class Writers:
    """Everybody who has written lately."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writers: OrderedDict[tuple[str, str], _Writer] = OrderedDict()
        """The one who wrote last at the end."""
        self._last: _Writer | None = None
        self._turn: tuple[int, str | None] | None = None
        """The connection that wrote last, and as whom."""
        self._another_at = float("-inf")
        """When anybody but that one has written last."""

    def __len__(self) -> int:
        return len(self._writers)

    def wrote(self, session: Session, size: int, count: int = 1) -> None:
        """Somebody who is logged in wrote `count` activities, together of `size` bytes: it is paused if that was too
        much."""
        if session.origin == "local":
            return
        now = self._context.now.monotonic
        writer = self._last
        # Whoever writes much mostly writes several in a row.
        if writer is None or self._turn != (session.conn, session.claim):
            writer = self._turn_to(session)
        writer.wrote_at = now
        cost = size + COST_OF_EACH * count
        pause = writer.alone.spend(cost, now) if writer.alone is not None else 0.0
        if writer.together is not None and now - self._another_at < TOGETHER:
            pause = max(pause, writer.together.spend(cost, now))
        if pause <= PAUSE_LEAST:
            return
        self._context.actions.append(Pause(session.conn, min(pause, PAUSE_MAX)))
        if now >= writer.told_at + TOLD_AGAIN:
            writer.told_at = now
            name = session.user if session.claim is not None else f"anonymous, from {share_of(session.peer.host)},"
            self._context.notify("limits", f"{name} writes more than one may here, and is read more slowly", "warning")

    def _turn_to(self, session: Session) -> _Writer:
        """Somebody writes who is perhaps not the one that wrote last."""
        who = (share_of(session.peer.host), "") if session.claim is None else ("", session.claim)
        writer = self._writers.get(who)
        if writer is None:
            writer = self._writers[who] = self._begin(anonymous=session.claim is None)
            if len(self._writers) > WRITERS_MAX:
                self._writers.popitem(last=False)
        if writer is not self._last:
            self._writers.move_to_end(who)
            if self._last is not None:
                self._another_at = self._last.wrote_at
            self._last = writer
        self._turn = (session.conn, session.claim)
        return writer

    def _begin(self, *, anonymous: bool) -> _Writer:
        now = self._context.now.monotonic
        rate = self._context.config.anonymous_rate
        if not anonymous:
            return _Writer(None, TokenBucket(SHARED_RATE, SHARED_BURST, now), now)
        if not rate:
            return _Writer(None, None, now)
        together = TokenBucket(SHARED_RATE / ANONYMOUS_PART, SHARED_BURST / ANONYMOUS_PART, now)
        return _Writer(TokenBucket(rate, ANONYMOUS_BURST, now), together, now)
