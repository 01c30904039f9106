"""A key that is taken away does not only open nothing any more: whoever came in with it leaves."""

from __future__ import annotations

import asyncio
import contextlib

import asyncssh
import pytest

from tests.ssh.conftest import SECRET, Place, serving
from tests.ssh.terminal import TerminalCommand
from tui.terminal.modes import RESTORE

SENTENCE = "The key that you came in with opens this account no longer."


async def with_two_keys(place: Place) -> None:
    """An account that two keys open: the lost one, and another."""
    await place.register("grace", key="lost")
    public = place.key("other").with_suffix(".pub").read_bytes()
    status, _, errors = await place.run("grace", "keys", "add", "-", key="lost", given=public)
    assert status == 0, errors


async def is_sent_away(terminal: TerminalCommand) -> None:
    await terminal.shows(SENTENCE)
    assert await terminal.status() == 0
    assert RESTORE.encode() in terminal.output


async def test_the_sessions_of_a_key_that_is_removed_end_and_those_of_others_go_on(place: Place):
    await with_two_keys(place)
    async with (
        place.terminal("grace", key="lost") as thief,
        place.terminal("grace", key="other") as grace,
        place.terminal("anonymous") as bystander,
    ):
        for terminal in (thief, grace):
            await terminal.shows("you are grace")
        await bystander.shows("you are anonymous")
        assert (await place.run("grace", "keys", "remove", "lost", key="other"))[0] == 0
        await is_sent_away(thief)
        grace.type("still here\r")
        await bystander.shows("still here")
    assert any("its key was removed" in notice.text for notice in place.node.notices)


async def test_a_key_that_is_removed_at_another_server_ends_the_sessions_here(tmp_path):
    async with serving(tmp_path) as place, serving(tmp_path, "bob", place.node.advertised) as other:
        await with_two_keys(place)
        await place.until(lambda: other.keys("grace") == ["lost", "other"])
        async with other.terminal("grace", key="lost") as thief:
            await thief.shows("you are grace")
            assert (await place.run("grace", "keys", "remove", "lost", key="other"))[0] == 0
            await is_sent_away(thief)


async def test_a_session_in_a_worker_ends_with_its_key(tmp_path):
    async with serving(tmp_path, workers=1) as place:
        await with_two_keys(place)
        async with place.terminal("grace", key="lost") as thief:
            await thief.shows("you are grace")
            assert (await place.run("grace", "keys", "remove", "lost", key="other"))[0] == 0
            await is_sent_away(thief)


async def test_whoever_removes_the_key_they_came_in_with_is_told_that_it_is_done(place: Place):
    await place.register("grace", key="lost")
    status, output, errors = await place.run("grace", "keys", "remove", "1", key="lost")
    assert (status, errors) == (0, "") and output.startswith("removed SHA256:")


async def test_commands_that_still_run_end_with_the_key_even_while_they_wait_for_input(place: Place):
    await with_two_keys(place)
    tail = asyncio.create_task(place.run("grace", "tail", key="lost"))
    async with await place.connect("grace", client_keys=[str(place.key("lost"))]) as conn:
        adding = await conn.create_process("keys add -", encoding=None)
        await place.until(lambda: len(place.ssh.sessions()) == 2)
        await place.until(lambda: place.node.snapshot().load == 1)
        assert (await place.run("grace", "keys", "remove", "lost", key="other"))[0] == 0
        with contextlib.suppress(OSError):
            adding.stdin.write(place.key("mallory").with_suffix(".pub").read_bytes())
        async with asyncio.timeout(10):
            await adding.wait_closed()
        with pytest.raises(asyncssh.Error):
            await conn.run("status")
    status, _, errors = await tail
    assert status != 0 and SENTENCE in errors
    assert place.keys("grace") == ["other"]


async def test_a_connection_on_which_nothing_runs_ends_with_its_key(place: Place):
    await with_two_keys(place)
    async with await place.connect("grace", client_keys=[str(place.key("lost"))]) as conn:
        assert (await place.run("grace", "keys", "remove", "lost", key="other"))[0] == 0
        async with asyncio.timeout(10):
            await conn.wait_closed()
    await place.until(lambda: not place.ssh._connections)


async def test_whoever_came_in_with_the_secret_goes_on(place: Place):
    await place.register("grace", key="lost")
    async with await place.connect("grace", password=SECRET) as conn:
        assert (await place.run("grace", "keys", "remove", "lost", key="lost"))[0] == 0
        result = await conn.run("keys")
        assert (result.exit_status, result.stdout) == (0, "")
