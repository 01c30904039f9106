"""The native neighbours of a node: who they are, and what goes to which of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import msgspec
import pytest

import core.node
from core.node.interface.actions import Send
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.neighbours.neighbours import RECENT_MAX, RECENT_SECONDS, Neighbours, News
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import spans_of
from core.wire.messages import ActivityBroadcast, LockRelease, LockRequest, Message, Ping, ServerAnnounce, SyncRequest
from core.wire.recovered import Recovered

CONFIG = NodeConfig(secret="s", hostname="node.example", port=3780, flood=10.0)
RECORD = Frame(ServerAnnounce(id="far", load=0, hostname="far.example", port=3780))


class Scene:
    """A node's neighbours, and what they are sent."""

    def __init__(self) -> None:
        self.context = Context(CONFIG, Recovered(node="own", incarnation=1), random.Random(0), Now(0.0, 0.0))
        self.neighbours = Neighbours(self.context)

    def link(self, server: str, state: ConnectionState = ConnectionState.NATIVE, *, eager: bool = False) -> Link:
        connections = self.context.connections
        link = Link(Connection(len(connections.all()) + 1, "inbound", Address("192.0.2.1", 3780), 0.0, 0.0))
        link.state, link.remote_id, link.eager = state, server, eager
        connections.add(link)
        return link

    def sent(self) -> list[tuple[str | None, Message | Frame]]:
        """To whom what has gone since the last look."""
        sends = [action for action in self.context.actions if isinstance(action, Send)]
        self.context.actions.clear()
        named = {link.conn: link.remote_id for link in self.context.connections.links(*ConnectionState)}
        return [(named[send.conn], send.frame.message) for send in sends]

    def receivers(self) -> list[str | None]:
        return [server for server, _ in self.sent()]

    def pass_to(self, seconds: float) -> None:
        self.context.pass_to(Now(seconds, seconds))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def entry_id(number: int) -> EntryId:
    return EntryId("far", 1, number)


def news(*numbers: int, record: Frame | None = None) -> News:
    """Entries as they are passed on."""
    ids = tuple(entry_id(number) for number in numbers)
    frames = tuple(Frame(ActivityBroadcast(msgspec.Raw(b"{}"), id=str(one), stamp=1)) for one in ids)
    return News(Stream("far", 1), spans_of(numbers), frames, record)


def test_neighbours_are_those_with_a_native_link_in_the_order_in_which_they_came(scene: Scene) -> None:
    links = [scene.link("z"), scene.link("a")]
    for state in ConnectionState:
        if state is not ConnectionState.NATIVE:
            assert not scene.neighbours.is_neighbour(scene.link(f"other {state.value}", state))
    links.append(scene.link("m"))
    assert scene.neighbours.all() == links
    assert len(scene.neighbours) == 3
    assert all(map(scene.neighbours.is_neighbour, links))


def test_a_neighbour_is_found_by_its_id_as_long_as_its_link_lives(scene: Scene) -> None:
    link = scene.link("a")
    scene.link("b", ConnectionState.BASE)
    assert scene.neighbours.find("a") is link
    assert scene.neighbours.find("b") is None
    scene.context.close(link, "")
    assert scene.neighbours.find("a") is None


def test_the_tree_makes_neighbours_eager_and_tells_which_have_become_so(scene: Scene) -> None:
    one, two, three = scene.link("a", eager=True), scene.link("b"), scene.link("c", eager=True)
    scene.pass_to(7.0)
    assert scene.neighbours.steer(["a", "b"]) == [two]
    assert (one.eager, two.eager, three.eager) == (True, True, False)
    assert (one.eager_since, two.eager_since) == (0.0, 7.0)


def test_an_entry_goes_to_eager_neighbours_but_not_to_where_it_came_from(scene: Scene) -> None:
    source = scene.link("a", eager=True)
    for name in ("b", "c"):
        scene.link(name, eager=True)
    scene.link("lazy")
    scene.neighbours.pass_on(news(1), source.conn)
    assert scene.receivers() == ["b", "c"]


def test_while_the_tree_lacks_a_link_an_entry_goes_to_every_neighbour(scene: Scene) -> None:
    scene.link("eager", eager=True)
    scene.link("lazy")
    scene.neighbours.flood()
    scene.neighbours.pass_on(news(1), None)
    assert scene.receivers() == ["eager", "lazy"]
    scene.pass_to(CONFIG.flood)
    scene.neighbours.pass_on(news(2), None)
    assert scene.receivers() == ["eager"]


def test_a_record_goes_to_neighbours_that_show_that_they_take_it_and_its_entries_to_others(scene: Scene) -> None:
    new, before = scene.link("new", eager=True), scene.link("before", eager=True)
    new.features, before.features = frozenset({"sync", "records"}), frozenset({"sync"})
    record = Frame(Ping(7))
    scene.neighbours.pass_on(news(1, 2, record=record), None)
    assert scene.sent() == [
        ("new", record.message),
        *(("before", frame.message) for frame in news(1, 2).frames),
    ]


def test_what_was_on_its_way_when_the_tree_lost_a_link_goes_to_lazy_neighbours_once(scene: Scene) -> None:
    scene.link("eager", eager=True)
    scene.link("lazy")
    scene.neighbours.pass_on(news(1), None)
    scene.pass_to(RECENT_SECONDS + 0.5)
    late = [news(2), news(3)]
    for one in late:
        scene.neighbours.pass_on(one, None)
    scene.sent()
    scene.neighbours.flood()
    scene.neighbours.flood()
    assert scene.sent() == [("lazy", frame.message) for one in late for frame in one.frames]


def test_what_went_over_a_link_since_it_is_eager_need_not_be_sent_over_it_again(scene: Scene) -> None:
    link, lazy = scene.link("a"), scene.link("lazy")
    scene.neighbours.pass_on(news(1), None)
    scene.pass_to(1.0)
    scene.neighbours.steer(["a"])
    scene.pass_to(2.0)
    scene.neighbours.pass_on(news(2), None)
    assert scene.neighbours.sent_over(link) == {entry_id(2)}
    assert not scene.neighbours.sent_over(lazy)


def test_only_so_many_of_the_entries_that_were_passed_on_are_remembered(scene: Scene) -> None:
    link = scene.link("a")
    scene.neighbours.steer(["a"])
    scene.pass_to(1.0)
    for number in range(RECENT_MAX + 3):
        scene.neighbours.pass_on(news(number), None)
    assert scene.neighbours.sent_over(link) == {entry_id(number) for number in range(3, 3 + RECENT_MAX)}


@pytest.mark.parametrize(("everywhere", "receivers"), [(True, ["b", "lazy"]), (False, ["b"])])
def test_a_record_and_a_release_go_over_the_tree_or_every_link(
    scene: Scene, everywhere: bool, receivers: list[str]
) -> None:
    source = scene.link("a", eager=True)
    scene.link("b", eager=True)
    scene.link("lazy")
    scene.link("base", ConnectionState.BASE)
    scene.neighbours.announce(lambda link: RECORD, everywhere=everywhere, source=source.conn)
    assert scene.receivers() == receivers
    scene.neighbours.release(LockRelease("ann", "own.1.1"), everywhere=everywhere, source=source.conn)
    assert scene.receivers() == receivers


@pytest.mark.parametrize(("everywhere", "receivers"), [(True, ["b", "lazy"]), (False, ["b"])])
def test_whoever_is_asked_about_a_claim_owes_an_answer(scene: Scene, everywhere: bool, receivers: list[str]) -> None:
    source = scene.link("a", eager=True)
    scene.link("b", eager=True)
    scene.link("lazy")
    asked = scene.neighbours.ask(
        lambda link: LockRequest(f"for {link.remote_id}"), everywhere=everywhere, source=source.conn
    )
    assert [link.remote_id for link in asked] == receivers
    assert scene.sent() == [(name, LockRequest(f"for {name}")) for name in receivers]


def test_a_neighbour_is_asked_for_what_is_missing_once_until_it_has_answered(scene: Scene) -> None:
    link, base = scene.link("a"), scene.link("base", ConnectionState.BASE)
    assert not scene.neighbours.is_any_asked
    assert scene.neighbours.request_missing(link, dict)
    assert not scene.neighbours.request_missing(link, dict)
    assert not scene.neighbours.request_missing(base, dict)
    assert scene.sent() == [("a", SyncRequest({}))]
    assert scene.neighbours.is_any_asked
    link.asked = False
    assert scene.neighbours.request_missing(link, dict)


def test_nobody_computes_a_digest_that_nobody_reads(scene: Scene) -> None:
    computed = []

    def digest() -> str:
        computed.append(1)
        return "d"

    scene.neighbours.compare(digest, [])
    assert not computed
    links = [scene.link("a"), scene.link("lazy")]
    scene.neighbours.compare(digest, links)
    assert scene.receivers() == ["a", "lazy"]
    assert computed == [1]


def test_no_other_room_knows_which_links_are_native() -> None:
    rooms = Path(core.node.__file__).parent
    knowing = {
        path.parent.name for path in rooms.rglob("*.py") if re.search(r"ConnectionState\.NATIVE\b", path.read_text())
    }
    assert knowing == {"kernel", "neighbours"}
