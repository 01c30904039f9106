"""The network's map: nodes with the same records compute the same spanning tree, and older links are preferred."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from core.node.map.forest import ONE_BY_ONE_MAX, Edge, Forest, edge_between
from core.node.map.topology import ServerRecord, Topology, record_of
from core.simulation.testing import ScriptedNetwork, chain, random_tree, star
from core.wire.codec import decode, encode
from core.wire.messages import AttachedServer

NODES = [f"n{number}" for number in range(7)]
pairs = st.sampled_from(list(itertools.combinations(NODES, 2)))
link_sets = st.dictionaries(pairs, st.integers(1, 5), max_size=15)


def record(server: str, links: dict[str, int], version: int = 1, **more: Any) -> ServerRecord:
    return ServerRecord(server, 1, version, f"{server}.example", 3780, 0, server, links, **more)


def records_of(links: dict[tuple[str, str], int]) -> list[ServerRecord]:
    ends: dict[str, dict[str, int]] = {node: {} for node in NODES}
    for (one, other), stamp in links.items():
        ends[one][other] = stamp
        ends[other][one] = stamp
    return [record(node, ends[node]) for node in NODES]


def map_of(own: str, records: list[ServerRecord]) -> Topology:
    topology = Topology(next(one for one in records if one.id == own))
    for one in records:
        if one.id != own:
            topology.merge(one)
    return topology


def tree_of(topology: Topology) -> dict[str, list[str]]:
    return {node: topology.tree_neighbours(node) for node in topology.reachable}


def parts(links: dict[tuple[str, str], int]) -> list[set[str]]:
    found = [{node} for node in NODES]
    for one, other in links:
        first = next(part for part in found if one in part)
        second = next(part for part in found if other in part)
        if first is not second:
            found.remove(second)
            first |= second
    return found


@given(link_sets, st.randoms())
def test_all_nodes_that_reach_one_another_agree_on_the_tree(links: dict[tuple[str, str], int], random: Any) -> None:
    for part in parts(links):
        trees = []
        for node in sorted(part):
            records = records_of(links)
            random.shuffle(records)
            topology = map_of(node, records)
            assert set(topology.reachable) == part
            trees.append(tree_of(topology))
        assert all(tree == trees[0] for tree in trees)


@given(link_sets)
def test_the_tree_spans_what_can_be_reached_and_has_no_loop(links: dict[tuple[str, str], int]) -> None:
    for part in parts(links):
        tree = tree_of(map_of(min(part), records_of(links)))
        assert set(tree) == part
        assert sum(len(neighbours) for neighbours in tree.values()) == 2 * (len(part) - 1)
        assert all(node in tree[neighbour] for node in tree for neighbour in tree[node])
        assert all(tuple(sorted((node, neighbour))) in links for node in tree for neighbour in tree[node])
        reached, frontier = {min(part)}, [min(part)]
        while frontier:
            for neighbour in tree[frontier.pop()]:
                if neighbour not in reached:
                    reached.add(neighbour)
                    frontier.append(neighbour)
        assert reached == part


@given(link_sets)
def test_no_other_tree_is_older(links: dict[tuple[str, str], int]) -> None:
    edges = sorted(Edge(stamp, *pair) for pair, stamp in links.items())
    tree = kruskal(edges)
    for edge in edges:
        if edge not in tree:
            # The way between its ends along the tree has only links that are older.
            assert all(step < edge for step in path(tree, edge.a, edge.b))


def kruskal(edges: list[Edge]) -> list[Edge]:
    """The minimum spanning forest, computed at once (Kruskal, 1956)."""
    found = [{node} for node in NODES]
    tree = []
    for edge in sorted(edges):
        first = next(part for part in found if edge.a in part)
        second = next(part for part in found if edge.b in part)
        if first is not second:
            found.remove(second)
            first |= second
            tree.append(edge)
    return tree


@given(st.lists(st.tuples(pairs, st.integers(1, 5)), max_size=40))
def test_a_forest_that_follows_its_graph_is_the_minimum_spanning_forest(
    changes: list[tuple[tuple[str, str], int]],
) -> None:
    """A pair that is named again loses its edge, or gets it."""
    forest = Forest()
    graph: dict[tuple[str, str], int] = {}
    for pair, stamp in changes:
        if pair in graph:
            forest.remove(Edge(graph.pop(pair), *pair))
        else:
            graph[pair] = stamp
            forest.add(Edge(stamp, *pair))
        tree = kruskal([Edge(age, *ends) for ends, age in graph.items()])
        for node in NODES:
            around = sorted(edge.b if node == edge.a else edge.a for edge in tree if node in (edge.a, edge.b))
            assert forest.neighbours(node) == around
            assert forest.members(node) == sorted(next(part for part in parts(graph) if node in part))


def path(tree: list[Edge], start: str, end: str) -> list[Edge]:
    ways: list[tuple[str, list[Edge]]] = [(start, [])]
    for node, way in ways:
        if node == end:
            return way
        on = [edge for edge in tree if node in (edge.a, edge.b) and edge not in way]
        ways += [(edge.b if node == edge.a else edge.a, [*way, edge]) for edge in on]
    raise AssertionError(f"no way from {start} to {end}")


@given(link_sets, pairs)
def test_a_new_link_within_a_connected_part_changes_nothing_in_its_tree(
    links: dict[tuple[str, str], int], pair: tuple[str, str]
) -> None:
    part = next(part for part in parts(links) if pair[0] in part)
    if pair in links or pair[1] not in part:
        return
    before = tree_of(map_of(pair[0], records_of(links)))
    assert tree_of(map_of(pair[0], records_of({**links, pair: 99}))) == before


@given(link_sets, st.sampled_from(NODES), st.sampled_from(NODES))
def test_the_next_hop_leads_to_the_target(links: dict[tuple[str, str], int], own: str, target: str) -> None:
    topology = map_of(own, records_of(links))
    hop = topology.next_hop(target)
    if own == target or target not in topology.reachable:
        assert hop is None
        return
    steps = 0
    here = own
    while here != target:
        nearer = map_of(here, records_of(links)).next_hop(target)
        assert nearer in topology.tree_neighbours(here)
        here = str(nearer)
        steps += 1
        assert steps < len(NODES)


@given(st.lists(st.tuples(st.sampled_from(NODES), link_sets, st.booleans()), max_size=12))
def test_news_in_any_order_leads_to_the_same_map_as_all_of_it_at_once(
    news: list[tuple[str, dict[tuple[str, str], int], bool]],
) -> None:
    """Each piece of news is what one node says of its links at some time; others may contradict it."""
    gradual = Topology(record("n0", {}))
    for version, (node, links, left) in enumerate(news, 2):
        ends = {one if two == node else two: stamp for (one, two), stamp in links.items() if node in (one, two)}
        if node == "n0":
            for neighbour in [one for one in gradual.own.links if ends.get(one) != gradual.own.links[one]]:
                gradual.link_down(neighbour)
            for neighbour, stamp in ends.items():
                gradual.link_up(neighbour, stamp)
        else:
            gradual.merge(record(node, ends, version, left=left))
        at_once = Topology(record("n0", dict(gradual.own.links)))
        at_once.records |= {one.id: one for one in gradual.records.values() if one.id != "n0"}
        assert list(gradual.reachable) == list(at_once.reachable)
        assert tree_of(gradual) == tree_of(at_once)


def test_a_link_counts_only_when_both_ends_name_it_with_the_same_stamp() -> None:
    topology = map_of("n0", [record("n0", {"n1": 1}), record("n1", {})])
    assert list(topology.reachable) == ["n0"]
    topology.merge(record("n1", {"n0": 2}, version=2))
    assert list(topology.reachable) == ["n0"]
    topology.merge(record("n1", {"n0": 1}, version=3))
    assert list(topology.reachable) == ["n0", "n1"]


def test_a_server_that_has_left_is_no_way_to_anywhere() -> None:
    records = [record("n0", {"n1": 1}), record("n1", {"n0": 1, "n2": 1}, left=True), record("n2", {"n1": 1})]
    assert list(map_of("n0", records).reachable) == ["n0"]


@pytest.mark.parametrize(
    ("incarnation", "version", "newer"), [(1, 5, False), (1, 6, True), (2, 0, True), (0, 9, False)]
)
def test_the_newest_record_of_a_server_counts(incarnation: int, version: int, newer: bool) -> None:
    topology = map_of("n0", [record("n0", {})])
    topology.merge(ServerRecord("n1", 1, 5, "old.example", 3780, 0, "n1"))
    assert topology.merge(ServerRecord("n1", incarnation, version, "new.example", 3780, 0, "n1")) is newer
    assert topology.records["n1"].hostname == ("new.example" if newer else "old.example")


def test_a_record_survives_the_wire() -> None:
    sent = record(
        "n0",
        {"n1": 5, "n2": 7},
        attached=(AttachedServer("b", "base.example", 3780, 4, direct=True),),
        users=("ann", "名前"),
        draining=True,
        left=True,
        successor="n1",
    )
    received = record_of(decode(encode(sent.message())[:-1]), 0.0)  # type: ignore[arg-type]
    assert received is not None
    # What it was read from stays with it, to be passed on as it came.
    assert asdict(received) == asdict(sent) | {"announcement": received.announcement}


# --- in the network ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [chain, star, random_tree])
def test_the_links_that_made_the_network_one_are_its_tree_and_redundant_ones_are_lazy(shape: Any) -> None:
    network = ScriptedNetwork()
    parents = shape(8)
    servers = network.build(parents)
    made = {frozenset((servers[n].id, servers[p].id)) for n, p in enumerate(parents) if p is not None}
    tree = {
        frozenset((server.id, one)) for server in servers for one in server.node.topology.tree_neighbours(server.id)
    }
    assert tree == made
    for server in servers:
        for view in server.node.snapshot(server.now).connections:
            expected = "eager" if frozenset((server.id, str(view.server))) in made else "lazy"
            assert view.state == expected
    assert all(len(server.neighbours) >= 3 for server in servers)


def test_a_server_that_loses_a_tree_link_uses_a_redundant_one_at_once() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(6))
    network.cut_between(servers[2], servers[3])
    network.run(0.05)
    assert network.is_one()


def test_a_server_whose_data_went_back_in_time_is_heard_again_without_a_storm() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4))
    for _ in range(3):
        network.servers["n003"].crash()
        network.run(1.0)
        network.start("n003")
        network.run(3.0)
    network.servers["n003"].crash()
    network.disk_of("n003").store.incarnation = 0
    network.run(1.0)
    old = network.start("n003")
    assert network.until(network.is_one, 10.0)
    before = sum(len(server.sent) for server in servers)
    network.run(10.0)
    assert sum(len(server.sent) for server in network.living) - before < 500
    old.join(servers[0])
    client = network.logged_in(old, redirects=1)
    network.run(2.0)
    assert servers[0].node.topology.records[old.id].load == 1
    assert client.closed is None


def test_two_servers_that_dial_each_other_at_once_end_with_one_link() -> None:
    for seed in range(20):
        network = ScriptedNetwork(seed)
        one, other = network.start("a"), network.start("b")
        network.run(1.0)
        delay = (seed % 5) * 0.002
        one.join(other)
        network.after(delay, lambda one=one, other=other: other.join(one))  # type: ignore[misc]
        network.run(0.2)
        assert network.is_one()
        assert len(network.links_between(one, other)) == 1
        assert one.told("lost") == other.told("lost") == []
        assert all(notice.severity != "warning" for server in (one, other) for notice in server.notices)


@given(link_sets, link_sets)
def test_many_changes_at_once_lead_to_the_same_forest_as_one_by_one(
    before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]
) -> None:
    edges = [
        {edge_between(one, other, stamp): None for (one, other), stamp in links.items()} for links in (before, after)
    ]
    step_by_step, at_once = Forest(), Forest()
    for edge in edges[0]:
        step_by_step.add(edge)
        at_once.add(edge)
    gone = [edge for edge in edges[0] if edge not in edges[1]]
    come = [edge for edge in edges[1] if edge not in edges[0]]
    for node in NODES:
        at_once.neighbours(node)
    step_by_step.update(gone, come)
    some_more = [edge_between(f"x{number}", f"x{number + 1}", 9) for number in range(ONE_BY_ONE_MAX)]
    at_once.update(gone, [*come, *some_more])
    for node in NODES:
        assert step_by_step.neighbours(node) == at_once.neighbours(node)
        assert step_by_step.members(node) == at_once.members(node)
    for edge in edges[1]:
        step_by_step.remove(edge)
        at_once.remove(edge)
    assert all(at_once.members(node) == [node] for node in NODES)


def test_a_storm_of_news_is_acted_upon_all_the_same() -> None:
    network = ScriptedNetwork()
    hub, *others = network.build(star(30), lazy_links=0)
    for number in range(30):
        network.start(f"late{number}", join=hub, lazy_links=0)
    network.run(5.0)
    assert network.is_one()
    for server in others[:20]:
        server.crash()
    network.run(5.0)
    everybody = {server.id for server in network.living}
    assert all(server.reachable == everybody for server in network.living)
    assert all(len(server.tree()[server.id]) == 1 for server in network.living if server is not hub)
