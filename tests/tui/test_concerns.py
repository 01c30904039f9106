"""What a person has not read, and what of it is to them: the mark, the counts, and what comes late."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client import ActivityArrived, CatchUpDone, DocumentArrived, DocumentSaved
from tests.tui.driving import lines_of, ready, screen_text, settled, type_line, until
from tests.tui.fakes import NOON, World, processed
from tui.feed.activities import note
from tui.model.model_updates import tell
from tui.model.personal import BYTES_MAX, STREAMS_MAX, Personal, ReadMark, decode, encode

SECOND = 1_000_000


class Drawer:
    """Keeps documents in memory."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}

    def load(self, account: str) -> bytes | None:
        return self.documents.get(account)

    def keep(self, account: str, content: bytes) -> None:
        self.documents[account] = content


def world_with(drawer: Drawer) -> World:
    world = World()
    world.model.concerns.keeper = drawer
    return world


def history(world: World, *rows: tuple[str, int, str, str], live: bool = False) -> None:
    """Rows as (id, seconds after noon, sender, text)."""
    for entry_id, second, sender, text in rows:
        stamp = int((NOON + second) * SECOND)
        tell(world.model, ActivityArrived(entry_id, processed(note(text), sender), sender, stamp, live))


DAY = tuple((f"aa.1.{number}", number, "bob", f"line {number}") for number in range(1, 11))


def texts(app) -> list[str]:
    return [line.strip() for line in lines_of(app, "#feed") if line.strip()]


# --- the mark ---------------------------------------------------------------------------------------------------------


def marked(*read: tuple[str, int]) -> ReadMark:
    mark = ReadMark()
    for entry_id, stamp in read:
        mark = mark.with_read(entry_id, stamp)
    return mark


def test_what_is_older_than_the_mark_is_read_but_for_what_came_late():
    mark = marked(("aa.1.1", 10), ("bb.1.1", 20), ("aa.1.2", 30))
    assert mark.covers("aa.1.1", 10) and mark.covers("bb.1.1", 20)
    assert mark.covers("cc.1.7", 9), "nobody has looked that far back"
    assert not mark.covers("aa.1.3", 40)
    assert not mark.covers("bb.1.2", 25), "its server accepted it behind a wall"
    assert not mark.covers("cc.1.1", 25), "its server was not heard of"


entries = st.tuples(st.sampled_from(["aa.1", "bb.1", "cc.2"]), st.integers(1, 50))
marks = st.lists(entries, max_size=20).map(
    lambda read: marked(*((f"{stream}.{number}", number * 10) for stream, number in sorted(read, key=lambda x: x[1])))
)


@given(marks, marks, marks)
def test_what_was_read_in_two_places_is_read_in_whatever_order_they_tell_it(one, two, three):
    assert one.united(two) == two.united(one)
    assert one.united(two).united(three) == one.united(two.united(three))
    assert one.united(one) == one


@given(marks, marks, entries)
def test_what_was_read_in_either_place_stays_read(one, two, entry):
    entry_id, stamp = f"{entry[0]}.{entry[1]}", entry[1] * 10
    if one.covers(entry_id, stamp):
        assert one.united(two).covers(entry_id, stamp)


def test_a_mark_over_any_number_of_servers_fits_into_the_document():
    mark = ReadMark()
    for number in range(500):
        mark = mark.with_read(f"{number:032x}.1793448000000.{10**9 + number}", 1_793_448_000_000_000 + number)
    assert len(mark.streams) == STREAMS_MAX
    content = encode(Personal(mark))
    assert len(content) < BYTES_MAX // 2 and decode(content) == Personal(mark)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b'{"mark":1}', b"\xff", b"{" * BYTES_MAX, b" " * (BYTES_MAX + 1)]
)
def test_what_is_no_document_is_said_to_be_none(content):
    with pytest.raises(ValueError, match=r"."):
        decode(content)


# --- on the screen ----------------------------------------------------------------------------------------------------


async def read_ten_lines_and_leave(drawer: Drawer) -> None:
    world = world_with(drawer)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        history(world, *DAY)
        tell(world.model, CatchUpDone(10))
        await settled(pilot)
        assert "from here on, live" in " ".join(texts(app)), "nobody knows of a first visit what is new"
        assert world.model.concerns.unread == 0
        world.model.concerns.keep()


async def test_who_comes_back_sees_from_where_on_all_is_new():
    drawer = Drawer()
    await read_ten_lines_and_leave(drawer)
    world = world_with(drawer)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        history(world, *DAY, ("aa.1.11", 11, "bob", "the first new one"), ("aa.1.12", 12, "carol", "@alice look"))
        assert world.model.concerns.unread == 2 and world.model.concerns.unread_mentions == 1
        tell(world.model, CatchUpDone(12))
        await settled(pilot)
        shown = texts(app)
        [place] = [number for number, line in enumerate(shown) if "new since you left" in line]
        assert "line 10" in shown[place - 1] and "the first new one" in shown[place + 1]
        assert not any("from here on" in line for line in shown)
        assert world.model.concerns.unread == 0, "it is all on the screen"


async def test_who_has_read_everything_sees_no_line_when_they_come_back():
    drawer = Drawer()
    await read_ten_lines_and_leave(drawer)
    world = world_with(drawer)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        history(world, *DAY)
        tell(world.model, CatchUpDone(10))
        await settled(pilot)
        assert not any("\N{BOX DRAWINGS LIGHT HORIZONTAL}" in line for line in texts(app))


async def test_what_a_healed_partition_brought_stands_at_the_mark_and_says_that_it_came_late():
    drawer = Drawer()
    await read_ten_lines_and_leave(drawer)
    world = world_with(drawer)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        behind_the_wall = ("cc.1.1", 5, "dave", "can anybody hear me")
        history(world, *DAY[:5], behind_the_wall, *DAY[5:], ("aa.1.11", 11, "bob", "new"))
        tell(world.model, CatchUpDone(12))
        await settled(pilot)
        shown = texts(app)
        [place] = [number for number, line in enumerate(shown) if "new since you left" in line]
        assert "can anybody hear me  came late" in shown[place + 1] and shown[place + 2].endswith("new")


async def test_what_arrives_long_after_it_was_written_says_so():
    world = World()
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        history(world, ("aa.1.1", 60, "bob", "on time"), ("cc.1.1", 5, "dave", "behind the wall"), live=True)
        await settled(pilot)
        assert "on time" in texts(app)[0] and "late" not in texts(app)[0]
        assert texts(app)[1].endswith("behind the wall  came late")


async def test_what_is_above_the_screen_is_counted_until_somebody_goes_there():
    drawer = Drawer()
    await read_ten_lines_and_leave(drawer)
    world = world_with(drawer)
    app = world.app()
    many = [(f"aa.1.{number}", number, "bob", f"line {number}") for number in range(11, 61)]
    many[3] = ("aa.1.14", 14, "carol", "@alice where are you")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        history(world, *DAY, *many)
        tell(world.model, CatchUpDone(60))
        await settled(pilot)
        concerns = world.model.concerns
        assert 30 < concerns.unread < 50 and concerns.unread_mentions == 1
        assert f"F2 Feed +{concerns.unread} @1] F3 " in screen_text(app)
        assert f"{concerns.unread} new, 1 to you" in screen_text(app).splitlines()[0]
        before = texts(app)
        await settled(pilot)
        assert texts(app) == before
        await pilot.press("escape", "u")
        await settled(pilot)
        assert any("@alice where are you" in line for line in texts(app))
        assert concerns.unread_mentions == 0
        await pilot.press("u")
        await settled(pilot)
        await pilot.press("end")
        await until(pilot, lambda: concerns.unread == 0)
        assert "F2 Feed] F3 " in screen_text(app)
        await pilot.press("u")
        await until(pilot, lambda: any("read everything" in one.message for one in app._notifications))


async def test_nothing_is_read_in_a_window_that_is_in_the_background():
    world = World()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        history(world, *DAY, live=True)
        await settled(pilot)
        app.app_focus = False
        await settled(pilot)
        history(world, ("aa.1.11", 11, "bob", "while you were away"), ("aa.1.12", 12, "bob", "@alice"), live=True)
        await settled(pilot)
        assert world.model.concerns.unread == 2 and world.model.concerns.unread_mentions == 1
        app.app_focus = True
        await until(pilot, lambda: world.model.concerns.unread == 0)
        shown = texts(app)
        [place] = [number for number, line in enumerate(shown) if "new since you left" in line]
        assert shown[place + 1].endswith("while you were away")


async def test_nothing_is_read_behind_another_tab_and_writing_says_that_all_is():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f4")
        history(world, *((f"aa.1.{number}", number, "bob", f"line {number}") for number in range(1, 61)), live=True)
        await settled(pilot)
        assert world.model.concerns.unread == 60
        await pilot.press("f2")
        await settled(pilot)
        assert 30 < world.model.concerns.unread < 60
        await type_line(pilot, "here I am")
        assert world.model.concerns.unread == 0


async def test_everything_is_taken_for_read_by_a_key():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f4")
        history(world, *DAY, live=True)
        await settled(pilot)
        await pilot.press("R")
        assert world.model.concerns.unread == 0


async def test_what_is_to_the_reader_is_shown_alone_by_a_key_and_all_again_by_the_same():
    world = World()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        history(world, *DAY, ("aa.1.11", 11, "carol", "@Alice, the backup"), live=True)
        await settled(pilot)
        await pilot.press("escape", "@")
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert len(texts(app)) == 1 and "@Alice, the backup" in texts(app)[0]
        await pilot.press("@")
        await settled(pilot)
        assert len(texts(app)) == 11


async def test_what_was_read_in_another_session_is_read_here():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f4")
        history(world, *DAY, live=True)
        await settled(pilot)
        assert world.model.concerns.unread == 10
        elsewhere = marked(*((entry_id, int((NOON + second) * SECOND)) for entry_id, second, _, _ in DAY[:7]))
        world.model.concerns.changed_elsewhere(encode(Personal(elsewhere)))
        assert world.model.concerns.unread == 3


async def test_each_account_has_its_own_mark():
    drawer = Drawer()
    await read_ten_lines_and_leave(drawer)
    assert [name.rpartition("/")[2] for name in drawer.documents] == ["alice"]
    assert json.loads(next(iter(drawer.documents.values())))["mark"]["streams"]["aa.1"][0] == 10


# --- the account's document -------------------------------------------------------------------------------------------


def up_to(number: int) -> bytes:
    """The document of who has read so many of the day's lines."""
    read = [(entry_id, int((NOON + second) * SECOND)) for entry_id, second, _, _ in DAY[:number]]
    return encode(Personal(marked(*read)))


async def test_where_somebody_stopped_reading_anywhere_is_known_at_a_machine_where_they_never_were():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        tell(world.model, DocumentArrived(up_to(7), 1))
        history(world, *DAY)
        tell(world.model, CatchUpDone(10))
        assert world.model.concerns.knows_mark and world.model.concerns.unread == 3


async def test_what_is_read_here_is_kept_at_the_servers_and_what_they_tell_is_not_said_back():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        client = world.clients[-1]
        tell(world.model, DocumentArrived(up_to(7), 1))
        world.model.concerns.keep()
        assert client.documents == []
        history(world, *DAY, live=True)
        world.model.concerns.read_all()
        world.model.concerns.keep()
        world.model.concerns.keep()
        (kept,) = client.documents
        assert decode(kept) == decode(up_to(10))


async def test_before_a_server_has_told_what_there_is_nothing_is_written_over_it():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        history(world, *DAY, live=True)
        world.model.concerns.read_all()
        world.model.concerns.keep()
        assert world.clients[-1].documents == []
        tell(world.model, DocumentArrived(b'{"mark":"another program\'s"}', 1))
        world.model.concerns.keep()
        assert world.clients[-1].documents == []
        tell(world.model, DocumentArrived(None, 0))
        world.model.concerns.keep()
        assert len(world.clients[-1].documents) == 1


async def test_what_was_muted_a_moment_before_the_connection_broke_stays_muted():
    world = World()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        concerns = world.model.concerns
        tell(world.model, DocumentArrived(up_to(7), 1))
        concerns.mute("bob")
        concerns.keep()
        tell(world.model, DocumentArrived(up_to(8), 2))
        assert [*concerns.mutes] == ["bob"]
        concerns.keep()
        assert decode(world.clients[-1].documents[-1]).mutes == ("bob",)
        tell(world.model, DocumentSaved(world.clients[-1].documents[-1], 3))
        tell(world.model, DocumentArrived(up_to(9), 4))
        assert not concerns.mutes, "somebody has taken it back elsewhere"


async def test_a_reply_to_what_somebody_has_posted_is_to_them_though_it_does_not_name_them():
    world = World()
    async with world.app().run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        world.model.claim = "ann1.1.1"
        for number, about in enumerate(("activity:ann1.1.1/p", "activity:bob1.1.1/p"), 1):
            reply = {"type": "Note", "content": f"reply {number}", "inReplyTo": about}
            body = processed({"type": "Create", "object": reply}, "bob")
            stamp = int((NOON + number) * SECOND)
            tell(world.model, ActivityArrived(f"aa.1.{number}", body, "bob", stamp, live=True))
        assert world.model.mentions == 1
        assert world.model.last_mention is not None and b"reply 1" in world.model.last_mention.body
