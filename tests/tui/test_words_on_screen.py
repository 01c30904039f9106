"""What the panes and the lines around them say, in words that are neither torn nor wrong."""

from __future__ import annotations

from datetime import UTC
from typing import get_args

import msgspec
import pytest
from textual.widgets import Button

from core.client.client_events import ActivityArrived, Disconnected, LoggedIn, Removed
from core.node import NoticeKind, Severity
from core.node.interface.snapshot import UserView
from core.wire.address import Address
from tests.tui.driving import lines_of, ready, screen_text, settled, until
from tests.tui.fakes import NOON, World, alone, snapshot
from tui.model.model_updates import tell
from tui.model.network_faces import SignIn
from tui.panes import overview
from tui.panes.events_pane import EventsView
from tui.screens.reading import ReadingScreen


def test_somebody_who_is_logged_in_at_two_servers_is_one_person():
    usual = snapshot()
    bob = UserView("bob", NOON, ("aa", "bb"))
    twice = msgspec.structs.replace(usual, users=(*(one for one in usual.users if one.name != "bob"), bob))
    assert overview.people_online(twice) == overview.people_online(usual) - 1


def test_somebody_who_is_logged_in_here_with_two_programs_is_one_person():
    usual = snapshot()
    bob = next(one for one in usual.connections if one.name == "bob")
    here, *others = usual.servers
    twice = msgspec.structs.replace(
        usual,
        connections=(*usual.connections, msgspec.structs.replace(bob, conn=99)),
        servers=(msgspec.structs.replace(here, load=here.load + 1), *others),
    )
    assert overview.people_online(twice) == overview.people_online(usual)


def test_two_who_are_anonymous_are_two_people():
    usual = snapshot()
    nobody = next(one for one in usual.connections if one.state == "anonymous")
    here, *others = usual.servers
    twice = msgspec.structs.replace(
        usual,
        connections=(*usual.connections, msgspec.structs.replace(nobody, conn=99)),
        servers=(msgspec.structs.replace(here, load=here.load + 1), *others),
    )
    assert overview.people_online(twice) == overview.people_online(usual) + 1


async def test_what_an_expulsion_hides_is_not_told_as_if_its_sender_had_done_something(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "good morning")
        tell(world.model, Removed((), "carol", "it lied", server="bb"))
        await settled(pilot)
        shown = screen_text(app)
        assert "an activity of bob is hidden: carol has expelled its server (it lied)" in shown
        assert "good morning" not in shown
        tell(world.model, Removed((), "carol", server="bb", undone=True))
        await settled(pilot)
        assert "good morning" in screen_text(app)


@pytest.mark.parametrize("width", range(84, 130, 3))
async def test_the_state_of_a_server_is_not_torn_for_its_address(world, width):
    app = world.app()
    async with app.run_test(size=(width, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        await settled(pilot)
        assert any(line.endswith("unreachable") for line in lines_of(app, "#network"))


async def test_what_is_wrong_with_a_filter_stays_while_it_is_wrong(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f7", *'from:bob "two')
        world.says("bob", "meanwhile")
        await settled(pilot)
        await settled(pilot)
        assert "no partner" in screen_text(app)
        await pilot.press('"')
        await settled(pilot)
        assert "no partner" not in screen_text(app) and "0 found" in screen_text(app)


async def test_the_day_of_a_registration_is_whole_and_its_time_is_in_the_details(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert any(line.endswith(" 2026-11-21") for line in lines_of(app, "#users"))
        await pilot.press("f4", "enter")
        await pilot.pause()
        assert "2026-11-21 12:00" in screen_text(app)


async def test_the_feed_of_somebody_who_is_not_logged_in_says_how_to_see_it():
    world = World(refuse="the name and the secret do not match")
    app = world.app(first=SignIn("login", "alice", "wrong"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("escape")
        await settled(pilot)
        assert "/login" in lines_of(app, "#feed")[0]


async def test_the_command_with_which_others_join_is_never_cut(world):
    world.node.shown = alone()
    app = world.app()
    async with app.run_test(size=(44, 20)) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert "F8 shows how" in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert "activity-tui join 192.0.2.1:3780" in screen_text(app)


async def test_the_command_with_which_others_join_goes_once_somebody_has_and_does_not_come_back(world):
    world.node.shown = alone()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "activity-tui join" in screen_text(app))
        rows = app.main.feed.size.height
        world.node.shown = snapshot()
        await until(pilot, lambda: "activity-tui join" not in screen_text(app))
        # In its place stands how the servers are.
        await until(pilot, lambda: any("ada" in line for line in screen_text(app).splitlines()[1:3]))
        assert app.main.feed.size.height == rows
        world.node.shown = alone()
        await until(pilot, lambda: "1 server, 1 person" in screen_text(app))
        assert "activity-tui join" not in screen_text(app)


async def test_help_and_quit_stay_at_the_bottom_of_a_narrow_screen_and_no_key_is_torn(world):
    app = world.app()
    async with app.run_test(size=(46, 20)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await settled(pilot)
        bottom = screen_text(app).splitlines()[-1]
        assert "Ctrl+Q Quit" in bottom and "F1 Help" in bottom and "Ctrl+P palette" in bottom
        assert "Inspect" not in bottom


async def test_a_client_tells_of_a_loss_once_and_lists_what_it_tries_among_the_events():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f5")
        for reason in ("the server closed the connection", *["192.0.2.1:3780 cannot be reached"] * 3):
            tell(world.model, Disconnected(reason, 2.0))
            await settled(pilot)
        assert [one.message for one in app._notifications] == ["the server closed the connection"]
        shown = "\n".join(lines_of(app, "#events"))
        assert "logged in as alice" in shown and "closed the connection" in shown
        assert shown.count("cannot be reached") == 1
        tell(world.model, LoggedIn("alice", Address("192.0.2.1", 3780)))
        await settled(pilot)
        tell(world.model, Disconnected("the server closed the connection", 2.0))
        await settled(pilot)
        assert len(app._notifications) == 2, "another loss is told again"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_a_dialog_that_is_read_is_no_higher_than_what_there_is_to_read(world, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("f4", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen) and app.screen.is_mounted)
        await pilot.pause()
        text = app.screen.query_one("#reading")
        lines = [text.render_line(y).text.rstrip() for y in range(text.size.height)]
        assert lines[-1] and all(lines)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen) and app.screen.is_mounted)
        await pilot.pause()
        # What is long fits in, its buttons included.
        assert all(button.region in app.screen.region for button in app.screen.query(Button))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            "bb.1.5",
            [
                "at byron (bb)",
                "bb.1.5",
                "nothing: unsigned, its server is of a version before keys",
                "that carol wrote it",
            ],
        ),
        ("gone.3.1", ["at gone, which is not here now", "nobody here knows"]),
        (None, ["it speaks only the base protocol"]),
    ],
)
async def test_an_activity_is_inspected_with_the_server_that_has_accepted_it(world, entry, words):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        world.client.tell(ActivityArrived(entry, b'{"type":"Note","content":"read me"}', "carol", None, live=True))
        await settled(pilot)
        await pilot.press("f2", "escape", "G", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen) and bool(app.focused))
        await pilot.pause()
        shown = screen_text(app)
        assert "read me" in shown
        assert all(one in shown for one in words), shown


async def test_an_event_is_inspected_in_words_and_not_in_names_of_the_program(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        kinds: tuple[NoticeKind, ...] = ("healed", "join_refused")
        for kind in kinds:
            world.notice(kind, f"kitchen: {kind[::-1]}", "good")
            await settled(pilot)
            await pilot.press("f5", "G", "enter")
            await until(pilot, lambda: isinstance(app.screen, ReadingScreen) and bool(app.focused))
            await pilot.pause()
            shown = screen_text(app)
            assert f"kitchen: {kind[::-1]}" in shown and "2026-11-22 12:00:00" in shown and "good news" in shown
            await pilot.press("y")
            assert f"good {kind}" not in app.clipboard and "join_refused" not in app.clipboard
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)


async def test_an_event_is_copied_as_it_is_read(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.notice("healed", "kitchen: reachable again", "good")
        await settled(pilot)
        await pilot.press("f5", "G", "y")
        assert app.clipboard == "2026-11-22 12:00:00 kitchen: reachable again"


@pytest.mark.parametrize("severity", get_args(Severity))
@pytest.mark.parametrize("kind", get_args(NoticeKind))
def test_there_are_words_for_every_kind_of_event(world, kind, severity):
    world.notice(kind, "it happened", severity)
    said = EventsView(world.model, zone=UTC).row_detail(0).splitlines()
    assert said[:3] == ["it happened", "", "When   2026-11-22 12:00:00"]
    assert all(len(line.split()) >= 3 for line in said[3:]) and len(said) == 5


async def test_a_tab_is_called_as_its_pane_is_and_keeps_its_key_where_there_is_no_room_for_more(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        tabs = next(line for line in screen_text(app).splitlines() if "F2 Feed" in line)
        assert "F3 Connections" in tabs and "F6 Network" in tabs
        await pilot.resize_terminal(44, 24)
        await pilot.press("f5")
        await settled(pilot)
        tabs = next(line for line in screen_text(app).splitlines() if " F2 " in line)
        assert tabs.split() == ["F2", "F3", "F4", "[F5", "Events]", "F6"]


async def test_the_header_says_since_when_a_server_is_silent_and_takes_it_back_when_it_speaks():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "\u25cf you are alice" in screen_text(app))
        world.clients[-1].silence = 2.0
        await pilot.pause(0.6)
        assert "no answer" not in screen_text(app), "two seconds are nothing yet"
        world.clients[-1].silence = 2.6
        await until(pilot, lambda: "\u25cc no answer since" in screen_text(app))
        world.clients[-1].silence = 0.0
        await until(pilot, lambda: "\u25cf you are alice" in screen_text(app))
