"""The network drawn as a tree."""

from __future__ import annotations

import time

import pytest

from core.node.interface.snapshot import NodeSnapshot, ServerView
from tests.tui.fakes import snapshot
from tui.model.network_tree import address_of, draw, load_bar, load_bar_cells, server_names


def lines(shown: NodeSnapshot) -> list[str]:
    return [f"{branch.lead}{branch.symbol} {branch.name} {branch.words}".rstrip() for branch in draw(shown)]


def test_the_tree_grows_from_this_node_and_marks_what_is_special():
    assert lines(snapshot()) == [
        "◉ ada here ⇢ darwin",
        "├─ ● byron",
        "│  └─ ● darwin ⇢ ada",
        "└─ ! curie is leaving",
        "   └─ ◇ elder base",
        "✗ faraday unreachable",
    ]


def test_a_ring_that_a_liar_announces_is_drawn_once():
    servers = tuple(
        ServerView(name, name, "h", 1, 0, "here" if name == "aa" else "reachable", tree=("aa", "bb", "cc", name))
        for name in ("aa", "bb", "cc")
    )
    assert len(lines(snapshot(servers=servers))) == 3


@pytest.mark.serial
def test_a_chain_of_thousands_is_drawn_within_the_margin_and_in_time():
    names = [f"n{number:04}" for number in range(3000)]
    servers = tuple(
        ServerView(
            name,
            name,
            "h",
            1,
            0,
            "here" if place == 0 else "reachable",
            tree=tuple(names[max(0, place - 1) : place] + names[place + 1 : place + 2]),
        )
        for place, name in enumerate(names)
    )
    begun = time.process_time()
    branches = draw(snapshot(id="n0000", servers=servers))
    assert time.process_time() - begun < 2
    assert [branch.id for branch in branches] == names
    assert max(len(branch.lead) for branch in branches) < 200


def test_servers_that_share_a_name_are_told_apart_by_their_address():
    servers = (
        ServerView("aa", "same", "192.0.2.1", 1, 0, "here"),
        ServerView("bb", "same", "192.0.2.2", 2, 0, "reachable"),
        ServerView("cc", "other", "192.0.2.3", 3, 0, "reachable"),
        ServerView("dd", "", "2001:db8::1", 4, 0, "reachable"),
    )
    assert list(server_names(servers).values()) == [
        "same (192.0.2.1:1)",
        "same (192.0.2.2:2)",
        "other",
        "[2001:db8::1]:4",
    ]


def test_a_server_to_which_no_way_is_known_is_told_by_its_host_alone():
    assert address_of(ServerView("aa", "far", "127.0.0.5", 0, 0, "unreachable")) == "127.0.0.5"
    assert address_of(ServerView("aa", "far", "2001:db8::1", 0, 0, "unreachable")) == "2001:db8::1"


def test_bars_are_cut_before_words_are():
    assert [load_bar_cells(46, room) for room in (30, 4, 2, 0, -9)] == [5, 4, 2, 1, 1]
    assert load_bar_cells(80, 30) == 10


def test_loads_are_bars_in_proportion():
    assert load_bar(0, 100) == ""
    assert len(load_bar(1, 1000)) == 1
    assert len(load_bar(1000, 1000)) == 10
    assert len(load_bar(10**18, 5, 5)) == 5
