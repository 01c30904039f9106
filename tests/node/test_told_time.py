"""The time that clients were told: a clock that is set back, and a restart, leave nothing out for it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.simulation.testing import NATIVE_CLIENT, ScriptedNetwork, WatchedServer
from core.wire import messages as wire

FEATURES = (*NATIVE_CLIENT, "place")


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


def begins(network: ScriptedNetwork, server: WatchedServer) -> wire.HeldEntries:
    """Where somebody begins who comes, and leaves again."""
    client = network.client(server, features=FEATURES)
    client.login()
    network.run(0.5)
    (success,) = client.of(wire.LoginSuccess)
    client.hang_up()
    network.run(0.5)
    assert success.begins is not None
    return success.begins


@pytest.mark.parametrize("at_once", [True, False], ids=["set back while it runs", "set back while it is down"])
def test_who_began_before_a_clock_was_set_back_gets_what_the_next_start_accepts(
    network: ScriptedNetwork, at_once: bool
) -> None:
    server = network.start("a", redirects=False)
    network.run(5.0)
    beginning = begins(network, server)
    if at_once:
        server.clock_offset = -60.0
        network.run(1.0)
    server.crash()
    network.clock_offsets["a"] = -60.0
    again = network.start("a", redirects=False)
    network.logged_in(again).post("accepted by the next start")
    network.run(1.0)
    client = network.client(again, features=FEATURES)
    client.login(have=beginning)
    network.run(0.5)
    assert client.texts() == ["accepted by the next start"]


def test_a_time_that_is_not_credible_any_more_is_forgotten(network: ScriptedNetwork) -> None:
    """A clock that was a day ahead for a while dates nothing by that, if nothing was written meanwhile."""
    network.clock_offsets["a"] = 86_400.0
    server = network.start("a", redirects=False)
    begins(network, server)
    server.crash()
    network.clock_offsets["a"] = 0.0
    (success,) = network.logged_in(network.start("a", redirects=False)).of(wire.LoginSuccess)
    assert success.stamp is not None
    assert success.stamp < (network.now.wall + 1.0) * 1_000_000


def test_however_many_log_in_the_time_is_kept_once_a_second(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    kept: list[float] = []
    keep = server.disk.keep_time

    def keep_time(stamp: int) -> None:
        kept.append(network.time)
        keep(stamp)

    server.disk.keep_time = keep_time  # type: ignore[method-assign]
    for _ in range(40):
        network.client(server, features=FEATURES).login()
        network.run(0.1)
    network.run(2.0)
    assert 4 <= len(kept) <= 6
    assert all(later - one > 0.999 for one, later in pairwise(kept))
