"""DialledWays: how a server is dialled, and what becomes of a connection once it is seen who is at the other end.

Servers of a network show each other certificates, and no secret. So who listens at an address that somebody has named,
or where a server was before, gets nothing by that. A secret is shown only:

- in clear, to a server of 2018, at an address that an operator has named as one's, or that one has announced on a link
  on which it had authenticated (`core.node.base.base_dialling`);
- in clear, with `mixed` links, to whoever does not speak TLS: while a network is upgraded node by node;
- to nobody, in an agreement on a key that tells nothing of it (`core.node.servers.admitting`): with whoever listens
  where an operator has named a server, and with servers that this one knows by their own keys, as they are upgraded one
  by one, and each makes a network of its own before they meet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from core.certificates.network_key import fingerprint
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.orders.network_changes import NetworkChanges
from core.node.servers.admitting import Admission
from core.node.servers.dialling import Attempt, Dialling, DialWay
from core.node.servers.known_peers import KnownPeers
from core.node.servers.seeds import Seeds
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership

SHOWN_MAX: Final = 20
"""Addresses to which the secret was sent in clear that a picture of the node tells of."""
ENCRYPTED_MAX: Final = 8192
"""Servers that have been linked encrypted and are remembered for it."""


class DialledWays:
    """How this node dials, and what it does once it has got through."""

    def __init__(
        self,
        context: Context,
        known_keys: KnownKeys,
        membership: Membership,
        dialling: Dialling,
        seeds: Seeds,
        known: KnownPeers,
        admission: Admission,
        changes: NetworkChanges,
        introduce: Callable[[Link], None],
        turned_away: Callable[[Link, str], None],
    ) -> None:
        """`introduce` has this node say who it is, as it begins a link; `turned_away` is told of whom it does not."""
        self._context = context
        self._known_keys = known_keys
        self._membership = membership
        self._dialling = dialling
        self._seeds = seeds
        self._known = known
        self._admission = admission
        self._changes = changes
        self._introduce = introduce
        self._turned_away = turned_away
        self._linked_encrypted: dict[str, None] = {}
        self._told_in_clear: dict[str, None] = {}
        dialling.way_of = self.first_way
        self._waiting: list[Attempt] = []
        """Those that are dialled once this server shows the key of the network that it is of."""
        membership.on_changed = self._go_on
        admission.on_admitted = lambda link: self._again(link, "member")

    @property
    def secret_shown(self) -> tuple[str, ...]:
        """Where the secret was sent in clear, the first addresses."""
        return tuple(islice(self._told_in_clear, SHOWN_MAX))

    def first_way(self, attempt: Attempt) -> DialWay:
        """How somebody is dialled to begin with."""
        if not self._membership.is_there or attempt.purpose == "base" or self._seeds.is_base(attempt.address):
            return "clear"
        # A network of its own that nobody has joined: it is about to be of the other one.
        return "newcomer" if attempt.purpose == "join" and self._membership.is_alone else "member"

    # --- in clear -----------------------------------------------------------------------------------------------------

    def may_be_in_clear(self, attempt: Attempt) -> bool:
        """Whether a server that does not speak TLS may be shown the secret: never one that has spoken it before."""
        return self._context.config.links == "mixed" and attempt.server not in self._linked_encrypted

    def speaks_in_clear(self, dial: int) -> bool:
        """Whoever was dialled does not speak TLS; whether they are dialled again without."""
        attempt = self._dialling.attempt_by(dial)
        if attempt is None or attempt.way == "clear" or not self.may_be_in_clear(attempt):
            return False
        self._dialling.over(dial)
        self._dialling.again(attempt, "clear")
        return True

    def why_not_in_clear(self) -> str:
        """Why such a server is not spoken to, as a clause, with what to do."""
        return (
            "it speaks only in clear, so the secret is not shown to it: a server of 2018 is joined with --base, one of"
            " the version before while both are started with --links mixed"
        )

    def _tell_of_secret(self, link: Link) -> None:
        """The network's secret is about to travel in clear."""
        where = str(link.dialled or link.peer)
        if where not in self._told_in_clear and len(self._told_in_clear) < ENCRYPTED_MAX:
            self._told_in_clear[where] = None
            text = f"the network's secret is sent to {where} in clear: whoever can listen on the way there learns it"
            self._context.notify("security", text, "warning")

    # --- got through --------------------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A dialled connection is up."""
        membership, shown = self._membership, link.shown
        attempt = self._dialling.attempt_of(link)
        invited = self._seeds.invitation_to(attempt.address) if attempt is not None else None
        if not membership.is_there or not link.encrypted:
            if membership.is_there:
                self._tell_of_secret(link)
            self._introduce(link)
        elif shown is None or attempt is None:
            self._turn_away(link, "it shows no certificate of a server of ours")
        elif membership.is_of_it(shown):
            if attempt.way == "member":
                self._introduce(link)
            else:
                self._again(link, "member")
        elif self._changes.leads_on(shown) or self._changes.is_behind(shown):
            # One of both was away when the network got another key, and shows the one from before.
            if attempt.way == "member":
                self._again(link, "newcomer")
            elif self._changes.leads_on(shown):
                self._admission.ask(link, shown, invited, returns=True)
            else:
                self._admission.ask(link, shown, hands=True)
        elif invited is not None and not shown.is_of(invited.network):
            why = f"it is of the network {shown.fingerprint}, and the invitation is to {invited.network}"
            if self._seeds.turned_away(attempt, why):
                self._dialling.over(link.dial)
            self._turn_away(link, why)
        elif not self._may_ask(attempt, shown.server):
            self._context.tell_refused(
                link,
                f"{link.peer} shows the certificate of another network, {fingerprint(shown.network)}: it was"
                " told nothing",
            )
            self._turn_away(link, f"it is of another network, {fingerprint(shown.network)}")
        elif attempt.way == "member":
            # Who has a certificate of this network shows it, and is turned away there.
            self._again(link, "newcomer")
        else:
            self._admission.ask(link, shown, invited)

    def _turn_away(self, link: Link, why: str) -> None:
        link.clean = True
        self._turned_away(link, why)
        self._context.close(link, why)

    def _may_ask(self, attempt: Attempt, server: bytes) -> bool:
        """Whether somebody of another network is asked for admission: where an operator has named them, where they have
        proved to be a server that this one knows, and wherever the secret itself might be shown."""
        return (
            attempt.purpose == "join"
            or self._known_keys.server_of(server) in self._known.peers
            or self.may_be_in_clear(attempt)
        )

    def _again(self, link: Link, way: DialWay) -> None:
        """Dial once more, and let go of this connection."""
        link.clean = True
        attempt = self._dialling.over(link.dial)
        self._context.close(link, "dialled once more")
        if attempt is not None and self._membership.is_changing:
            attempt.way = way
            self._waiting.append(attempt)
        elif attempt is not None:
            self._dialling.again(attempt, way)

    def wrong_secret(self, link: Link, another: Callable[[Link], bool]) -> bool:
        """A server does not know the secret that it was shown in clear; whether it is dialled again, to be shown
        another one, as `another` tells."""
        attempt = self._dialling.attempt_of(link)
        if attempt is None or attempt.way != "clear" or not another(link):
            return False
        self._again(link, "clear")
        return True

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for attempt in waiting:
            self._dialling.again(attempt, attempt.way)

    def linked(self, link: Link) -> None:
        """A native link is up."""
        if link.shown is not None and link.remote_id is not None:
            self._linked_encrypted[link.remote_id] = None
            if len(self._linked_encrypted) > ENCRYPTED_MAX:
                del self._linked_encrypted[next(iter(self._linked_encrypted))]
            self._membership.linked(link)
