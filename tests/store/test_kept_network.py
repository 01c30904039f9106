"""The network's key, and what has led to it, are found again."""

from __future__ import annotations

from core.store.kept_network_setting import keep_network, read_network
from core.store.memory_store import MemoryStore
from core.wire.kept_network import KeptNetwork, Succession


def test_a_network_that_was_kept_is_found_as_it_was() -> None:
    store = MemoryStore("n1")
    first, second, third = (bytes([one]) * 32 for one in (1, 2, 3))
    led, given_up = Succession(first, second, b"s" * 64), Succession(third, second, b"t" * 64)
    for network in (
        KeptNetwork(b"a" * 32, second),
        KeptNetwork(b"a" * 32, second, 1.5, (led,), b"h" * 32, given_up),
        KeptNetwork(b"a" * 32, second, 1.5, (), b"h" * 32),
    ):
        keep_network(store, network)
        assert read_network(store) == network
