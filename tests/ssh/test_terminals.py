"""Terminals of every kind: what they say of themselves, and what they send that is no plain key."""

from __future__ import annotations

import asyncio
import signal

import pytest
from textual import events
from textual.geometry import Size
from textual.screen import Screen

from tests.ssh.conftest import Place, serving
from tests.terminal.test_answers import ANSWERS
from tui.ssh.applications.ssh_driver import ChannelDriver
from tui.terminal.modes import RESTORE
from tui.terminal.scanner import PASTE_MAX

KITTY_ON = b"\x1b[>25u"
SYNCHRONISED = b"\x1b[?2026h"


async def test_the_kitty_keyboard_protocol_is_spoken_where_it_is_known(place: Place):
    async with place.terminal("anonymous", environment={"TERM": "xterm-kitty"}) as terminal:
        await terminal.shows("you are anonymous")
        assert KITTY_ON in terminal.output
        composer = place.apps()[0].main.composer
        # h, i, Shift+A and Shift+1, each with the text that it stands for.
        terminal.type("\x1b[104;;104u\x1b[105;;105u\x1b[97;2;65u\x1b[49;2;33u")
        await place.until(lambda: composer.value == "hiA!")
        terminal.type("\x1b[13u")
        await place.until(lambda: place.node.snapshot().activities == 1)
        terminal.type("\x1b[113;5u")
        assert await terminal.status() == 0
        assert b"\x1b[<u" in terminal.output[terminal.output.rindex(RESTORE.encode()) :]


async def test_a_terminal_that_may_not_know_the_kitty_keyboard_protocol_is_not_asked_for_it(place: Place):
    for name in ("xterm-256color", "screen", "linux", "vt220"):
        async with place.terminal("anonymous", environment={"TERM": name}) as terminal:
            await terminal.shows("you are anonymous")
            assert KITTY_ON not in terminal.output


async def test_a_terminal_without_a_screen_gets_two_lines_and_no_escape_codes(place: Place):
    for words in ((), ("feed", "hello")):
        options = ("-t",) if words else ()
        async with place.terminal("anonymous", *words, options=options, environment={"TERM": "dumb"}) as terminal:
            assert await terminal.status() == 1
            assert "yours says that it is dumb" in terminal.text and b"\x1b" not in terminal.output
    async with place.terminal("anonymous", "help", options=("-t",), environment={"TERM": "dumb"}) as terminal:
        assert await terminal.status() == 0 and "post a note" in terminal.text


async def test_a_terminal_that_says_nothing_of_itself_is_painted_without_colours(place: Place):
    async with place.terminal("anonymous", options=("-t",), environment={"TERM": ""}) as terminal:
        await terminal.shows("you are anonymous")
        assert b"\x1b[38" not in terminal.output
        terminal.type("\x11")
        assert await terminal.status() == 0


async def test_a_terminal_that_can_is_painted_synchronously_and_others_are_not(place: Place):
    async with place.terminal("anonymous") as able, place.terminal("anonymous") as unable:
        for terminal in (able, unable):
            await terminal.shows("you are anonymous")
            assert SYNCHRONISED not in terminal.output
        able.type("\x1b[?2026;2$y")
        unable.type("\x1b[?2026;0$y")
        able.type("a line for everybody\r")
        await able.sends(SYNCHRONISED)
        await unable.shows("a line for everybody")
        assert SYNCHRONISED not in unable.output


async def test_answers_of_a_terminal_to_questions_are_not_taken_for_keys(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        app = place.apps()[0]
        size = app.size
        modes, cursor, resized = "\x1b[?2048;2$y\x1b[?2026;1$y", "\x1b[12;40R", "\x1b[48;50000;20000;800;1600t"
        terminal.type(modes + cursor + resized + "\x1b[O\x1b[I" + "then a word")
        await place.until(lambda: app.main.composer.value.endswith("then a word"))
        assert app.main.composer.value == "then a word"
        assert app.size == size, "the size is what the client tells, not what is typed"


async def test_sequences_whose_numbers_mean_nothing_break_nothing(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        composer = place.apps()[0].main.composer
        for sequence in ("\x1b[97:65;2;65u", "\x1b[9999999999999u", "\x1b[1;9:9:9u", "\x1b[<0;0;0M", "\x1b[<99;1;1M"):
            composer.value = ""
            terminal.type(sequence)
            await asyncio.sleep(0.05)
            terminal.type("a word")
            await place.until(lambda: composer.value.endswith("a word"))


async def test_a_window_whose_edge_is_dragged_comes_to_rest_at_its_last_size(place: Place, monkeypatch):
    """Textual's screens answer each change of size with another one; two at a time would answer each other for ever."""
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        app = place.apps()[0]
        laid_out: list[Size | None] = []
        layout = Screen._refresh_layout

        def counted(screen: Screen[None], size: Size | None = None, scroll: bool = False) -> None:
            laid_out.append(size)
            layout(screen, size, scroll)

        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        # What comes of a change that overtakes the one before it.
        for size in (Size(130, 40), Size(70, 20), app.size):
            app.screen.post_message(events.Resize(size, size))
            app.screen.call_later(len, "something else, without which the newer one would replace the older one")
        await place.until(lambda: len(laid_out) > 0)
        await asyncio.sleep(0.3)
        count = len(laid_out)
        await asyncio.sleep(0.5)
        assert len(laid_out) - count < 5


async def test_bytes_that_are_no_text_break_nothing(place: Place):
    async with await place.connect("anonymous") as conn:
        process = await conn.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
        await place.until(lambda: bool(place.apps()))
        app = place.apps()[0]
        await place.until(lambda: app.shown)
        process.stdin.write(b"\xff\xfe\xc3\x28\x00\x1b[\x1b]\x1bP\x1b\\" + bytes(range(128, 256)) + b"\x15good")
        await place.until(lambda: app.main.composer.value.endswith("good"))
        process.stdin.write(b"\x15w\xc3")
        process.stdin.write(b"\xb6rter\r")
        await place.until(lambda: place.node.snapshot().activities == 1)
        result = await conn.run("tail --since 1 --no-follow")
        assert str(result.stdout).rstrip().endswith("wörter")


async def test_a_paste_without_end_is_cut_and_nothing_of_it_is_taken_for_keys(tmp_path):
    async with serving(tmp_path, input_rate=10_000_000) as place, await place.connect("anonymous") as conn:
        process = await conn.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
        await place.until(lambda: bool(place.apps()))
        app = place.apps()[0]
        await place.until(lambda: app.shown)
        driver = app._driver
        assert isinstance(driver, ChannelDriver)
        process.stdin.write(b"\x1b[200~" + b"\x11" * (PASTE_MAX + 5_000))
        await place.until(lambda: driver.unread == 0 and place.ssh.sessions()[0].bytes_in > PASTE_MAX + 5_000, limit=30)
        process.stdin.write(b"\x1b[201~\x15at last")
        await place.until(lambda: app.main.composer.value.endswith("at last"))


@pytest.mark.parametrize("environment", [{"LANG": "\x1b]0;owned\x07"}, {"COLORTERM": "truecolor" * 500}])
async def test_the_client_s_environment_is_a_hint_and_no_more(place: Place, environment):
    async with await place.connect("anonymous") as conn:
        name = "\x1b[31mINJECTED"
        await conn.create_process(
            term_type="xterm", term_size=(80, 24), encoding=None, env=environment | {name: "x", "PATH": "/evil"}
        )
        await place.until(lambda: bool(place.apps()))
        [session] = place.ssh._sessions.values()
        assert len(session.environment) <= 64
        assert all(len(value) <= 200 for value in session.environment.values())


async def test_a_client_that_says_nothing_any_more_is_given_up(tmp_path):
    async with (
        serving(tmp_path, keepalive_interval=0.2, keepalive_misses=2) as place,
        place.terminal("anonymous") as terminal,
    ):
        await terminal.shows("you are anonymous")
        terminal.process.send_signal(signal.SIGSTOP)
        await place.until(lambda: not place.ssh.sessions() and not place.ssh._connections)
        await place.until(lambda: place.node.snapshot().connections == ())
        terminal.process.send_signal(signal.SIGCONT)
        assert await terminal.status() == 255


@pytest.mark.parametrize("pieces", [0, 1, 3])
async def test_what_a_terminal_answers_is_nothing_over_ssh_either(place: Place, pieces: int):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        app = place.apps()[0]
        before = app.theme, app.bell_policy, app.main.visible_panes(), app.size
        for answer in list(ANSWERS.values())[:: 4 if pieces else 1]:
            if answer == ANSWERS["a string without end"]:
                continue
            for start in range(0, len(answer), pieces or len(answer)):
                terminal.send(answer[start : start + (pieces or len(answer))])
                await asyncio.sleep(0.005 if pieces else 0)
        terminal.type("then a word")
        await place.until(lambda: app.main.composer.value.endswith("then a word"), limit=60)
        assert app.main.composer.value == "then a word"
        assert (app.theme, app.bell_policy, app.main.visible_panes(), app.size) == before
        assert app.screen is app.main


@pytest.mark.parametrize("data", [b"\xff", b"\xfc", b"\xe2\x82"])
async def test_a_byte_that_is_no_text_is_nothing_over_ssh_either(place: Place, data: bytes):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.send(data)
        terminal.type("a word")
        await place.until(lambda: place.apps()[0].main.composer.value == "a word")


async def test_what_a_terminal_answers_gets_into_no_line_that_a_command_reads(place: Place):
    async with place.terminal("anonymous", "post", "-", options=("-t",)) as terminal:
        terminal.type("a \x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\w\x1b[?62;22c")
        for byte in b"\x1bP>|XTerm(370)\x1b\\":
            terminal.send(bytes((byte,)))
        terminal.send(b"\x1b[Aor\xff\xc3\xbc\x7fd\r\x04")
        await place.until(lambda: place.node.snapshot().activities == 1)
    status, output, _ = await place.run("anonymous", "tail", "--since", "1", "--no-follow")
    assert status == 0 and output.rstrip().endswith("a word")


@pytest.mark.parametrize(("name", "told"), [("xterm-256color", True), ("tmux-256color", True), ("linux", False)])
async def test_a_terminal_is_told_where_a_link_leads_if_it_passes_over_what_it_does_not_know(place: Place, name, told):
    async with place.terminal("anonymous", environment={"TERM": name}) as terminal:
        await terminal.shows("you are anonymous")
        terminal.type("see https://example.org/wiki/\u00c9t\u00e9 today\r")
        await terminal.shows("today")
        assert (b";https://example.org/wiki/%C3%89t%C3%A9\x1b\\" in terminal.output) is told
        terminal.type("\x11")
        assert await terminal.status() == 0


async def test_the_title_says_what_is_new_and_is_given_back_at_the_end(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        await place.until(lambda: b"\x1b]2;anonymous on " in terminal.output)
        terminal.type("\x1b[O")
        await place.until(lambda: not place.apps()[0].app_focus)
        async with place.terminal("anonymous") as other:
            await other.shows("you are anonymous")
            other.type("while you were away\r")
            await place.until(lambda: b"\x1b]2;+1 \xc2\xb7 anonymous on " in terminal.output)
        terminal.type("\x1b[I")
        await place.until(lambda: terminal.output.rfind(b"\x1b]2;anonymous") > terminal.output.rfind(b"\x1b]2;+1"))
        terminal.type("\x1bOS")
        await place.until(lambda: place.apps()[0].main.current == "users")
        async with place.terminal("anonymous") as other:
            await other.shows("you are anonymous")
            other.type("behind another tab\r")
            await place.until(lambda: terminal.output.rfind(b"\x1b]2;+1") > terminal.output.rfind(b"\x1b]2;anonymous"))
        terminal.type("\x1bOQ")
        await place.until(lambda: terminal.output.rfind(b"\x1b]2;anonymous") > terminal.output.rfind(b"\x1b]2;+1"))
        terminal.type("\x11")
        assert await terminal.status() == 0
        assert b"\x1b[22;2t" in terminal.output
        assert terminal.output.rindex(b"\x1b[23;2t") > terminal.output.rindex(b"\x1b]2;\x1b\\")


async def test_the_desktop_is_told_of_a_mention_while_its_person_looks_elsewhere(place: Place):
    place.key("ann")
    await place.register("ann", "ann")
    async with place.terminal("ann", key="ann") as terminal, place.terminal("anonymous") as other:
        await terminal.shows("you are ann")
        await other.shows("you are anonymous")
        other.type("@ann before your eyes\r")
        await terminal.shows("before your eyes")
        assert b"\x1b]9;" not in terminal.output and b"\x1b]777;" not in terminal.output
        terminal.type("\x1b[O")
        await place.until(lambda: any(not app.app_focus for app in place.apps()))
        other.type("@ann behind your back\r")
        await place.until(lambda: b"\x1b]9;anonymous: @ann behind your back\x1b\\" in terminal.output)
