"""A node's settings. Times are in seconds, sizes in bytes.

`lan()` is the default; `local()` and `wan()` differ from it where the round trip matters.

Where a field names figures, they were measured by the experiments of `python -m core.simulation table` with everything
else as it is here, links of 50 ms, and two redundant links a node: the worst of several networks.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

LinkPolicy = Literal["encrypted", "base", "mixed"]


class NodeConfig(msgspec.Struct, frozen=True):
    """How a node behaves. Each field says what it trades."""

    hostname: str
    """Where others can reach this node: goes into announcements and redirects."""
    port: int
    secret: str
    """The network's secret: whoever knows it may link a server."""
    name: str = ""
    """What people call the node; the start of its id when empty."""

    announce_interval: float = 5.0
    """Between announcements to base servers (base protocol)."""
    refresh_interval: float = 30.0
    """Between announcements to our own nodes when nothing has changed; they stretch it to a second for each node when
    the network is large."""
    announce_gap: float = 0.5
    """Least time between announcements of changed loads or users: shorter spreads news faster, longer costs less."""
    lock_limit: float = 10.0
    """A registration that has not got all its answers by then fails."""
    gather_wait: float = 1.0
    """How long after a base server's last answer others that it owes are waited for: some of them answer a
    registration once for all that are behind them. Shorter asks less patience of people, longer trusts slower ones."""
    first_message_limit: float = 10.0
    """A connection that has said nothing valid by then is closed."""
    quiet_limit: float = 6.0
    """How long an inbound server link that shows nothing is not spoken to: base servers announce themselves by then."""
    listen: float = 1.0
    """How long a base server that this node has dialled is listened to before it is spoken to: as long as it takes to
    hear over it of another server of ours that speaks to it already. Both would bring it everything twice."""
    ping_interval: float = 2.0
    """Between pings on a native link that is silent: with `ping_misses`, how fast a half-open link is noticed, here
    after 8 s. Shorter suspects servers that are only busy; idle links cost two messages each this often, which for a
    node of 1,000 is three a second."""
    ping_misses: int = 3
    base_silence_limit: float = 60.0
    """A base link that says nothing for so long is taken for dead; sooner, if it announced itself more often before
    (base servers announce every 5 s)."""
    dial_limit: float = 5.0
    redial_min: float = 0.25
    redial_max: float = 30.0
    """Backoff between attempts at a server that was named, or that speaks only the base protocol: doubled each time,
    with full jitter."""
    heal_max: float = 5.0
    """The same for servers that were lost: parts of a network that can reach each other again find that out within this
    time, and one node of each part makes a few attempts so often for as long as anybody is missing. After a minute in
    two parts 25 servers were one network, complete and agreed, 6.4 s after the parts could reach each other with 30 s
    here, and 4.0 s after it with 5 s."""
    heal_jitter: float = 0.2
    """The first attempt after a loss comes within this time, at random."""
    remember_lost: float = 7 * 24 * 3600.0
    """How long a server that vanished is looked for."""
    lazy_links: int = 2
    """Redundant links that a node keeps beside the tree: none leaves healing to redialling. Survivors of one crash
    among 25 servers were cut off for 0.35 s with none, 0.29 s with one, 0.14 s with two, 0.10 s with three. Each costs
    a ping every `ping_interval` and a copy of all structural news."""
    links_max: int = 12
    """Above this many native links, others' wishes for lazy ones are refused. A thousand servers that each want two
    have 3.5 links on average, and the one with the most has 11."""
    lazy_delay: float = 1.0
    """How long the network must have been stable before redundant links are made."""
    flood: float = 2.0
    """How long after the spanning tree has lost a link new entries are passed on over redundant links too: as long as
    it takes until all agree on another tree. 0: never. Without it survivors of one crash were cut off for 0.39 s among
    25 servers and 0.58 s among 1,000; with it for 0.14 s and 0.09 s. It costs at most a message over every link for
    each entry of that time."""
    sync_interval: float = 10.0
    """Between digests on a link (anti-entropy)."""
    order_wait: float = 30.0
    """How long an activity waits for its sender's previous one, which a crashed server may still hold: as long as it
    takes to start that one again. Shorter lets people whose server died be heard sooner, and breaks their order when
    it comes back later than that."""
    drain_limit: float = 5.0
    """A leaving node is gone after this time, whatever is left undone."""
    redirect_client_limit: int = 1
    """A native client that has followed this many redirects stays."""
    redirect_delay: float = 0.02
    """How long a client waits for its REDIRECT, so that its new server hears of it first and does not send it on."""
    liveness_after: float = 12.5
    """How long a client may be silent before it has to show that it is there when it posts. A living one is heard every
    10 s, and one that hears nothing goes elsewhere after 25 s, of which it may have been heard for 10."""
    clients_max: int = 0
    """People that are logged in over the network at a time; 0: any number. See `places` for who gives way."""
    registrations_per_minute: float = 60.0
    """Names that one address (IPv6: one /64) may register, on average; ten minutes' worth may come at once. Each costs
    every server of the network a slow hash's result, for ever."""
    servers_max: int = 8192
    """Servers of which a node keeps a record, a long one counting for several. Of them, and of what is next, one
    neighbour brings no more than are left free, so that more of it costs memory and lets in larger networks."""
    origins_max: int = 16_384
    """Servers, gone ones included, whose entries a node keeps."""
    starts_max: int = 2_000_000
    """Starts of servers whose entries it keeps."""
    accounts_max: int = 1_000_000
    """Accounts, and changes of accounts, that a node keeps: some 1 kB of memory each."""
    documents_bytes_max: int = 64 * 1024 * 1024
    """Documents of accounts, with 512 bytes for each: some 80,000 of the usual length. They are in memory. Of more the
    largest go."""
    document_interval: float = 60.0
    """How often an account may change its document at this node."""
    claims_max: int = 20_000
    """Registrations of other servers that are under way at a time."""
    server_registrations_per_minute: float = 6000.0
    """Names that one server may register, and changes of accounts that it may make, on average; ten minutes' worth may
    come at once. A neighbour that makes more than twice as many loses its link."""
    anonymous_rate: float = 128.0 * 1024
    """Bytes a second that the anonymous people at one address may write in the long run; 0: as many as they like."""
    redirects: bool = True
    anonymous: bool = True
    """Whether clients may log in as `anonymous`."""
    inbox_max: int = 1000
    """Messages that wait on one connection while its secret is being checked; one more closes it."""
    base_grace: float = 1.0
    """How long after this node's last answer a base server's registration is taken to have succeeded."""
    parked_max: int = 10_000
    """Activities that wait for a previous one; with more, the oldest is delivered without waiting any longer."""
    parked_bytes_max: int = 32 * 1024 * 1024
    """The same in bytes."""
    history_max: int = 10_000
    """Largest number of past activities that one login gets."""
    accept_unsigned: bool = False
    """Whether what nobody has signed is believed of servers that have keys, too, as before there were keys: only for
    going back to the version before, node by node. Everybody who knows the network's secret may then write and
    announce in the name of any server."""
    distrusted: frozenset[str] = frozenset()
    """Servers that lie about people, by id. What was registered there takes no name from anybody else, and what they
    say of accounts' keys and secrets counts as if they had not said it. It is this node's judgement alone: all nodes of
    a network need the same."""
    operators: frozenset[str] = frozenset()
    """Public keys, as `core.wire.signed_orders.operator_fingerprint` shows them, whose orders are heeded here beside
    those of the network's own operators."""
    founds: bool = False
    """Whether this start of the node begins a network, if it has never been part of one."""
    links: LinkPolicy = "base"
    """Which links with other servers may be in clear, and show the network's secret on the way. `encrypted`: none, so
    there are no servers of 2018 in the network; `base`: those with servers of 2018; `mixed`: those with servers of the
    version before, too, for as long as a network is upgraded node by node."""
    tracing: bool = False
    """Whether the node says in traces what goes on inside it: for debugging. Changes nothing else."""


def lan(hostname: str, port: int, secret: str) -> NodeConfig:
    """Round trips of a few milliseconds, up to a few hundred; the default.

    With links of 0.5, 50 and 200 ms survivors of one crash among 25 were cut off for 0.00, 0.14 and 0.60 s, and what
    had been in two parts was one 1.3, 4.0 and 7.4 s after it could be.
    """
    return NodeConfig(hostname, port, secret)


def local(hostname: str, port: int, secret: str) -> NodeConfig:
    """Everything on one machine: quicker to suspect and to retry. A half-open link is noticed after 4 s."""
    return replace(lan(hostname, port, secret), ping_interval=1.0, redial_min=0.1, heal_jitter=0.05, lazy_delay=0.5)


def wan(hostname: str, port: int, secret: str) -> NodeConfig:
    """Round trips of hundreds of milliseconds and lossy paths: slower to suspect (20 s), more patient with dials and
    registrations. With links of 200 ms it is as quick as `lan()` when a crash is told: 0.60 s, and 8.5 s after a
    parting.
    """
    return replace(
        lan(hostname, port, secret),
        ping_interval=5.0,
        dial_limit=15.0,
        lock_limit=30.0,
        gather_wait=3.0,
        listen=3.0,
        redial_min=0.5,
        heal_jitter=0.5,
    )
