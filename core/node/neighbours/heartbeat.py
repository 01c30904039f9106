"""Heartbeats: a native link whose other side answers no ping is given up; one that answers tells how far it is."""

from __future__ import annotations

from typing import Final

from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.neighbours.drift import Drift
from core.node.neighbours.neighbours import Neighbours
from core.wire.messages import Ping, Pong

NO_ANSWER: Final = "no answer"
"""Why a link was given up whose other side is silent, for those who relied on it."""
MEASURE_INTERVAL: Final = 30.0
"""Seconds after which a link's round trip is measured again although its other side has just been heard."""


class Heartbeat:
    """Asks neighbours whether they are there, and answers them."""

    def __init__(self, context: Context, neighbours: Neighbours, drift: Drift) -> None:
        self._context = context
        self._neighbours = neighbours
        self._drift = drift

    def start(self, link: Link) -> None:
        """Ask a neighbour from now on."""
        link.heard_at = self._context.now.monotonic
        self.schedule(link)

    def schedule(self, link: Link) -> None:
        """Ask a neighbour some time later."""
        interval = self._context.config.ping_interval
        self._context.timers.set(("ping", link.conn), self._context.after(interval), lambda: self._ping(link))

    def _ping(self, link: Link) -> None:
        if not self._neighbours.is_neighbour(link):
            return
        now = self._context.now.monotonic
        config = self._context.config
        silence = now - link.heard_at
        if now < link.heard_at + config.ping_interval and now < link.pinged_at + MEASURE_INTERVAL:
            # It lives: there is no need to ask.
            self._answers(link)
            self._context.timers.set(
                ("ping", link.conn), link.heard_at + config.ping_interval, lambda: self._ping(link)
            )
            return
        if link.unanswered >= config.ping_misses and not link.held:
            self._context.notify(
                "unlinked",
                f"{link.name} does not answer any more ({silence:.0f} s)",
                "warning",
                server=link.remote_id,
                in_story=True,
            )
            self._context.close(link, f"no answer for {silence:.1f} s", told=NO_ANSWER)
            return
        if link.unanswered == 1 and not link.held and not link.suspected:
            link.suspected = True
            self._context.note("suspected", self._context.party(link.remote_id or "", link.name))
        # One that is not read cannot be heard either; it is told all the same that this server is there.
        link.unanswered += not link.held
        link.ping_number += 1
        link.pinged_at = now
        self._context.send(link, Ping(link.ping_number))
        self.schedule(link)

    @takes(Handler.SERVER_ASKS)
    def _asked(self, link: Link, message: Ping) -> None:
        wall = max(0, int(self._context.now.wall * MICROSECONDS))
        self._context.send(link, Pong(message.number, self._drift.time(), wall))

    @takes(Handler.SERVER_ANSWERS)
    def _answered(self, link: Link, message: Pong) -> None:
        self._answers(link)
        if message.number == link.ping_number:
            link.round_trip = self._context.now.monotonic - link.pinged_at
            self._drift.answered(link, message.stamp, message.wall)

    def _answers(self, link: Link) -> None:
        if link.suspected:
            link.suspected = False
            self._context.note("answers", self._context.party(link.remote_id or "", link.name))
