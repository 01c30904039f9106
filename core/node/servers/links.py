"""Server links: what is the same for all of them, whatever the other side speaks: being heard, refused, and ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.accounts.registration import Registration
from core.node.base.base_links import BaseLinks
from core.node.interface.traces import TraceKind
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.log.synchronisation import Synchronisation
from core.node.map.own_links import OwnLinks
from core.node.neighbours.heartbeat import NO_ANSWER
from core.node.servers.drain import Drain
from core.node.servers.healing import Healing
from core.stories.lines import LineKind, Why
from core.wire.messages import AuthenticationFail, InvalidMessage, ServerRefused, command_of

_IN_WORDS: Final = {
    "duplicate": "there is another one",
    "busy": "it has as many as it takes",
    "leaving": "it is leaving",
}
"""Reasons of `SERVER_REFUSED`, for a person who reads why a link has ended."""


class Links:
    """The links with servers."""

    def __init__(
        self,
        context: Context,
        own_links: OwnLinks,
        base_links: BaseLinks,
        synchronisation: Synchronisation,
        registration: Registration,
        healing: Healing,
        drain: Drain,
    ) -> None:
        self._context = context
        self._own_links = own_links
        self._base_links = base_links
        self._synchronisation = synchronisation
        self._registration = registration
        self._healing = healing
        self._drain = drain
        self.on_wrong_secret: Callable[[Link], bool] = lambda link: False
        """Told of a server that does not know the secret that it was shown; whether it is dialled once more."""

    def heard(self, link: Link) -> None:
        """A server has said something."""
        link.heard_at = self._context.now.monotonic
        if link.first_heard_at is None:
            link.first_heard_at = link.heard_at
        link.unanswered = 0

    @takes(Handler.REFUSED)
    def _link_refused(self, link: Link, message: ServerRefused) -> None:
        self._refused(link, message.reason, message.info)

    @takes(Handler.SERVER_OBJECTS)
    def _objects(self, link: Link, message: InvalidMessage | AuthenticationFail) -> None:
        self._refused(link, command_of(message), message.info)

    def _refused(self, link: Link, why: str, info: str) -> None:
        """The other side wants no link, or objects to something."""
        if why == "AUTHENTICATION_FAIL" and self.on_wrong_secret(link):
            return
        link.clean = why in ("duplicate", "self", "busy", "leaving")
        if why not in ("duplicate", "self", "busy"):
            text = f"{link.peer} refused the link: {info[:200] or why}"
            self._context.notify("refused", text, "error", server=link.remote_id)
            # Before it has proved its key it may be anybody who says to be that server.
            if link.remote_id is not None and self._own_links.has(link):
                self._context.note("refused", self._context.party(link.remote_id, link.name), remark=info or why)
        self._healing.refused(link, why, info[:200])
        self._context.close(link, f"the server says {why}: {info[:200]}", told=why)

    def ended(self, link: Link, reason: str) -> None:
        """The link is gone, or given up: everything that relied on it must know. Called once for each."""
        context = self._context
        was_native = self._own_links.has(link)
        was_base = self._base_links.ended(link)
        for timer in ("quiet", "ping"):
            context.timers.cancel((timer, link.conn))
        self._own_links.down(link)
        self._registration.echoes.link_closed(link.conn)
        self._synchronisation.link_closed(link.conn)
        if was_native or was_base:
            what: TraceKind = "link" if was_native else "base"
            context.trace(what, conn=link.conn, step="down", server=link.remote_id, expected=link.clean, reason=reason)
        if was_native and link.remote_id is not None:
            # Who was never in reach is not lost: somebody who only talks like a server.
            in_reach = link.remote_id in self._healing.known.reachable
            kind, why = _noted(link, reason) if in_reach and not link.clean else ("unlinked", "")
            context.note(kind, context.party(link.remote_id, link.name), why=why)
        if was_native or was_base:
            name = link.name or str(link.peer)
            context.notify(
                "unlinked",
                f"the link with {name} is gone{f': {_IN_WORDS.get(reason, reason)}' if reason else ''}",
                "info" if link.clean else "warning",
                server=link.remote_id,
                in_story=was_native,
            )
        self._healing.unlinked(link, was_native=was_native, was_base=was_base)
        self._drain.unlinked(link)


def _noted(link: Link, reason: str) -> tuple[LineKind, Why]:
    """How a link ended that was not to."""
    if reason == NO_ANSWER:
        return "link lost", "silent"
    return ("link lost", "closed") if link.parting is None else ("link cut", "ended here")
