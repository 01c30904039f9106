"""Snapshots: an immutable picture of what a node knows, for screens and for `activity-tui status`."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

LinkState = Literal["connecting", "quiet", "eager", "lazy", "base", "closing"]
"""How a server link stands.

`quiet`: an inbound peer that has shown nothing yet and is not spoken to; `eager`: carries broadcasts, part of the
spanning tree; `lazy`: redundant, carries digests only; `base`: to a base server.
"""

USERS_IN_LINE: Final = 1000
"""Users that are told of in a picture that has to be cut."""

ServerState = Literal["here", "reachable", "guest", "unreachable"]


class ServerView(msgspec.Struct, frozen=True):
    """A server as this node knows it."""

    id: str
    name: str
    hostname: str
    port: int
    load: int
    state: ServerState
    incarnation: int = 0
    draining: bool = False
    tree: tuple[str, ...] = ()
    """Neighbours in the spanning tree."""
    lazy: tuple[str, ...] = ()
    """Neighbours over redundant links."""
    users: tuple[str, ...] = ()
    """Names logged in there, as far as announced (the first 256)."""
    via: str | None = None
    """For a `guest`, an attached base server: the node that speaks for it."""
    ssh: int = 0
    """The port on which it serves SSH at its host; 0: it does not."""
    key: str = ""
    """The fingerprint of the key that signs what it says of itself; empty: nothing is signed, as it is a base server or
    of a version before keys."""
    signs_from: int | None = None
    """The first of its starts of which it signs every entry; None: it signs none, or nobody has said so here."""
    since: float | None = None
    """Of an `unreachable` one, when it was there last, in seconds since 1970: to the second if it has gone while this
    node ran, else to the hour. None of others."""


class ConnectionView(msgspec.Struct, frozen=True):
    """A connection of this node. The driver adds traffic figures by `conn`."""

    conn: int
    role: Literal["server", "client", "unknown"]
    origin: Literal["inbound", "outbound", "local"]
    peer: str
    state: str
    """For a server link its LinkState, for a client `anonymous`, `logged in`, `registering`, `logging in`, …"""
    name: str = ""
    """User name, or the server's name."""
    server: str | None = None
    features: tuple[str, ...] = ()
    since: float = 0.0
    """Wall-clock seconds since 1970."""
    round_trip: float | None = None
    """Seconds, when it is measured."""
    encrypted: bool = False
    suspected: bool = False
    """Whether its other side, a server, has left the last pings unanswered, and may be given up soon."""
    """Whether nobody else hears what is said there; what is local does not leave this machine's memory."""


class UserView(msgspec.Struct, frozen=True):
    """A registered user, or somebody logged in."""

    name: str
    registered_at: float | None
    """Wall-clock seconds since 1970; None for anonymous people and for users of base servers."""
    servers: tuple[str, ...] = ()
    """Where the user is logged in (server ids)."""
    renamed_from: str | None = None


class NodeSnapshot(msgspec.Struct, frozen=True):
    """What a node knows at one moment."""

    at: float
    id: str
    name: str
    hostname: str
    port: int
    incarnation: int
    load: int
    servers: tuple[ServerView, ...]
    """Every known server, this one first, then by name and id."""
    connections: tuple[ConnectionView, ...]
    users: tuple[UserView, ...]
    """By name. At most `users_shown` of `users_total`."""
    users_total: int
    activities: int
    """Activities kept here."""
    draining: bool
    storage_error: str | None
    base_servers: bool
    """Whether a base server is part of the network: registrations then travel there in the clear."""
    parked: int = 0
    """Activities that wait for their sender's previous one."""
    lock_messages: int = 0
    """Lock messages that this node has sent since its start."""
    unreachable: int = 0
    """Servers that are known but cannot be reached now."""
    damaged: int = 0
    """Entries that were damaged on the disk, and have not come again from the other servers."""
    read_through_at: float | None = None
    """When all data was last read through to look for damage, in seconds since 1970; None: never, or unknown."""
    damaged_then: int = 0
    """How many places were damaged then."""
    unindexed: int | None = None
    """How many activities the index of words has not come to yet, about; None: there is no index, or nobody knows."""
    index_bytes: int = 0
    """How large that index is."""
    ssh_authority: str = ""
    """The public key, as OpenSSH writes it, that certifies the network's hosts for SSH; empty: none is served here."""
    ssh_revoked: tuple[str, ...] = ()
    """Those that have certified them before operators gave the network other keys: who was expelled may have them."""
    awaits_key_of: str = ""
    """At the server that has begun the network: its first account, as long as that has not shown the key with which it
    signs orders."""
    left_out: int = 0
    """Servers that are known and not among `servers`, because the picture has to fit a line."""
    network: str = ""
    """The network's fingerprint; empty where it has no key."""
    secret_shown: tuple[str, ...] = ()
    """Addresses to which this start of the node has sent the network's secret in clear; the first ones."""
    clients_in_clear: int = 0
    """Clients of this node whose connections others can read, of those among `connections`."""


def fitting(snapshot: NodeSnapshot, bytes_max: int) -> NodeSnapshot:
    """As much of a snapshot as fits so many bytes of JSON: the names of who is logged in elsewhere go first, then those
    servers that come last."""
    if len(msgspec.json.encode(snapshot)) <= bytes_max:
        return snapshot
    servers = tuple(one if one.state == "here" else msgspec.structs.replace(one, users=()) for one in snapshot.servers)
    shown = msgspec.structs.replace(snapshot, servers=servers, users=snapshot.users[:USERS_IN_LINE])
    while len(msgspec.json.encode(shown)) > bytes_max and len(shown.servers) > 1:
        kept = servers[: len(shown.servers) // 2]
        shown = msgspec.structs.replace(shown, servers=kept, left_out=len(servers) - len(kept))
    return shown


def without_clients(snapshot: NodeSnapshot) -> NodeSnapshot:
    """The snapshot without what concerns only the node's own people: addresses of clients."""
    servers_only = tuple(one for one in snapshot.connections if one.role == "server")
    return msgspec.structs.replace(snapshot, connections=servers_only)
