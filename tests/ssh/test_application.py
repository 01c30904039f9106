"""What a person does with the real OpenSSH client in a terminal."""

from __future__ import annotations

import asyncio
from functools import partial

from tests.ssh.conftest import SECRET, Place, serving
from tests.tui.driving import unfound
from tui.screens.asking import ConfirmScreen
from tui.ssh.applications.ssh_application import SSHApp
from tui.ssh.applications.ssh_driver import ChannelDriver
from tui.terminal.modes import RESTORE

CTRL_Q = "\x11"
F2 = "\x1bOQ"
ALTERNATE_SCREEN = b"\x1b[?1049h"


async def test_a_newcomer_registers_with_a_key_binds_it_and_comes_back_with_it_alone(place: Place):
    async with place.terminal("grace", key="grace") as terminal:
        await terminal.shows("Register and come in")
        terminal.type("\t\t\r")
        await terminal.shows("You came in with the key")
        terminal.type("y\r")
        await terminal.shows("The key opens this account from now on.")
        terminal.type(CTRL_Q)
        assert await terminal.status() == 0
    assert (await place.run("grace", "keys", key="grace"))[0] == 0
    async with place.terminal("grace", key="grace") as terminal:
        await terminal.shows("you are grace")


async def test_the_password_that_a_newcomer_comes_with_becomes_the_secret_of_the_name(place: Place):
    async with place.terminal("grace") as terminal:
        await terminal.shows("assword:")
        terminal.type("a word of my own\n")
        await terminal.shows("Register and come in")
        terminal.type("\t\t\r")
        await terminal.shows("you are grace")
        assert "This secret was made for you" not in terminal.text
        terminal.type(CTRL_Q)
        assert await terminal.status() == 0
    async with await place.connect("grace", password="a word of my own", preferred_auth="password"):
        pass


async def test_a_newcomer_with_an_empty_password_has_a_secret_made(place: Place):
    async with place.terminal("grace") as terminal:
        await terminal.shows("assword:")
        terminal.type("\n")
        await terminal.shows("Register and come in")
        terminal.type("\t\t\r")
        await terminal.shows("This secret was made for you")


async def test_a_person_comes_in_with_the_secret_as_the_password(place: Place):
    await place.register("grace")
    async with place.terminal("grace") as terminal:
        await terminal.shows("assword:")
        terminal.type(SECRET + "\n")
        await terminal.shows("you are grace")
        assert ALTERNATE_SCREEN in terminal.output


async def test_anybody_may_come_in_as_anonymous(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")


async def test_two_people_talk_to_each_other(place: Place):
    await place.register("grace", key="grace")
    await place.register("alan", key="alan")
    async with place.terminal("grace", key="grace") as grace, place.terminal("alan", key="alan") as alan:
        await grace.shows("you are grace")
        await alan.shows("you are alan")
        grace.type("is anybody here?\r")
        await alan.shows("is anybody here?")
        alan.type("yes, I am\r")
        await grace.shows("yes, I am")


async def test_two_sessions_of_one_person_are_one_user(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", key="grace") as one, place.terminal("grace", key="grace") as other:
        await one.shows("you are grace")
        await other.shows("you are grace")
        one.type("to my other self\r")
        await other.shows("to my other self")
        users = [user for user in place.node.snapshot().users if user.name == "grace"]
        assert len(users) == 1 and len(users[0].servers) == 1


async def test_the_panes_follow_the_terminal_s_size(place: Place):
    async with place.terminal("anonymous", size=(80, 24)) as terminal:
        await terminal.shows("F3 Connections  F4")
        terminal.forget()
        terminal.resize(160, 45)
        await terminal.shows("\N{BOX DRAWINGS LIGHT HORIZONTAL} F3 Connections")
        assert place.ssh.sessions()[0].size == (160, 45)


async def test_a_click_of_the_mouse_chooses_a_tab(place: Place):
    async with place.terminal("anonymous", size=(80, 24)) as terminal:
        await terminal.shows("you are anonymous")
        terminal.forget()
        column, line = 30, 3
        terminal.type(f"\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m")
        await terminal.shows("Logged in at")


async def test_what_is_pasted_is_one_piece_and_sends_nothing_by_itself(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.type("\x1b[200~pasted wörds\x1b[201~")
        await terminal.shows("pasted wörds")
        assert place.node.snapshot().activities == 0
        terminal.type("\r")
        await place.until(lambda: place.node.snapshot().activities == 1)


async def test_lines_that_are_typed_faster_than_they_are_read_are_lines_of_their_own(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.type("one\rtwo\rthree\rthe beginning of")
        await place.until(lambda: place.node.snapshot().activities == 3)
        _, feed, _ = await place.run("anonymous", "tail", "--since", "10", "--no-follow")
        assert [line.rpartition(": ")[2] for line in feed.splitlines()] == ["one", "two", "three"]
        assert place.apps()[0].main.composer.value == "the beginning of"


async def test_whoever_sends_too_much_at_once_is_told_so_and_can_send_it_later(tmp_path):
    async with serving(tmp_path, message_rate=1.0) as place, place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.type("".join(f"line {number}\r" for number in range(4)))
        await terminal.shows("takes no more of you at once")
        composer = place.apps()[0].main.composer
        assert composer.value == "line 3"
        await place.until(lambda: place.node.snapshot().activities == 3)
        await asyncio.sleep(1.1)  # until the next one is allowed
        terminal.type("\r")
        await place.until(lambda: place.node.snapshot().activities == 4)
        assert composer.value == ""


async def test_escape_alone_is_a_key(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        [app] = place.apps()
        terminal.type("\x1b")
        await place.until(lambda: app.focused is app.main.feed)
        terminal.type("/")
        await terminal.shows("from:NAME")


async def test_quitting_gives_the_terminal_back_as_it_was(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.type(CTRL_Q)
        assert await terminal.status() == 0
        assert terminal.output.count(RESTORE.encode()) == 1
        words = terminal.output.rpartition(RESTORE.encode())[2].decode()
        assert words.startswith("activity-tui: You have left ada") and words.endswith("\r\n")


async def test_a_deep_link_opens_the_feed_filtered(place: Place):
    for words in ("about trains", "about boats"):
        assert (await place.run("anonymous", "post", words))[0] == 0
    async with place.terminal("anonymous", "feed", "boats", options=("-t",)) as terminal:
        await terminal.shows("1 found")
        await terminal.shows("about boats")


async def test_the_client_s_terminal_decides_about_colours_and_not_the_server_s_environment(place: Place, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")

    async def painted(term: str, colorterm: str = "") -> bytes:
        options = ("-o", f"SetEnv=COLORTERM={colorterm}") if colorterm else ()
        async with place.terminal("anonymous", environment={"TERM": term}, options=options) as terminal:
            await terminal.shows("you are anonymous")
            return terminal.output

    plain, few, many, all_of_them = await asyncio.gather(
        painted("vt100"), painted("xterm"), painted("xterm-256color"), painted("xterm-256color", "truecolor")
    )
    assert b"38;5;" not in plain and b"38;2;" not in plain
    assert b"38;5;" not in few and b"38;2;" not in few and b"\x1b[3" in few
    assert b"38;5;" in many and b"38;2;" not in many
    assert b"38;2;" in all_of_them


async def test_a_palette_that_is_used_faster_than_it_can_be_painted_ends_nothing(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        [app] = place.apps()
        driver = app._driver
        assert isinstance(driver, ChannelDriver)
        floods = ("\x10th\r\r\r", "\x10t\x10\x10", "\x10th\x1b[27u\x1b[27u", "\x10\r\r")
        for keys in floods * 4:
            terminal.type(keys)
        typed = 4 * sum(map(len, floods))
        await place.until(lambda: place.ssh.sessions()[0].bytes_in >= typed and not driver.unread)
        async with asyncio.timeout(20):
            while app.screen is not app.main:
                terminal.type("\x1b[27u")
                await asyncio.sleep(0.05)
        assert app.is_running and not app.failure
        terminal.type("\x11")
        assert await terminal.status() == 0


def at_pane(app: SSHApp, pane: str) -> bool:
    return app.main.current == pane and app.focused is app.main.current_list


async def test_every_binding_finds_its_action_over_ssh_too_and_pages_the_feed_while_one_writes(place: Place):
    for number in range(40):
        assert (await place.run("anonymous", "post", f"line {number}"))[0] == 0
    async with place.terminal("anonymous", size=(80, 24)) as terminal:
        await terminal.shows("line 39")
        [app] = place.apps()
        terminal.type("half a line")
        await place.until(lambda: app.main.composer.value == "half a line")
        assert unfound(app) == []
        terminal.type("\x1b[5~")
        await place.until(lambda: not app.main.feed.following)
        assert app.focused is app.main.composer and app.main.composer.value == "half a line"
        for key, pane in (("OR", "connections"), ("OS", "users"), ("[17~", "network"), ("OQ", "feed")):
            terminal.type(f"\x1b{key}")
            await place.until(partial(at_pane, app, pane))
            assert unfound(app) == []
        terminal.type("\x03")
        await place.until(lambda: isinstance(app.screen, ConfirmScreen) and app.focused is not None)
        assert unfound(app) == []


async def test_who_asks_for_their_editor_over_ssh_is_told_why_there_is_none_and_keeps_what_they_wrote(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", key="grace") as terminal:
        await terminal.shows("you are grace")
        terminal.type("half a thought\x0f")
        await terminal.shows("Nothing is started for you at a server")
        await terminal.shows("F9 makes a larger box to write in")
        terminal.type(" more\r")
        await terminal.shows("half a thought more")


async def test_a_thread_opens_and_is_muted_over_ssh_as_anywhere(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", key="grace") as terminal:
        await terminal.shows("you are grace")
        terminal.type("who comes along?\r")
        await terminal.shows("who comes along?")
        terminal.type("\x1b")
        await terminal.shows("Inspect")
        terminal.type("r")
        await terminal.shows("Reply to you")
        terminal.type("nobody yet\r")
        await terminal.shows("\N{BLACK RIGHT-POINTING SMALL TRIANGLE}\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}1")
        terminal.type(F2 + "k")
        await terminal.shows("Thread")
        terminal.type("C")
        await terminal.shows("\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS} grace nobody yet")
        terminal.type("T")
        await terminal.shows("This thread is muted: it is folded")
