"""What a store hands a node at its start. What may be much is packed, and unpacked where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, EntryId, PeerRecord, Stream
from core.wire.entry_runs import NO_ENTRIES, EntryRuns
from core.wire.kept_network import KeptNetwork
from core.wire.packed_facts import PackedFacts
from core.wire.packed_refs import PackedRefs
from core.wire.server_keys import ServerKey
from core.wire.signing import Signer, Verifier


class Recovered(msgspec.Struct, frozen=True):
    """What a node remembers."""

    node: str
    incarnation: int
    """Already increased and synced for this start."""
    stamp: int = 0
    """The largest hybrid logical time in the store."""
    told: int = 0
    """The hybrid logical time that people were told last before this start, as far as that was kept."""
    streams: Mapping[Stream, int] = {}
    """For each stream, the number up to which nothing is missing. Not to be changed."""
    beyond: EntryRuns = NO_ENTRIES
    """Entries that are there beyond a gap."""
    damaged: EntryRuns = NO_ENTRIES
    """What was received before this start, and damaged since: it is not there, and counts as never received."""
    accounts: PackedFacts = PackedFacts()
    """Registrations."""
    account_changes: PackedFacts = PackedFacts()
    """Changes of accounts' keys and secrets."""
    last_by_sender: Mapping[str, EntryId] = {}
    recent_refs: PackedRefs = PackedRefs()
    """Of the newest activities."""
    disordered: tuple[Entry, ...] = ()
    """Of the newest activities those whose sender's previous one is not there, oldest first."""
    recent_streams: Mapping[Stream, int] = {}
    """The streams of the newest activities with the latest of their stamps, ascending by that."""
    peers: tuple[PeerRecord, ...] = ()
    activities: int = 0
    """How many activities are stored."""
    server_keys: tuple[ServerKey, ...] = ()
    """What ids from before keys are bound to."""
    documents: tuple[DocumentVersion, ...] = ()
    """Of accounts, each one's."""
    starts: tuple[tuple[int, int], ...] = ()
    """Of the latest starts of this node, this one the last, the incarnation, and the number that the store gave to the
    first record: see `core.store.own_starts`."""
    founding: str = ""
    """What is kept of who began the network: `core.node.orders.founding`."""
    signer: Signer | None = None
    """The node's own key; None: it has none, as before keys."""
    verifier: Verifier | None = None
    """Tells whether others' signatures fit."""
    signs_from: int | None = None
    """The first incarnation of which all own entries are signed; None: they are not."""
    network: KeptNetwork | None = None
    """The network that the node is of; None: it has no key, as before networks had one."""
    signer_of: Callable[[bytes], Signer] | None = None
    """Finds what signs with a network's private key, and the public one that goes with it. Raises ValueError when that
    is none."""
