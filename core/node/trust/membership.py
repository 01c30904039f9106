"""Membership: which network this node is of, who has shown to be of the same, and what becomes of two that are one.

Who has the network's key is a member: it shows certificates made with it, and hands the key on, over links that have
proved themselves, and to whoever has proved to know the secret (`core.node.servers.admitting`). Of two networks that
meet so, the one that was founded earlier keeps its key; the other's key says that it is succeeded, which lets people
who have known that one follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from core.certificates.leaf import ShownLeaf
from core.certificates.network_key import fingerprint
from core.node.interface.actions import AdoptNetwork
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.takers import takes
from core.node.kernel.throttle import Throttle
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import COUNTER_MAX
from core.wire.kept_network import SUCCESSIONS_MAX, KeptNetwork, Succession
from core.wire.kept_secret import KeptSecret
from core.wire.messages import NetworkNews
from core.wire.network_orders import key_change_in
from core.wire.signed_orders import SignedOrder
from core.wire.signing import Signer

ADOPTIONS_AT_ONCE: Final = 4
"""Changes of the network's key that neighbours tell of and that are made at once: servers that all start at a time, and
join each other, make and leave some networks until they are one."""
BETWEEN_ADOPTIONS: Final = 5.0
"""Seconds between two of them, from then on."""


DECIDED_AT: Final = 0.5
ORDERED_BEFORE: Final = 0.4
"""Seconds since 1970; see `Membership.told_founded`."""


class NetworkAge(NamedTuple):
    """What decides which of two networks stays: the smaller one does."""

    at: float
    """Seconds since 1970; infinite where nobody has founded it."""
    key: bytes
    """The public key."""


class Membership:
    """A node without the key of a network is one of the version before: its links are in clear, and show a secret."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        signer_of: Callable[[bytes], Signer] | None,
    ) -> None:
        """`signer_of` finds what signs with a private key, and raises ValueError if that is none."""
        self._context = context
        self._neighbours = neighbours
        self._signer_of = signer_of
        self._waiting: tuple[KeptNetwork, Connection] | None = None
        """Of which network this node is to be next, and who has told of it."""
        self._adoptions = Throttle(ADOPTIONS_AT_ONCE, ADOPTIONS_AT_ONCE * BETWEEN_ADOPTIONS, BETWEEN_ADOPTIONS)
        """When neighbours' words have changed the network, by the monotonic clock."""
        self._changes = 0
        """How often the driver has been told of another network, and has not said that it shows that one's key."""
        self.on_changed: Callable[[], None] = lambda: None
        """Called when the driver shows the key of the network that this node is of, and has not before."""
        self.is_decided: Callable[[], bool] = lambda: False
        """Whether operators decide which key the network has: then it takes no other one's but by their order."""
        self.is_ordered: Callable[[Succession], bool] = lambda succession: False
        """Whether one key has led to another by their order."""
        self.may_hand: Callable[[str | None], bool] = lambda server: True
        """Whether a server may be handed the network's key, and its secrets."""
        self.on_handed: Callable[[Link, NetworkNews], bool] = lambda link, news: False
        """Told what a neighbour says, first; whether there is nothing more to be made of its key."""
        self.secrets_told: Callable[[], tuple[KeptSecret, ...]] = tuple
        """The secrets that operators have ordered, as far as neighbours are told them."""

    @property
    def _network(self) -> KeptNetwork | None:
        return self._context.network

    # --- who is of it -------------------------------------------------------------------------------------------------

    @property
    def is_there(self) -> bool:
        """Whether this node is of a network that has a key."""
        return self._network is not None

    @property
    def network(self) -> KeptNetwork:
        """The network. Only asked of a node that is of one."""
        assert self._network is not None, "asked of a node that has a network's key"
        return self._network

    @property
    def fingerprint(self) -> str:
        """The network's key as people compare it; "" when there is none."""
        return fingerprint(self._network.key) if self._network is not None else ""

    @property
    def age(self) -> NetworkAge:
        return age_of(self.network.key, self.told_founded)

    @property
    def told_founded(self) -> float | None:
        """When others are told that it was founded, which decides where nobody knows an operator. One that has an
        operator says less than a second after 1970, and the less the later it was given its key: so it stays, also in
        the eyes of servers that know of no orders."""
        network = self.network
        if network.order is not None:
            return ORDERED_BEFORE * (1.0 - network.order.order.stamp / COUNTER_MAX)
        return DECIDED_AT if self.is_decided() and network.founded_at is not None else network.founded_at

    @property
    def is_alone(self) -> bool:
        """Whether no other server has ever been of this network, which nobody has founded."""
        return self._network is not None and self._network.founded_at is None

    @property
    def is_changing(self) -> bool:
        """Whether the driver may still show another network's key."""
        return self._changes > 0

    def is_of_it(self, shown: ShownLeaf | None) -> bool:
        """Whether who shows a certificate is of this network."""
        return shown is not None and self._network is not None and shown.network == self._network.key

    # --- two that become one ------------------------------------------------------------------------------------------

    def found(self) -> None:
        """Somebody is about to be admitted: from now on there is a network."""
        if self.is_alone:
            self._keep(replace(self.network, founded_at=self._context.now.wall))

    def fits(self, seed: bytes, key: bytes) -> bool:
        """Whether a private key is that of a public one."""
        try:
            return self._signer_of is not None and self._signer_of(seed).key == key
        except ValueError:
            return False

    def adopt(self, network: KeptNetwork, whence: Connection) -> None:
        """Be of another network from now on, as somebody says who has proved to be of it, or to know the secret."""
        before = self.network
        if network.key == before.key:
            self.note(network.successions)
            return
        context, became = self._context, fingerprint(network.key)
        context.trace("network", conn=whence.conn, step="adopted", network=became)
        if before.founded_at is None:
            context.notify("security", f"this server is of the network {became} now, as {whence.peer} is", "good")
        else:
            context.notify(
                "security",
                f"this network and another, which was founded earlier, are one: its key was {fingerprint(before.key)},"
                f" and is {became} from now on; who knew it by the old one follows without a question",
                "warning",
            )
        context.secrets = ()
        successions = self._with(network.successions, before.successions)
        self._keep(replace(network, successions=successions, ssh=network.ssh or before.ssh))
        for link in self._neighbours:
            if link.conn != whence.conn:
                self.hand_to(link)

    def change(self, network: KeptNetwork) -> None:
        """Keep something else about the network, or be of it under another key."""
        self._keep(network)

    def note(self, successions: Sequence[Succession]) -> None:
        """Other keys have been succeeded by this network's, or by one before it."""
        if self.is_decided():
            # A member could make up as many as people are shown, and who knew the network by an older one were lost.
            successions = [one for one in successions if self.is_ordered(one)]
        known = self._with(self.network.successions, successions)
        if known != self.network.successions:
            self._keep(replace(self.network, successions=known))

    def _with(self, some: Sequence[Succession], others: Sequence[Succession]) -> tuple[Succession, ...]:
        """Both, each once, the latest of the first at the end."""
        known = dict.fromkeys(some)
        return (*(one for one in others if one not in known), *some)[-SUCCESSIONS_MAX:]

    def _keep(self, network: KeptNetwork) -> None:
        self._context.network = network
        self._changes += 1
        self._context.actions.append(AdoptNetwork(network))

    def adopted(self, network: KeptNetwork) -> None:
        """The driver shows a network's key, and knows how the one before has led to it."""
        self._changes -= 1
        if self._changes or self._network is None:
            return
        if network.key == self._network.key and network.successions != self._network.successions:
            self._context.network = replace(self._network, successions=network.successions)
            self._tell_of_successions()
        self.on_changed()

    # --- neighbours ---------------------------------------------------------------------------------------------------

    def linked(self, link: Link) -> None:
        """A native link is up."""
        if link.shown is not None and not self.is_of_it(link.shown):
            # The key has changed since the other side was looked at: it was no neighbour yet, and was not told.
            self.hand_to(link)
        elif link.shown is not None and (self.network.successions or self.secrets_told()):
            self.tell(link)

    def _tell_of_successions(self) -> None:
        for link in self._neighbours:
            if link.shown is not None:
                self._send(link)

    def hand_to(self, link: Link) -> None:
        """Hand the network's key to a member: nobody else is ever linked so. Each key once over a link: two that heed
        other operators would answer each other with theirs for ever."""
        if link.shown is not None and link.handed != self.network.key and self.may_hand(link.remote_id):
            link.handed = self.network.key
            self._send(link, self.network.seed, self.network.ssh)

    def tell(self, link: Link) -> None:
        """Tell a member the network's secrets, where operators have ordered other ones, and how its key came about."""
        if link.shown is not None:
            self._send(link)

    def _send(self, link: Link, seed: bytes | None = None, ssh: bytes | None = None) -> None:
        network = self.network
        secrets = self.secrets_told() if self.may_hand(link.remote_id) else ()
        news = NetworkNews(
            network.key, self.told_founded, network.successions, seed, ssh, network.order if seed else None, secrets
        )
        self._context.send(link, news)

    @takes(NetworkNews)
    def _handed(self, link: Link, message: NetworkNews) -> None:
        """A neighbour says how the network has become what it is, or what it is from now on."""
        if link.shown is None or self._network is None:
            self._context.invalid(link, "a network's key is handed over only where both sides have shown certificates")
        elif self.on_handed(link, message):
            pass
        elif message.network == self._network.key:
            self.note(message.successions)
        elif self.is_decided():
            if message.seed is not None:
                self.hand_to(link)
        elif age_of(message.network, message.founded) < self.age:
            if message.seed is None:
                # It is on its way over this link, or another one.
                return
            if self.fits(message.seed, message.network):
                told = as_kept(
                    message.network, message.founded, message.seed, message.successions, message.ssh, message.order
                )
                self._adopt_in_turn(told, link)
            else:
                self._context.invalid(link, "the private key is not that of the network")
        elif message.seed is not None:
            self.hand_to(link)

    def _adopt_in_turn(self, network: KeptNetwork, link: Link) -> None:
        """Be of another network, at once if this one has not changed often of late: who makes up one after the other
        has everybody make certificates, and tell their neighbours, for each. Of several the earliest is waited with."""
        waiting = self._waiting
        if waiting is None or age_of(network.key, network.founded_at) < age_of(waiting[0].key, waiting[0].founded_at):
            self._waiting = (network, link)
        now = self._context.now.monotonic
        at = self._adoptions.next_at(now)
        if at <= now:
            self._adopt_waiting()
        elif waiting is None:
            self._context.timers.set("another network", at, self._adopt_waiting)

    def _adopt_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and age_of(waiting[0].key, waiting[0].founded_at) < self.age:
            self._adoptions.take(self._context.now.monotonic)
            self.adopt(*waiting)


def age_of(key: bytes, founded_at: float | None) -> NetworkAge:
    """What decides whether the network with this public key stays."""
    return NetworkAge(float("inf") if founded_at is None else founded_at, key)


def as_kept(
    key: bytes,
    founded_at: float | None,
    seed: bytes,
    successions: Sequence[Succession],
    ssh: bytes | None,
    order: SignedOrder | None = None,
) -> KeptNetwork:
    """A network as somebody has told of it."""
    change = key_change_in(order.order) if order is not None else None
    order = order if change is not None and change.key == key else None
    by = (order.order.key, order.order.network) if order is not None else (b"", "")
    return KeptNetwork(seed, key, founded_at, tuple(successions), ssh, None, order, *by)
