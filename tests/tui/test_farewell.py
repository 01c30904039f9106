"""What leaving will do to whom, said before it is done."""

from __future__ import annotations

import msgspec

from core.node.interface.snapshot import ConnectionView, ServerView
from tests.tui.fakes import NOON, snapshot
from tui.application.farewell import Farewell, farewell

HERE = ServerView("aa", "ada", "192.0.2.1", 3780, 1, "here")
LUND = ServerView("ll", "lund", "192.0.2.5", 3780, 1, "reachable")
MALMO = ServerView("mm", "malmö", "192.0.2.6", 3780, 1, "reachable")
OWN = ConnectionView(1, "client", "local", "this process", "logged in", "alice", since=NOON)


def link(conn: int, server: ServerView, state: str = "eager") -> ConnectionView:
    return ConnectionView(conn, "server", "outbound", str(server.hostname), state, server.name, server.id)


def client(conn: int, name: str = "anonymous") -> ConnectionView:
    return ConnectionView(conn, "client", "inbound", "198.51.100.9:40404", "logged in", name)


def of(
    *connections: ConnectionView, servers: tuple[ServerView, ...] = (HERE, LUND, MALMO), visitors: int = 0
) -> Farewell:
    return farewell(snapshot(servers=servers, connections=(OWN, *connections), load=1), visitors)


def test_people_and_servers_go_to_the_one_neighbour_that_can_take_over():
    draining = msgspec.structs.replace(MALMO, draining=True)
    found = of(link(2, LUND), link(3, draining), client(4), client(5, "bob"), servers=(HERE, LUND, draining))
    assert found.sentences().startswith("2 people and 1 server go to lund.\n")
    assert found.others == "2 people and 2 servers"


def test_one_goes_and_several_go():
    assert of(link(2, LUND), client(3)).sentences().startswith("1 person goes to lund.")


def test_where_several_could_take_over_all_of_them_are_named_since_one_is_drawn():
    assert "1 person and 1 server go to lund or malmö." in of(link(2, LUND), link(3, MALMO), client(4)).sentences()


def test_many_possible_successors_are_counted_and_not_named():
    others = tuple(ServerView(f"x{n}", f"x{n}", "192.0.2.7", 3780, 0, "reachable") for n in range(5))
    found = of(*(link(n + 2, one) for n, one in enumerate(others)), client(9), servers=(HERE, *others))
    assert "go to one of 5 neighbours" in found.sentences()


def test_a_spare_link_is_no_way_out_while_there_is_a_tree_link():
    assert "go to lund." in of(link(2, LUND), link(3, MALMO, "lazy"), client(4)).sentences()
    assert "goes to malmö." in of(link(3, MALMO, "lazy"), client(4)).sentences()


def test_alone_the_network_stops_and_what_was_written_is_kept():
    said = of().sentences()
    assert "the network stops with this one" in said and "kept on the disk" in said and "lost" not in said


def test_people_without_another_server_lose_their_connection():
    assert "2 people lose the connection: no other server takes over." in of(client(2), client(3)).sentences()


def test_a_neighbour_that_leaves_as_well_takes_nobody():
    draining = msgspec.structs.replace(LUND, draining=True)
    said = of(link(2, draining), client(3), servers=(HERE, draining)).sentences()
    assert "1 person loses the connection" in said and "lund" not in said


def test_a_base_server_takes_people_and_nobody_says_that_it_takes_more():
    guest = ServerView("ee", "elder", "192.0.2.5", 3781, 6, "guest", via="aa")
    said = of(link(2, guest, "base"), client(3), servers=(HERE, guest)).sentences()
    assert "1 person goes to elder, a base server." in said


def test_whoever_is_here_over_ssh_counts_although_their_clients_are_in_this_process():
    found = of(link(2, LUND), visitors=3)
    assert "3 people over SSH are disconnected." in found.sentences()
    assert found.others == "1 server and 3 people over SSH"
    assert "Nobody else" not in found.sentences() and "Nobody else" not in of(visitors=1).sentences()
    assert "Nobody else is connected here. The network goes on at lund." in of(link(2, LUND)).sentences()


def test_a_disk_that_fails_makes_no_promise():
    said = farewell(snapshot(connections=(OWN, link(2, LUND)), storage_error="no space left")).sentences()
    assert "no space left" in said and "Nothing that was accepted is lost" not in said


def test_names_of_strangers_cannot_break_the_sentence():
    evil = msgspec.structs.replace(LUND, name="lund\x1b[2J\nand you are out")
    said = of(link(2, evil), servers=(HERE, evil)).sentences()
    assert "\x1b" not in said and len(said.splitlines()) == 2
