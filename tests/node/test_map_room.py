"""Room on the map: who invents servers loses its link, who passes them on does not, and honest ones are let in."""

from __future__ import annotations

from typing import Any

import pytest

from core.node.interface.notices import Notice
from core.node.map.map_room import PLACE_BYTES
from core.node.map.map_summary import PAGE_BYTES, summary_pages
from core.node.map.topology import ServerRecord
from core.simulation.testing import SECRET, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.messages import LinkEnd
from tests.node.liars import PLACES, STAMP, Liar, Row


def told(server: WatchedServer) -> list[Notice]:
    return [notice for notice in server.notices if "more servers than there is room for" in notice.text]


@pytest.mark.parametrize("linked", [False, True])
def test_who_invents_servers_without_end_loses_its_link_and_operators_read_why(linked: bool) -> None:
    row = Row()
    if linked:
        row.liar.invent_linked(3 * PLACES)
    else:
        row.liar.invent(3 * PLACES)
    assert row.liar.peer.closed is not None
    assert "more servers than there is room for" in row.liar.peer.of(wire.InvalidMessage)[0].info
    (notice,) = told(row.first)
    assert (notice.severity, notice.server) == ("error", "liar")


@pytest.mark.parametrize("depth", [1, 3, 200])
@pytest.mark.parametrize("count", [PLACES // 2, 3 * PLACES])
def test_those_who_pass_its_inventions_on_keep_their_links_and_little_of_them(count: int, depth: int) -> None:
    row = Row()
    row.liar.invent_linked(count, depth=depth)
    row.network.run(60.0)
    assert row.is_whole
    for server in row.servers:
        assert server.node.announcements.room.taken <= PLACES
        assert len(row.known(server)) <= PLACES
        assert len(server.node.healing.peers) <= PLACES
    assert not told(row.second) and not told(row.third)


@pytest.mark.parametrize("depth", [1, 4, 1000])
def test_what_hangs_on_one_server_grows_no_further_than_half_of_the_room(depth: int) -> None:
    row = Row()
    row.liar.invent_linked(PLACES, depth=depth)
    for server in row.servers:
        invented = [one for one in row.known(server) if one.startswith("linked")]
        assert PLACES // 4 < len(invented) <= PLACES // 2
    assert row.is_whole and row.liar.peer.closed is None


def test_servers_that_were_invented_before_a_restart_leave_the_disk_as_well() -> None:
    row = Row()
    for turn in range(5):
        liar = Liar(row.network, row.first, f"liar{turn}")
        liar.invent_linked(PLACES // 2, prefix=f"turn{turn}")
        row.first.crash()
        row.first = row.network.start("n000", **row.settings)
        row.network.run(3.0)
    assert len(row.first.node.healing.peers) <= PLACES
    assert len(row.first.disk.store.peers) <= PLACES
    assert {row.second.id, row.third.id} <= set(row.first.disk.store.peers)


@pytest.mark.parametrize("count", [PLACES // 2, 3 * PLACES])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_honest_server_that_comes_afterwards_is_let_in_by_all(at: int, linked: bool, count: int) -> None:
    row = Row()
    if linked:
        row.liar.invent_linked(count)
    else:
        row.liar.invent(count)
    newcomer = row.newcomer(row.servers[at])
    honest = {server.id for server in (*row.servers, newcomer)}
    for server in (*row.servers, newcomer):
        assert honest <= set(server.node.topology.reachable)
    assert row.is_whole


def test_what_hung_on_a_liar_is_forgotten_with_its_link_and_on_the_disk_too() -> None:
    row = Row()
    row.liar.invent_linked(3 * PLACES)
    row.network.run(5.0)
    invented = {server for server in row.known(row.first) if server.startswith("linked")}
    assert not invented
    assert not {peer.id for peer in row.first.disk.store.peers.values() if peer.id.startswith("linked")}


def test_a_liar_is_not_let_in_again_at_once_and_reads_why() -> None:
    row = Row()
    row.liar.invent(3 * PLACES)
    again = Liar(row.network, row.first)
    refused = again.peer.of(wire.ServerRefused)
    assert refused and refused[0].reason == "barred" and "let in again in 10 minutes" in refused[0].info
    row.network.skip(700.0)
    assert not Liar(row.network, row.first).peer.of(wire.ServerRefused)


def test_servers_that_were_there_keep_their_records_whatever_is_invented() -> None:
    row = Row()
    before = {server.id for server in row.servers}
    for number in range(6):
        Liar(row.network, row.servers[number % 3], f"liar{number}").invent(3 * PLACES, f"x{number}")
    for server in row.servers:
        assert before <= set(server.node.topology.reachable)
        assert len(row.known(server)) <= PLACES + 6
    assert row.is_whole


def test_a_record_may_grow_only_as_far_as_there_is_room() -> None:
    row = Row()
    row.liar.invent(5)
    users = [f"{number:060}" for number in range(256)]
    for version in range(2, 40):
        message = row.liar.record("invented00001", version=version)
        size = len(encode(message))
        more = (version * PLACE_BYTES - size) // 64
        links = [LinkEnd(f"{number:050}", 1) for number in range(min(4000, more))]
        if row.liar.peer.closed is None:
            row.liar.peer.say(
                wire.ServerAnnounce(
                    "invented00001", 0, "h", 1, incarnation=1, version=version, links=links, users=users
                )
            )
            row.network.run(0.1)
    assert row.first.node.announcements.room.taken <= PLACES
    assert row.is_whole


def test_a_network_that_has_grown_for_years_over_one_link_goes_on_growing() -> None:
    network = ScriptedNetwork()
    settings: dict[str, Any] = {"servers_max": 32, "lazy_links": 0}
    servers = network.build(chain(2), **settings)
    for number in range(18):
        servers.append(network.start(f"more{number}", servers[0], **settings))
        network.run(3.0)
        network.skip(24 * 3600.0)
        network.run(5.0)
    assert set(servers[1].node.topology.reachable) >= {server.id for server in servers}


# --- summaries --------------------------------------------------------------------------------------------------------


def ids(count: int) -> list[str]:
    return [f"{number:064}" for number in range(count)]


def test_a_map_of_any_size_is_summarised_in_lines_that_can_be_read() -> None:
    orders = dict.fromkeys(ids(30000), (2**48, 2**48))
    pages = list(summary_pages(orders, {}, paged=True))
    assert len(pages) > 3
    assert all(len(encode(page)) <= PAGE_BYTES < SERVER_LINE_BYTES_MAX for page in pages)
    assert {server for page in pages for server in page.records} == set(orders)


def test_pages_of_a_summary_speak_of_every_server_once_also_of_those_that_none_of_them_has() -> None:
    orders = dict.fromkeys(ids(30000)[::2], (1, 1))
    pages = list(summary_pages(orders, {}, paged=True))
    for server in ids(30_000)[::501]:
        of = [page for page in pages if (page.after or "") < server and (page.upto is None or server <= page.upto)]
        assert len(of) == 1
        assert (server in of[0].records) == (server in orders)


def test_whoever_takes_no_pages_gets_one_line_with_all_that_can_be_reached() -> None:
    orders = dict.fromkeys(ids(30000), (2**48, 2**48))
    reachable = dict.fromkeys(ids(30_000)[-2000:])
    (page,) = summary_pages(orders, reachable, paged=False)
    assert len(encode(page)) <= SERVER_LINE_BYTES_MAX
    assert set(reachable) <= set(page.records)


def test_a_small_map_is_summarised_as_it_always_was() -> None:
    (page,) = summary_pages({"b": (1, 2), "a": (3, 4)}, {}, paged=True)
    assert encode(page) == b'{"command":"MAP_SUMMARY","records":{"b":[1,2],"a":[3,4]}}\n'


@pytest.mark.parametrize("features", [["sync"], ["sync", "pages"]])
def test_servers_with_large_maps_link_whatever_version_the_other_is_of(features: list[str]) -> None:
    network = ScriptedNetwork()
    server = network.start("one")
    network.run(0.5)
    liar = Liar(network, server)
    for server_id in ids(12_000):
        server.node.topology.merge(_record(server_id))
    newcomer = network.peer(server)
    newcomer.say(wire.Authenticate(SECRET, id="newcomer", incarnation=1, features=features, stamp=STAMP))
    network.run(1.0)
    pages = newcomer.of(wire.MapSummary)
    assert newcomer.closed is None and liar.peer.closed is None
    assert (len(pages) > 1) == ("pages" in features)


def _record(server: str) -> ServerRecord:
    return ServerRecord(server, 1, 1, "h", 1, 0, "n")


def test_a_network_of_a_thousand_comes_in_over_one_link() -> None:
    """Each side knows nobody of the other's: by default as many as four thousand may come at once."""
    network = ScriptedNetwork()
    server = network.start("one")
    network.run(0.5)
    honest = Liar(network, server, "gateway")
    honest.invent_linked(1000, depth=7)
    network.run(2.0)
    assert honest.peer.closed is None
    assert len(server.node.topology.reachable) == 1002
