"""Another key and another secret of the network, as operators order them: made here, handed on, and taken over.

An order says which key or secret it is, and every server hears it in the log. The private half travels apart: over
links on which both sides have shown certificates, to a server that was away and proves to be one that is known here
(`core.node.servers.admitting`), and to nobody whom the order or another one expels. Whichever comes first waits for the
other. Of two orders the later one counts, wherever they were given, and nothing but a later order takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from core.certificates.approval import read_approval
from core.certificates.leaf import ShownLeaf
from core.certificates.network_key import fingerprint
from core.certificates.succession import is_signed, succession_digest
from core.node.interface.events import SecretsDrawn
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.order_effects import OrderEffects
from core.node.orders.ordering import Orders
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership
from core.wire.kept_network import SUCCESSIONS_MAX, PreparedKey, Succession
from core.wire.kept_secret import KeptSecret
from core.wire.messages import SECRETS_TOLD_MAX, NetworkNews
from core.wire.network_orders import (
    EXPELLED_TOLD_MAX,
    REKEY,
    SECRET,
    NetworkKeyChange,
    approval_digest,
    key_change_in,
    network_tag,
    secrets_of,
)
from core.wire.recovered import Recovered
from core.wire.signed_orders import SignedOrder, ssh_line, written_key

PREPARED_MAX: Final = 4
"""Keys and secrets that orders were drafted for, or that neighbours have told of before the order came: the latest."""
ORDERED_MAX: Final = 8
"""Secrets that are kept: the latest that were ordered, and the first."""

LEFT_OUT: Final = "this server is expelled, and would have what is to be kept from it: give the order at another one"


class DraftedChange(NamedTuple):
    """What an order of another key or secret says."""

    target: str
    name: str
    words: tuple[str, ...]


class NetworkChanges:
    """Has this node be of the network as its operators have last ordered it."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        known_keys: KnownKeys,
        membership: Membership,
        orders: Orders,
        recovered: Recovered,
        is_known: Callable[[str], bool],
    ) -> None:
        """`is_known` tells whether a server has been part of the network, by what is kept here."""
        self._context = context
        self._neighbours = neighbours
        self._known_keys = known_keys
        self._membership = membership
        self._orders = orders
        self._verifier = recovered.verifier
        self._signer_of = recovered.signer_of
        self._is_known = is_known
        self._offered_keys: dict[bytes, PreparedKey] = {}
        """Keys that neighbours have told of, and that no order that is known here names yet."""
        self._offered_secrets: dict[str, KeptSecret] = {}
        """The same of secrets, by their commitments."""
        self._told_before: set[str] = set()
        """Commitments of the secrets that all neighbours have been told."""
        orders.on_effects.append(self._ordered)
        orders.on_operator = self._name_operator
        membership.is_decided = self._is_decided
        membership.is_ordered = self._is_ordered
        membership.may_hand = self.may_hand
        membership.on_handed = self._handed
        membership.secrets_told = self._told

    def start(self) -> None:
        """The node begins: what was ordered before holds."""
        if not self._membership.is_there:
            return
        given, kept = self._context.config.secret, self._membership.network.secrets
        if kept and not self._orders.effects.secret_changes:
            # What was drafted, and never ordered, keeps nobody from starting the server with another one.
            secrets = (KeptSecret(given), *kept[1:])
            if secrets != kept:
                self._membership.change(replace(self._membership.network, secrets=secrets))
        elif kept and given not in {one.secret for one in kept}:
            self._context.asked_secret = given
            self._context.notify(
                "security",
                "the secret that this start was given is not the network's, which an operator has changed: nobody is"
                " admitted by it here",
                "warning",
            )
        self._name_operator()
        self._ordered(OrderEffects(), self._orders.effects)

    # --- whose word counts --------------------------------------------------------------------------------------------

    def _is_decided(self) -> bool:
        """Whether an operator decides which key the network has, and no founding date."""
        founding = self._orders.founding
        return self._membership.network.order is not None or (founding.has_operator and not founding.gives_up)

    def _name_operator(self) -> None:
        """Have who meets this server be shown the network's operator."""
        membership, record = self._membership, self._orders.founding.record
        if not membership.is_there or membership.network.order is not None or record is None or not record.operator:
            return
        named = replace(membership.network, operator=record.operator, founder=record.founder)
        if named != membership.network:
            membership.change(named)

    def _is_later(self, signed: SignedOrder) -> bool:
        """Whether an order is later than the one by which the network has its key."""
        own = self._membership.network.order
        return own is None or (signed.order.stamp, signed.order.id) > (own.order.stamp, own.order.id)

    def _believes(self, signed: SignedOrder) -> NetworkKeyChange | None:
        """What an order says of the network's key, if it is an operator's, and to be followed."""
        change, book = key_change_in(signed.order), self._orders.book
        if change is None or self._verifier is None or not book.is_signed(signed):
            return None
        digest = approval_digest(network_tag(signed.order.network), signed.order.stamp, change.key)
        if not self._verifier.fits(change.approval, signed.order.key, digest):
            return None
        if not is_signed(change.succession, self._verifier):
            return None
        if signed.order.id in book.standing.heeded or self._orders.is_root(signed.order):
            return change
        # Where nobody is known whose word it could be, that of who has the network's key counts, as it always has.
        is_own = change.succession.old == self._membership.network.key
        return change if is_own and not self._orders.knows_roots else None

    def _is_ordered(self, succession: Succession) -> bool:
        """Whether one key has led to another as operators have ordered: nobody else adds to what people are shown."""
        changes = [change for _, change in self._orders.effects.key_changes]
        known = {key for one in changes for key in (one.key, one.succession.old)}
        return {succession.old, succession.new} <= known and self._fits(succession)

    def _fits(self, succession: Succession) -> bool:
        return self._verifier is not None and is_signed(succession, self._verifier)

    @property
    def ssh_revoked(self) -> tuple[str, ...]:
        """The public keys, as OpenSSH writes them, that have certified the network's hosts before: the latest."""
        found = [change.ssh_before for _, change in self._orders.effects.key_changes if change.ssh_before]
        return tuple(ssh_line(key) for key in dict.fromkeys(found[-SUCCESSIONS_MAX:]))

    # --- who is shown what --------------------------------------------------------------------------------------------

    def may_hand(self, server: str | None) -> bool:
        """Whether a server may be handed the network's key and secret."""
        if server is None or server in self._context.expelled:
            return False
        own = self._membership.network.order
        change = key_change_in(own.order) if own is not None else None
        secrets = self._orders.effects.secret_changes
        is_left_out = (change is not None and server in change.expelled) or (
            bool(secrets) and server in secrets[-1].expelled
        )
        # Who was let in again since is no longer left out. Where the expulsion is not known yet, that is not known.
        return not is_left_out or self._orders.was_expelled(server)

    def may_admit(self, server: str | None) -> bool:
        """Whether a server that knows a secret which is good here may be handed the network's key for it.

        Who was away is handed the key that the network has been given meanwhile with its order alone. Until the orders
        before that have come, and the secret, those that it left out are not known here, and know the secret as well.
        """
        return self.may_hand(server) and not self._waits_for_orders()

    def _waits_for_orders(self) -> bool:
        network = self._membership.network
        change = key_change_in(network.order.order) if network.order is not None else None
        if network.order is None or change is None:
            return False
        is_known = any(order_id == network.order.order.id for order_id, _ in self._orders.effects.key_changes)
        return not is_known and all(one.commitment != change.commitment for one in network.secrets)

    def leads_on(self, shown: ShownLeaf) -> bool:
        """Whether who shows a certificate is of this network, which has another key there, by a later order."""
        own = self._membership.network
        if self._verifier is None or shown.network == own.key:
            return False
        approval = read_approval(shown.network, shown.successions, self._verifier)
        if approval is None or not approval.stamp:
            return False
        founder = own.founder or self._orders.founding.network
        if approval.tag != network_tag(founder) or approval.stamp <= (own.order.order.stamp if own.order else 0):
            return False
        if self._orders.is_root_key(approval.operator) or approval.operator == own.operator:
            return True
        return not self._orders.knows_roots and any(
            one.old == own.key and one.new == shown.network and self._fits(one) for one in shown.successions
        )

    def is_behind(self, shown: ShownLeaf) -> bool:
        """Whether who shows a certificate is a server of this network that was away when that got another key."""
        own = self._membership.network
        if own.order is None or shown.network == own.key or not self.knows(shown.server):
            return False
        if any(one.old == shown.network and self._fits(one) for one in own.successions):
            return True
        # Another part of the network was given that key, earlier than this one's.
        approval = read_approval(shown.network, shown.successions, self._verifier)
        return (
            approval is not None
            and 0 < approval.stamp < own.order.order.stamp
            and approval.tag == network_tag(own.founder)
            and (approval.operator == own.operator or self._orders.is_root_key(approval.operator))
        )

    def knows(self, server_key: bytes) -> bool:
        """Whether a server with this public key has been part of the network, and may be handed its key."""
        server = self._known_keys.server_of(server_key)
        is_known = self._is_known(server) or self._orders.was_expelled(server)
        return server != self._context.id and is_known and self.may_hand(server)

    @property
    def is_left_out(self) -> bool:
        """Whether this server is expelled, and so has to have nothing to do with another key or secret."""
        return self._context.id in self._orders.effects.expelled

    # --- a key --------------------------------------------------------------------------------------------------------

    def draft_key(self, drawn: SecretsDrawn) -> DraftedChange:
        """What an order of a key says; the operator's approval is left to be filled in."""
        assert self._signer_of is not None, "a server that has a network's key knows how to sign with it"
        own = self._membership.network
        made = PreparedKey(drawn.seed, self._signer_of(drawn.seed).key, drawn.ssh)
        secret = self._prepare(KeptSecret(drawn.secret, drawn.blind), made)
        signature = self._signer_of(own.seed).sign(succession_digest(own.key, made.key))
        ssh = written_key(self._signer_of(drawn.ssh).key)
        ssh_before = written_key(self._signer_of(own.ssh).key) if own.ssh is not None else ""
        words = (written_key(own.key), written_key(signature), "", secret.commitment, ssh, ssh_before)
        return DraftedChange(written_key(made.key), fingerprint(made.key), (*words, *self._expelled()))

    def draft_secret(self, drawn: SecretsDrawn, until: int) -> DraftedChange:
        """What an order of a secret says."""
        secret = self._prepare(KeptSecret(drawn.secret, drawn.blind))
        left = (until - self._context.ago(0.0)) / MICROSECONDS
        return DraftedChange(secret.commitment, _how_long(left), (str(until), *self._expelled()))

    def _prepare(self, secret: KeptSecret, key: PreparedKey | None = None) -> KeptSecret:
        """Keep what an order is drafted for: it is on the disk before the order is."""
        network = self._membership.network
        prepared = (*network.prepared, *([key] if key is not None else []))[-PREPARED_MAX:]
        first, *others = network.secrets or (KeptSecret(self._context.config.secret),)
        ordered = {change.commitment for change in self._orders.effects.secret_changes}
        drafted = [one for one in others if one.commitment not in ordered]
        dropped = drafted[: max(0, len(drafted) + 1 - PREPARED_MAX)]
        kept = (first, *(one for one in others if one not in dropped), secret)
        self._membership.change(replace(network, prepared=prepared, secrets=kept))
        return secret

    def _expelled(self) -> list[str]:
        found = sorted(self._orders.effects.expelled.items(), key=lambda one: one[1].order.stamp)
        return [server for server, _ in found][-EXPELLED_TOLD_MAX:]

    def problem_with(self, signed: SignedOrder) -> str | None:
        """Why an order of a key or a secret cannot be taken here, as a clause."""
        if signed.order.kind in (REKEY, SECRET) and self.is_left_out:
            return LEFT_OUT
        if signed.order.kind == SECRET:
            made = {one.commitment for one in self._membership.network.secrets}
            return None if signed.order.target in made else "the secret that it names was not made here"
        change = key_change_in(signed.order)
        if change is None:
            return None
        if self._made(change.key) is None:
            return "the key that it names was not made here"
        return None if self._believes(signed) is not None else "what it says of the network's key is not signed"

    def _made(self, key: bytes) -> PreparedKey | None:
        prepared = self._membership.network.prepared
        return next((one for one in prepared if one.key == key), self._offered_keys.get(key))

    def _ordered(self, before: OrderEffects, now: OrderEffects) -> None:
        if not self._membership.is_there:
            return
        if now.key_changes and now.key_changes != before.key_changes:
            self._find_own(now)
            order_id, change = now.key_changes[-1]
            signed, made = self._orders.book.key_change(order_id), self._made(change.key)
            if signed is not None and made is not None:
                self.take(signed, made.seed, made.ssh, None)
        if now.secret_changes != before.secret_changes:
            self._renew_secrets()

    def _find_own(self, effects: OrderEffects) -> None:
        """Know by which order the network has its key, where that was not told or is lost: no earlier one counts."""
        network = self._membership.network
        if network.order is None:
            found = [one for one, change in effects.key_changes if change.key == network.key]
            signed = self._orders.book.key_change(found[-1]) if found else None
            if signed is not None:
                order = signed.order
                self._membership.change(replace(network, order=signed, operator=order.key, founder=order.network))

    def take(self, signed: SignedOrder, seed: bytes, ssh: bytes | None, whence: Connection | None) -> bool:
        """Be of the network under the key that an order names, if it is to be followed; whether it is so from now on.
        `whence`: who has handed it over."""
        if signed == self._membership.network.order:
            return True
        change = self._believes(signed) if self._is_later(signed) else None
        if change is None or not self._membership.fits(seed, change.key):
            return False
        if ssh is None or not self._membership.fits(ssh, change.ssh):
            return False
        before = self._membership.network
        known = dict.fromkeys((*before.successions, change.succession))
        self._context.notify(
            "security",
            f"the network's key was {fingerprint(before.key)}, and is {fingerprint(change.key)} from now on, as"
            f" {signed.order.by or 'an operator'} has ordered: people who know it follow without a question, lines in"
            " known_hosts have to be made anew (known-hosts)",
            "warning",
        )
        founded_at = self._context.now.wall if before.founded_at is None else before.founded_at
        self._membership.change(
            replace(
                before,
                seed=seed,
                key=change.key,
                ssh=ssh,
                founded_at=founded_at,
                successions=tuple(known)[-SUCCESSIONS_MAX:],
                order=signed,
                operator=signed.order.key,
                founder=signed.order.network,
                prepared=(),
            )
        )
        self._offered_keys.clear()
        for link in self._neighbours:
            if whence is None or link.conn != whence.conn:
                self._membership.hand_to(link)
        return True

    def _handed(self, link: Link, message: NetworkNews) -> bool:
        """A neighbour tells of the network's key and secrets; whether there is nothing more to be made of the key."""
        self._take_secrets(message.secrets)
        own = self._membership.network
        if message.network == own.key:
            return False
        signed = message.order
        if signed is None:
            orders = {change.key: one for one, change in self._orders.effects.key_changes}
            signed = self._orders.book.key_change(orders.get(message.network, ""))
        if message.seed is not None and self._membership.fits(message.seed, message.network):
            if signed is not None and self.take(signed, message.seed, message.ssh, link):
                return True
            offered = self._offered_keys
            offered[message.network] = PreparedKey(message.seed, message.network, message.ssh)
            while len(offered) > PREPARED_MAX:
                del offered[next(iter(offered))]
        if own.order is not None and (signed is not None or message.seed is not None):
            # It is one that this one has taken the place of.
            if signed is None or not self._is_later(signed):
                self._membership.hand_to(link)
                return True
        return False

    # --- secrets ------------------------------------------------------------------------------------------------------

    def _told(self) -> tuple[KeptSecret, ...]:
        """What neighbours are told: the latest secrets that were ordered."""
        ordered = {change.commitment for change in self._orders.effects.secret_changes}
        return tuple(one for one in self._membership.network.secrets if one.blind and one.commitment in ordered)[
            -SECRETS_TOLD_MAX:
        ]

    def _take_secrets(self, secrets: Iterable[KeptSecret]) -> None:
        known = {one.commitment for one in self._membership.network.secrets}
        new = [one for one in secrets if one.blind and one.commitment not in known]
        for one in new:
            self._offered_secrets[one.commitment] = one
            while len(self._offered_secrets) > PREPARED_MAX:
                del self._offered_secrets[next(iter(self._offered_secrets))]
        if new:
            self._renew_secrets()

    def _renew_secrets(self) -> None:
        """Hold what operators have ordered, as far as it has come here."""
        context, network = self._context, self._membership.network
        changes = self._orders.effects.secret_changes
        kept = network.secrets or (KeptSecret(context.config.secret),)
        if not changes and not context.secrets:
            return
        known = {one.commitment: one for one in (*kept[1:], *self._offered_secrets.values())}
        ordered = [change.commitment for change in changes]
        drafted = [one for one in kept[1:] if one.commitment not in ordered][-PREPARED_MAX:]
        held = tuple(known[one] for one in ordered[-ORDERED_MAX:] if one in known)
        context.secrets = secrets_of(changes, {name: one.secret for name, one in known.items()}, kept[0].secret)
        if changes and (kept[0], *held, *drafted) != network.secrets:
            self._membership.change(replace(network, secrets=(kept[0], *held, *drafted)))
        for one in held:
            self._offered_secrets.pop(one.commitment, None)
        present = context.secrets[0].secret
        if present != context.config.secret:
            context.learn_secret(present)
            context.notify("security", "the network has another secret from now on, as an operator has ordered", "good")
        told = {one.commitment for one in held}
        if told - self._told_before:
            for link in self._neighbours:
                self._membership.tell(link)
        self._told_before = told


def _how_long(seconds: float) -> str:
    """How long something goes on, in words."""
    if seconds < 1.0:
        return "no more"
    for name, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds > 1.9 * size:
            return f"for {round(seconds / size)} {name}s"
    return "for a minute"
