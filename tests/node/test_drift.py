"""Clocks that are wrong: set back at a restart, an hour off, or a liar's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.kernel.clock import AHEAD_MAX, MICROSECONDS, HybridClock
from core.simulation.testing import EPOCH, SECRET, ScriptedNetwork, ScriptedPeer, WatchedServer, chain, star
from core.wire import messages as wire
from core.wire.messages import LinkEnd

DAY = 86_400.0
HOUR = 3600.0


def dated(server: WatchedServer) -> dict[Any, int]:
    """When each activity was written, as a server has it: by its text, in seconds from the beginning of the world."""
    entries = [one for one in server.disk.entries() if one.kind == "activity"]
    return {text(one.body): round(one.stamp / MICROSECONDS - EPOCH) for one in entries}


def text(body: bytes) -> Any:
    return msgspec.json.decode(body)["text"]


def order(server: WatchedServer) -> list[Any]:
    """What a server has, in the order of its history."""
    return [one["text"] for one in server.activities()]


# --- a clock that was set back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [400.0, HOUR, 2 * DAY, 50 * 365 * DAY])
def test_what_is_written_after_a_clock_was_set_back_follows_what_was_written_before(back: float) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    for number in range(3):
        network.logged_in(server).post(number)
        network.run(1.0)
    server.crash()
    network.clock_offsets["a"] = -back
    again = network.start("a")
    for number in range(3, 6):
        network.logged_in(again).post(number)
        network.run(1.0)
    assert order(again) == [0, 1, 2, 3, 4, 5]


def test_what_others_wrote_is_not_put_behind_either_when_a_clock_was_set_back() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.logged_in(second).post("theirs")
    network.run(1.0)
    first.crash()
    network.clock_offsets["n000"] = -2 * DAY
    again = network.start("n000", redirects=False)
    network.logged_in(again).post("mine")
    network.run(1.0)
    assert order(again) == ["theirs", "mine"]


@pytest.mark.parametrize("restarted", [False, True])
def test_people_are_told_once_when_a_server_dates_far_ahead_of_its_clock_and_when_no_more(restarted: bool) -> None:
    network = ScriptedNetwork(clock_offsets={"a": 3 * DAY})
    server = network.start("a")
    network.logged_in(server).post("dated in three days")
    network.run(60.0)
    assert not server.told("clock")
    if restarted:
        server.crash()
        network.clock_offsets["a"] = 0.0
        server = network.start("a")
    else:
        server.clock_offset = 0.0
    network.run(180.0)
    (told,) = server.told("clock")
    assert "3.0 days ahead of this machine's clock" in told
    server.clock_offset = 3 * DAY
    network.run(60.0)
    assert len(server.told("clock")) == 2 and "again" in server.told("clock")[-1]


# --- clocks that differ -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-2 * DAY, -HOUR, -400.0, 400.0, HOUR, 2 * DAY])
@pytest.mark.parametrize("writer", [0, 1, 2])
def test_what_is_written_where_the_clock_is_far_off_is_dated_as_the_others_have_it(off: float, writer: int) -> None:
    network = ScriptedNetwork(clock_offsets={f"n{writer:03}": off})
    servers = network.build(chain(3), redirects=False)
    begun = network.time
    network.logged_in(servers[writer]).post("hello")
    network.run(2.0)
    others = [server for number, server in enumerate(servers) if number != writer]
    for server in others:
        assert dated(server)["hello"] == pytest.approx(begun, abs=2)


@pytest.mark.parametrize("off", [-2 * DAY, -HOUR, 400.0, HOUR, 2 * DAY])
def test_where_the_own_clock_is_off_what_the_others_write_is_dated_by_it_whichever_way_it_comes(off: float) -> None:
    network = ScriptedNetwork(clock_offsets={"n002": off})
    far, near, odd = network.build(chain(3), redirects=False)
    network.run(60.0)
    begun = network.time
    network.logged_in(near).post("from the neighbour")
    network.logged_in(far).post("from behind it")
    network.run(2.0)
    assert dated(odd)["from the neighbour"] == pytest.approx(begun + off, abs=3)
    assert dated(odd)["from behind it"] == pytest.approx(begun + off, abs=3)


def test_a_clock_that_is_set_while_its_server_runs_dates_what_others_write_by_the_new_time_at_once() -> None:
    """Before the neighbours have said again what time it is there."""
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.run(60.0)
    second.clock_offset = DAY
    begun = network.time
    network.logged_in(first).post("hello")
    network.run(0.5)
    assert dated(second)["hello"] == pytest.approx(begun + DAY, abs=3)


@pytest.mark.parametrize("off", [-2 * DAY, -HOUR, -400.0, 400.0, HOUR, 2 * DAY])
def test_what_comes_by_a_server_whose_clock_is_far_off_is_dated_when_it_was_written(off: float) -> None:
    """It was written while its server could not be reached."""
    network = ScriptedNetwork(clock_offsets={"n001": off})
    first, _, last = servers = network.build(chain(3), redirects=False)
    network.part([first], servers[1:])
    network.logged_in(first).post("alone")
    written = network.time
    network.run(60.0)
    network.part([first], [last])
    network.mend_between(first, servers[1])
    assert network.until(lambda: order(last) == ["alone"], 120.0)
    assert dated(last)["alone"] == pytest.approx(written, abs=5)


def test_what_was_written_while_away_is_dated_when_it_was_written() -> None:
    network = ScriptedNetwork(clock_offsets={"n001": -HOUR})
    first, second = network.build(chain(2), redirects=False)
    network.part([first], [second])
    network.logged_in(second).post("alone")
    written = network.time
    network.run(600.0)
    network.mend()
    assert network.until(lambda: order(first) == ["alone"], 120.0)
    assert dated(first)["alone"] == pytest.approx(written, abs=2)


def test_what_is_written_in_turn_where_clocks_are_far_apart_stands_in_that_order() -> None:
    network = ScriptedNetwork(clock_offsets={"n001": -HOUR, "n002": HOUR})
    # Without a link beside the tree: one that a clock behind has dated takes the place of one in it.
    servers = network.build(star(3), redirects=False, lazy_links=0)
    people = [network.logged_in(server) for server in servers]
    for number in range(9):
        people[number % 3].post(number)
        network.run(1.0)
    assert order(servers[0]) == list(range(9))


def test_clocks_that_differ_a_little_date_nothing_anew() -> None:
    network = ScriptedNetwork(clock_offsets={"n001": -100.0})
    first, second = network.build(chain(2), redirects=False)
    network.logged_in(second).post("hello")
    network.run(2.0)
    assert [one.stamp for one in first.disk.entries()] == [one.stamp for one in second.disk.entries()]


@pytest.mark.parametrize(
    ("off", "words"), [(-1.5, "1.5 seconds behind"), (5.0, "5.0 seconds ahead of"), (HOUR, "60.0 minutes")]
)
def test_people_are_told_once_of_a_clock_that_differs_and_when_it_agrees_again(off: float, words: str) -> None:
    network = ScriptedNetwork(clock_offsets={"n001": off})
    first, second = network.build(chain(2), redirects=False)
    network.run(300.0)
    (told,) = first.told("clock")
    assert "n001" in told and words in told
    assert len(second.told("clock")) == 1
    second.clock_offset = 0.0
    network.run(120.0)
    assert "agree again" in first.told("clock")[-1] and len(first.told("clock")) == 2


def test_nobody_is_told_of_clocks_that_differ_by_less_than_a_second() -> None:
    network = ScriptedNetwork(clock_offsets={"n001": 0.9}, delay=0.1)
    servers = network.build(chain(2), redirects=False)
    network.run(120.0)
    assert not any(server.told("clock") for server in servers)


def test_a_client_is_told_the_time_by_which_its_server_dates() -> None:
    network = ScriptedNetwork(clock_offsets={"a": -HOUR})
    (answer,) = network.logged_in(network.start("a")).of(wire.LoginSuccess)
    assert answer.stamp is not None
    assert answer.stamp / MICROSECONDS == pytest.approx(EPOCH - HOUR, abs=2)


# --- liars ------------------------------------------------------------------------------------------------------------


def liar(network: ScriptedNetwork, server: WatchedServer, stamp: int) -> ScriptedPeer:
    """A native neighbour that says that its clock stands at `stamp`."""
    peer = network.peer(server)
    peer.say(wire.Authenticate(SECRET, id="liar", incarnation=1, features=["sync"], stamp=stamp))
    links = [LinkEnd(server.id, stamp)]
    peer.say(wire.ServerAnnounce("liar", 0, "liar.example", 1, incarnation=1, version=1, links=links))
    peer.say(wire.SyncDone())
    network.run(0.1)
    return peer


NOW = int(EPOCH * MICROSECONDS)


@pytest.mark.parametrize("origin", ["liar", "somebody"])
@pytest.mark.parametrize("says", [NOW, 1, 2**53 - 1])
@pytest.mark.parametrize("stamp", [NOW + 10 * AHEAD_MAX, 2**53 - 1, 0])
def test_a_forged_time_is_at_most_a_little_ahead_everywhere(origin: str, says: int, stamp: int) -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    peer = liar(network, first, says)
    activity = msgspec.Raw(b'{"text":"forged"}')
    peer.say(wire.ActivityBroadcast(activity, id=f"{origin}.1.1", stamp=stamp, sender="ann"))
    network.run(1.0)
    for server in (first, second):
        assert dated(server)["forged"] + EPOCH >= 0
        assert dated(server)["forged"] <= network.time + AHEAD_MAX / MICROSECONDS
    network.run(AHEAD_MAX / MICROSECONDS + 1)
    network.logged_in(second).post("honest")
    network.run(1.0)
    assert order(first) == order(second) == ["forged", "honest"]


def test_a_liar_that_says_another_time_with_each_ping_is_told_of_once_a_minute() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    peer = liar(network, server, NOW)
    for second in range(300):
        for ping in peer.of(wire.Ping)[-1:]:
            peer.say(wire.Pong(ping.number, stamp=NOW, wall=(second * 10**12) % 2**53))
        network.run(1.0)
    assert 1 <= len(server.told("clock")) <= 6


def test_forged_times_pull_no_clock_further_than_a_bound_however_many_come() -> None:
    clock = HybridClock()
    for _ in range(1000):
        clock.observe(clock.horizon(EPOCH), EPOCH)
    assert clock.read(EPOCH) <= NOW + AHEAD_MAX
    assert clock.stamp(EPOCH) <= NOW + AHEAD_MAX + 1


# --- a clock that is set back, or forth, while its server runs --------------------------------------------------------


@pytest.mark.parametrize("off", [-2 * DAY, -HOUR, -400.0, -100.0])
def test_what_others_write_keeps_its_date_on_its_way_through_a_server_whose_clock_was_set_back(off: float) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False, lazy_links=0)
    servers[1].clock_offset += off
    network.run(60.0)
    begun = network.time
    network.logged_in(servers[0]).post("hello")
    network.run(2.0)
    assert [dated(server)["hello"] for server in servers] == pytest.approx([begun] * 3, abs=2)


def test_a_clock_that_was_set_back_follows_others_as_far_as_before() -> None:
    clock = HybridClock()
    clock.passes(1000.0, EPOCH)
    clock.passes(1060.0, EPOCH + 60 - DAY)
    clock.observe(NOW + 70 * MICROSECONDS, EPOCH + 60 - DAY)
    assert clock.read(EPOCH + 60 - DAY) == NOW + 70 * MICROSECONDS
    for _ in range(1000):
        clock.observe(clock.horizon(EPOCH + 60 - DAY), EPOCH + 60 - DAY)
    assert clock.read(EPOCH + 60 - DAY) <= NOW + 60 * MICROSECONDS + AHEAD_MAX


@pytest.mark.parametrize("off", [-2 * DAY, -HOUR, -100.0, 0.0, 5.0, 100.0, 290.0])
@pytest.mark.parametrize("ways", [(0, 1, 0), (0, 2, 0), (0, 2, 1), (1, 0, 2)])
def test_base_clients_get_what_they_missed_once_although_a_clock_has_jumped(off: float, ways: tuple[int, ...]) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    network.registered(servers[0], "ann", "s")
    bob = network.logged_in(servers[2])
    network.run(20.0)
    servers[0].clock_offset += off
    network.run(20.0)
    got: list[Any] = []
    for number, way in enumerate(ways):
        ann = network.base_client(servers[way])
        ann.login("ann", "s")
        network.run(3.0)
        bob.post(f"seen {number}")
        network.run(3.0)
        ann.hang_up()
        network.run(3.0)
        got += ann.texts()
        bob.post(f"missed {number}")
        network.run(3.0)
    assert got == ["seen 0", "missed 0", "seen 1", "missed 1", "seen 2"]


@pytest.mark.parametrize("back", [0.001, 100.0, HOUR, 50 * 365 * DAY])
def test_a_clock_that_is_set_back_goes_on_from_where_it_was_and_is_caught_up_with(back: float) -> None:
    clock = HybridClock()
    clock.passes(1000.0, EPOCH)
    first = clock.read(EPOCH)
    clock.passes(1001.0, EPOCH + 1 - back)
    assert clock.read(EPOCH + 1 - back) >= first
    for second in range(2, 62):
        clock.passes(1000.0 + second, EPOCH + second - back)
    assert clock.read(EPOCH + 61 - back) - first == pytest.approx(61 * MICROSECONDS, abs=MICROSECONDS)
    clock.passes(1000.0 + 101 * back, EPOCH + 100 * back)
    assert clock.read(EPOCH + 100 * back) == pytest.approx((EPOCH + 100 * back) * MICROSECONDS, abs=MICROSECONDS)
