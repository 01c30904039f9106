"""What a person does at the application, and what it does with that."""

from __future__ import annotations

import asyncio
import math

import pytest
from textual.widgets import Input, RadioButton, Static

from core.client.client_events import (
    CatchUpDone,
    Connecting,
    Disconnected,
    PostRefused,
    PostUnknown,
    Renamed,
    ServerQuits,
)
from core.wire.address import Address
from tests.tui.driving import fill, lines_of, ready, screen_text, settled, type_line, until, welcomed
from tests.tui.fakes import World, snapshot
from tui.feed.activities import note
from tui.look import bell
from tui.look.preferences import Preferences
from tui.model.network_faces import SignIn
from tui.screens.asking import AskScreen, ConfirmScreen
from tui.screens.reading import ReadingScreen
from tui.screens.welcome import WelcomeScreen
from tui.user_actions.action_registry import key_names
from tui.user_actions.action_table import ACTIONS, BY_ID

SIZES = [(80, 24), (120, 40), (200, 50)]


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_line_is_sent_shown_as_on_its_way_and_then_as_arrived(world, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(*"hello", "enter")
        assert [activity for _, activity in world.client.posted] == [note("hello")]
        await settled(pilot)
        assert "sending…" in "\n".join(lines_of(app, "#feed"))
        world.client.deliver("ref-0")
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#feed"))
        assert "alice" in shown and "hello" in shown and "sending" not in shown
        assert app.main.composer.value == ""


async def test_a_refused_line_stays_with_its_reason_and_one_of_unknown_fate_is_not_called_failed(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "one")
        await type_line(pilot, "two")
        world.client.tell(PostRefused("ref-0", "too many at once"))
        world.client.tell(PostUnknown("ref-1"))
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#feed"))
        assert "refused: too many at once" in shown
        assert "nobody can say yet whether it arrived" in shown
        assert "failed" not in shown


async def test_a_line_that_cannot_be_sent_stays_in_the_composer_with_the_reason():
    world = World(refuse="wrong secret")
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press("escape")
        await type_line(pilot, "hello")
        assert app.main.composer.value == "hello"
        assert "not logged in" in str(app.main.query_one("#composer-problem", Static).render())
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await settled(pilot)
        shown = " ".join(screen_text(app).replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
        assert "You are not logged in yet, so this is not sent; the line is kept." in shown, screen_text(app)
        world.refuse = None
        fill(app, "#name", "alice")
        fill(app, "#secret", "secret")
        app.screen.query_one("#secret").focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.model.online and app.focused is app.main.composer)
        assert app.main.composer.value == "hello"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("/nonsense", "there is no command /nonsense"),
        ("/theme no-such-theme", "there is no theme"),
        ("/join", "/join needs"),
        ("/json nonsense", "begins with {"),
    ],
)
async def test_a_command_that_is_wrong_is_told_where_it_was_typed_and_asks_nobody_to_log_in(world, line, problem):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press("escape")
        await type_line(pilot, line)
        await settled(pilot)
        assert app.screen is app.main and app.main.composer.value == line
        assert problem in screen_text(app)


async def test_a_slash_begins_a_command_and_two_write_one(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "//usr/bin is full")
        assert world.client.posted[0][1] == note("/usr/bin is full")
        await type_line(pilot, "/nonsense")
        assert "there is no command /nonsense" in str(app.main.query_one("#composer-problem", Static).render())
        assert len(world.client.posted) == 1


async def test_a_persons_own_json_is_sent_with_its_numbers_untouched(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, '/json {"n": 123456789012345678901234567890}')
        assert bytes(world.client.posted[0][1]["n"]) == b"123456789012345678901234567890"
        await type_line(pilot, "/json nonsense")
        assert "begins with {" in str(app.main.query_one("#composer-problem", Static).render())


@pytest.mark.parametrize(
    ("line", "call"),
    [("/join 192.0.2.9:4000", ("join", Address("192.0.2.9", 4000))), ("/backup", ("backup",))],
)
async def test_commands_reach_the_node(world, line, call):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, line)
        await until(pilot, lambda: call in world.node.calls)


async def test_commands_change_the_panes_the_filter_the_bell_and_the_theme(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/who")
        assert app.main.current == "users"
        await type_line(pilot, "/filter from:bob")
        assert str(app.main.feed.filter) == 'from:"bob"'
        await type_line(pilot, "/filter")
        assert not app.main.feed.filter
        await type_line(pilot, "/bell off")
        assert app.bell_policy == "off"
        await type_line(pilot, "/theme nord")
        assert app.theme == "nord"
        await type_line(pilot, "/theme no-such-theme")
        assert "there is no theme" in str(app.main.query_one("#composer-problem", Static).render())


async def test_what_was_written_comes_back_with_the_up_key(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "one")
        await type_line(pilot, "two")
        await pilot.press(*"dra", "up")
        assert app.main.composer.value == "two"
        await pilot.press("up")
        assert app.main.composer.value == "one"
        await pilot.press("down", "down")
        assert app.main.composer.value == "dra"


@pytest.mark.parametrize("world", [World(node=False), World(operator=False)], ids=["client only", "guest"])
async def test_who_has_no_server_is_told_which_commands_need_one(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/backup")
        assert "for the operator of a server" in str(app.main.query_one("#composer-problem", Static).render())


@pytest.mark.parametrize("line", ["quit", ":q!", "activity-tui join 192.0.2.1:3780", "the secret is correct horse"])
async def test_a_line_that_was_hardly_meant_for_everybody_is_kept_back_until_it_is_sent_again(world, line):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        app.main.second_thought = math.inf
        await type_line(pilot, line)
        assert world.client.posted == [] and app.main.composer.value == line
        assert "Nothing was sent" in str(app.main.query_one("#composer-problem", Static).render())
        # A double press is no second thought.
        await pilot.press("enter")
        assert world.client.posted == []
        app.main.second_thought = 0.0
        await pilot.press("enter")
        assert [activity for _, activity in world.client.posted] == [note(line)]


async def test_a_line_that_was_kept_back_and_changed_is_looked_at_anew(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "quit")
        await pilot.press(*" smoking, they said", "enter")
        assert [activity for _, activity in world.client.posted] == [note("quit smoking, they said")]
        await type_line(pilot, "quit")
        assert len(world.client.posted) == 1


async def test_the_feed_is_paged_while_one_writes(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(100):
            world.says("bob", f"line {number}")
        await settled(pilot)
        await pilot.press(*"half a")
        await pilot.press("pageup")
        await settled(pilot)
        assert "line 99" not in "\n".join(lines_of(app, "#feed"))
        assert app.focused is app.main.composer and app.main.composer.value == "half a"
        await pilot.press("pagedown", "pagedown")
        await settled(pilot)
        assert "line 99" in "\n".join(lines_of(app, "#feed"))


# --- panes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_every_pane_is_reached_by_its_key(world, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        world.lively()
        await settled(pilot)
        for key, pane, words in (
            ("f3", "connections", "byron"),
            ("f4", "users", "carol"),
            ("f5", "events", "backup"),
            ("f6", "network", "elder"),
        ):
            await pilot.press(key)
            await pilot.pause()
            assert app.main.current == pane
            assert app.focused is app.main.query_one(f"#{pane}")
            assert words in "\n".join(lines_of(app, f"#{pane}"))
        await pilot.press("f2")
        assert app.main.current == "feed" and app.focused is app.main.feed
        await pilot.press("i")
        assert app.focused is app.main.composer and app.main.composer.value == ""


async def test_a_small_screen_shows_one_pane_and_its_tabs_are_clicked(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert [pane for pane in ("feed", "users") if app.main.pane(pane).display] == ["feed"]
        await pilot.click("TabBar", offset=(28, 0))
        await pilot.pause()
        assert app.main.current == "users"
        assert [pane for pane in ("feed", "users") if app.main.pane(pane).display] == ["users"]


async def test_a_large_screen_shows_all_panes_and_zooms_one(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert all(app.main.pane(pane).display for pane in ("feed", "users", "network"))
        await pilot.press("f3", "f10")
        await pilot.pause()
        assert not app.main.pane("feed").display
        assert app.main.connections.size.width > 100
        assert "192.0.2.3:50111" in "\n".join(lines_of(app, "#connections"))
        await pilot.press("escape")
        await pilot.pause()
        assert app.main.pane("feed").display


async def test_a_screen_that_is_resized_keeps_what_was_shown(world):
    app = world.app()
    async with app.run_test(size=(200, 50)) as pilot:
        await ready(pilot)
        world.lively()
        await settled(pilot)
        for size in ((80, 24), (40, 12), (120, 40), (20, 6), (200, 50)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
        assert "good morning" in "\n".join(lines_of(app, "#feed"))


async def test_a_table_is_sorted_by_its_header_and_by_key(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("f4", "f10")
        await pilot.pause()
        assert "alice" in lines_of(app, "#users")[1]
        await pilot.press("o", "o", "o")
        await pilot.pause()
        assert "erin" in lines_of(app, "#users")[1]
        await pilot.click("#users", offset=(3, 0))
        assert "alice" in lines_of(app, "#users")[1]


async def test_a_connection_is_ended_after_asking(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("f3", "j", "x")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        assert world.node.calls == []
        await pilot.press("x", "y", "enter")
        assert world.node.calls == [("disconnect", 2)]


async def test_a_guest_ends_no_connections_and_learns_no_secret():
    world = World(operator=False)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("f3", "j", "x", "f8")
        await pilot.pause()
        assert app.clipboard == "activity-tui join 192.0.2.1:3780"
        assert "correct horse" not in screen_text(app)
        assert world.node is not None and world.node.calls == []


async def test_double_click_shows_the_details_of_a_row(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("f3")
        await pilot.pause()
        await pilot.click("#connections", offset=(5, 1), times=2)
        await pilot.pause()
        assert "the base protocol" not in screen_text(app)
        assert "quit, sync" in screen_text(app)


async def test_a_client_only_learns_of_the_network_by_asking(world):
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: "byron" in "\n".join(lines_of(app, "#network")))


async def test_help_names_every_action_and_every_command(world):
    from tui.user_actions.slash_commands import COMMANDS

    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await pilot.pause()
        await pilot.press("y")
        for action in ACTIONS:
            assert action.title in app.clipboard
        for command in COMMANDS:
            assert command.usage in app.clipboard


async def test_the_palette_names_every_action_with_its_keys(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        offered = {entry.title: entry.help for entry in app.palette.entries()}
        for action in ACTIONS:
            if action.palette:
                assert offered[action.title].startswith(action.help), action.id
                assert not action.keys or key_names(action.keys) in offered[action.title]


async def test_actions_of_the_palette_work_on_the_pane_that_was_used_last(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        app.palette.act(BY_ID["rows.end"])
        await until(pilot, lambda: app.main.network.selected == app.main.network.row_count() - 1)
        app.palette.act(BY_ID["feed.inspect"])
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen))
        await until(pilot, lambda: "faraday" in screen_text(app))


async def test_disconnecting_without_anybody_connected_says_so(world):
    world.node.shown = snapshot(connections=())
    app = world.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        app.palette.act(BY_ID["network.disconnect"])
        await until(pilot, lambda: any("Nobody is connected" in one.message for one in app._notifications))


async def test_the_palette_finds_and_does_an_action(world):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"show the users")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.current == "users")


async def test_keys_can_be_bound_anew_by_the_actions_id(world):
    app = world.app(preferences=Preferences(keymap={"pane.users": "f12"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f12")
        assert app.main.current == "users"
        await pilot.press("f1")
        await pilot.pause()
        assert "F12" in screen_text(app)


# --- who one is -----------------------------------------------------------------------------------------------------


async def test_somebody_whose_secret_is_not_kept_is_asked_for_it_only(world):
    app = world.app(first=None, suggestion="zoe")
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press(*"pw", "enter")
        await until(pilot, lambda: app.model.online)
        assert world.client.identity == SignIn("login", "zoe", "pw")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "at least 1 character"), ("anonymous", "cannot be registered"), (" bob", "blank"), ("x" * 65, "at most 64")],
)
async def test_a_bad_name_says_what_is_wrong_beside_the_field(world, name, problem):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        app.screen.query_one("#name", Input).value = name
        await pilot.press("enter")
        await pilot.pause()
        assert problem in str(app.screen.query_one("#name-problem", Static).render())
        assert world.clients == []


async def test_a_name_that_is_taken_is_said_beside_the_field_and_another_one_can_be_tried(world):
    world.refuse = "the name zoe is taken"
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press(*"zoe", "enter", "enter")
        await until(pilot, lambda: "taken" in str(app.screen.query_one("#name-problem", Static).render()))
        world.refuse = None
        await pilot.press(*"zoe2", "enter", "enter")
        await until(pilot, lambda: app.model.online)
        assert app.model.username == "zoe2"


async def test_a_login_needs_its_secret(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        list(app.screen.query(RadioButton))[1].value = True
        await pilot.pause()
        await pilot.press(*"zoe", "enter", "enter")
        assert "needs at least 1 character" in str(app.screen.query_one("#secret-problem", Static).render())
        await pilot.press(*"pw", "enter")
        await until(pilot, lambda: app.model.online)
        assert world.client.identity == SignIn("login", "zoe", "pw")


async def test_one_can_come_in_anonymously(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        list(app.screen.query(RadioButton))[2].value = True
        await pilot.pause()
        assert not app.screen.query_one("#name").display
        await pilot.click("#go")
        await until(pilot, lambda: app.model.online)
        assert app.model.username == "anonymous"


async def test_a_remembered_login_that_is_refused_asks_again_with_the_reason():
    world = World(refuse="the secret is wrong")
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await until(pilot, lambda: "the secret is wrong" in screen_text(app))
        assert app.screen.query_one("#name", Input).value == "alice"


async def test_somebody_whose_name_was_settled_elsewhere_is_told_their_new_one(world):
    app = world.app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await ready(pilot)
        world.client.tell(Renamed("alice", "alice~bb", "alice was registered earlier elsewhere"))
        await settled(pilot)
        assert app.model.username == "alice~bb"
        assert "registered earlier elsewhere" in screen_text(app)


async def test_a_lost_connection_is_said_in_words(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        world.client.tell(ServerQuits(Address("192.0.2.2", 3780)))
        world.client.tell(Disconnected("the server has closed the connection", 3.0))
        await settled(pilot)
        assert "trying again in 3 s" in screen_text(app)


# --- joining --------------------------------------------------------------------------------------------------------


async def test_joining_a_network_asks_until_the_address_is_one(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.action_ask_join()
        await pilot.pause()
        assert isinstance(app.screen, AskScreen)
        await pilot.press(*"a b", "enter")
        assert "is not an address" in str(app.screen.query_one("#problem", Static).render())
        app.screen.query_one(Input).value = "192.0.2.7:99"
        await pilot.press("enter")
        await until(pilot, lambda: ("join", Address("192.0.2.7", 99)) in world.node.calls)


# --- the bell -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "plain", "named"), [("off", 0, 0), ("mention", 0, 1), ("all", 1, 1)])
async def test_the_bell_rings_as_the_person_wants(world, monkeypatch, policy, plain, named):
    monkeypatch.setattr(bell, "INTERVAL", 0.0)
    app = world.app(preferences=Preferences(bell=policy))
    rung = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(True))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "alicea and malice are other people")
        await settled(pilot)
        assert len(rung) == plain
        rung.clear()
        world.says("bob", "hello @Alice!")
        await settled(pilot)
        assert len(rung) == named
        rung.clear()
        world.says("bob", "alice, from the past", live=False)
        await settled(pilot)
        assert rung == []


# --- colours --------------------------------------------------------------------------------------------------------


async def test_light_and_dark_change_with_a_key_and_stay_in_their_family(world):
    app = world.app(preferences=Preferences(theme="ansi-dark"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "t")
        assert app.theme == "ansi-light"
        await pilot.press("t")
        assert app.theme == "ansi-dark"


async def test_without_colours_nothing_is_said_by_colour_alone(world):
    app = world.app(preferences=Preferences(no_color=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        world.lively()
        await settled(pilot)
        assert "✗ 1 unreachable" in screen_text(app)
        assert "unreachable" in "\n".join(lines_of(app, "#network"))
        assert "✗" in "\n".join(lines_of(app, "#events"))
        await pilot.press("escape")
        assert any(line.startswith("▌") for line in lines_of(app, "#feed"))


# --- coalescing -----------------------------------------------------------------------------------------------------


async def test_a_flood_of_events_is_painted_some_times_a_second(world, monkeypatch):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        painted = []
        show_news = app.main.show_news

        def counted() -> None:
            painted.append(True)
            show_news()

        monkeypatch.setattr(app.main, "show_news", counted)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < 0.5:
            world.says("bob", "flood")
            await asyncio.sleep(0.001)
        assert 2 <= len(painted) <= 12


async def test_a_quiet_session_paints_nothing(world, monkeypatch):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        painted = []
        monkeypatch.setattr(app.main, "show_news", lambda: painted.append(True))
        await asyncio.sleep(0.2)
        assert painted == []


@pytest.mark.parametrize(
    ("senders", "mark"),
    [(("alice",), None), (("bob", "alice", "carol"), "2 missed while you were away, above")],
    ids=["only own", "others too"],
)
async def test_only_what_others_wrote_was_missed(world, senders, mark):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.client.tell(CatchUpDone(0))
        for _ in range(2):
            # What came before a connection broke in the middle of it is counted anew over the next one.
            world.client.tell(Disconnected("the server is gone", 0.0))
            world.client.tell(Connecting(None))
            world.says("alice", "half of it came", live=False)
        world.client.tell(Disconnected("the server is gone", 0.0))
        world.client.tell(Connecting(None))
        for sender in senders:
            world.says(sender, "meanwhile", live=False)
        world.client.tell(CatchUpDone(len(senders)))
        marks = [each.body.decode() for each in app.model.feed.newest_first() if each.state == "mark"]
        assert marks == ([mark] if mark else [])
