"""Another secret for an account, over SSH and for those who are in over SSH."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from tests.ssh.conftest import SECRET, Place, serving
from tests.ssh.terminal import TerminalCommand

SENTENCE = "The secret that you came in with was changed."
MADE = re.compile(r"\b[a-z2-7]{26}\b")


async def lets_in(place: Place, name: str, secret: str) -> bool:
    try:
        connection = await place.connect(name, password=secret, preferred_auth="password")
    except asyncssh.PermissionDenied:
        return False
    connection.close()
    await connection.wait_closed()
    return True


async def with_password(terminal: TerminalCommand, secret: str = SECRET) -> None:
    await terminal.shows("assword:")
    terminal.type(f"{secret}\r")


async def change(place: Place, name: str, secret: str, new: str) -> None:
    fact = place.node.account(name)
    assert fact is not None
    await place.node.change_secret(fact.claim, secret, new)


# --- the command ------------------------------------------------------------------------------------------------------


async def test_secrets_are_asked_for_on_a_terminal_where_nobody_sees_them(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", "passwd", key="grace", options=("-tt",)) as terminal:
        await terminal.shows("present secret: ")
        terminal.type(f"{SECRET}\r")
        await terminal.shows("new secret")
        terminal.type("hopper\x7f\x7fer\r")
        await terminal.shows("again")
        terminal.type("hopper\r")
        await terminal.shows("is changed")
        assert await terminal.status() == 0
        assert b"hop" not in terminal.output and SECRET.encode() not in terminal.output
    assert await lets_in(place, "grace", "hopper") and not await lets_in(place, "grace", SECRET)


async def test_a_secret_that_is_made_is_printed_and_the_person_is_told_to_note_it(place: Place):
    await place.register("grace", key="grace")
    status, output, errors = await place.run("grace", "passwd", key="grace", given=f"{SECRET}\n".encode())
    assert status == 0 and MADE.fullmatch(output.strip()), errors
    assert "kept nowhere here" in errors and output.strip() not in errors
    assert await lets_in(place, "grace", output.strip()) and not await lets_in(place, "grace", SECRET)


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (b"guess\nnew\n", 4, "not right"),
        (b"", 2, "present secret is needed"),
        (b"\xff\xfe\nnew\n", 2, "UTF-8"),
        (f"{SECRET}\n{'x' * 2000}\n".encode(), 2, "at most 1024"),
        (f"{SECRET}\n{SECRET}\n".encode(), 4, "the present one"),
    ],
)
async def test_what_is_wrong_is_said_and_changes_nothing(place: Place, given: bytes, status: int, words: str):
    await place.register("grace", key="grace")
    ended = await place.run("grace", "passwd", key="grace", given=given)
    assert ended[0] == status and words in ended[2] and not ended[1], ended
    assert await lets_in(place, "grace", SECRET)


async def test_a_secret_on_the_command_line_is_refused_and_anonymous_people_have_none(place: Place):
    await place.register("grace", key="grace")
    status, _, errors = await place.run("grace", "passwd", "new", key="grace")
    assert status == 2 and "on its line" in errors
    status, _, errors = await place.run("anonymous", "passwd")
    assert status == 4 and "belong to accounts" in errors


async def test_whoever_changes_the_secret_that_they_came_in_with_hears_that_it_is_done(place: Place):
    await place.register("grace")
    async with place.terminal("grace", "passwd", options=("-tt",)) as terminal:
        await with_password(terminal)
        await terminal.shows("present secret: ")
        terminal.type(f"{SECRET}\r")
        await terminal.shows("new secret")
        terminal.type("\r")
        await terminal.shows("note it")
        assert await terminal.status() == 0
        assert SENTENCE.encode() not in terminal.output


# --- who is in --------------------------------------------------------------------------------------------------------


async def test_those_who_came_in_with_the_secret_before_leave_and_those_with_a_key_stay(place: Place):
    await place.register("grace", key="grace")
    await place.register("alan", key="alan")
    async with (
        place.terminal("grace") as thief,
        place.terminal("grace", key="grace") as grace,
        place.terminal("alan", key="alan") as bystander,
    ):
        await with_password(thief)
        for terminal in (thief, grace):
            await terminal.shows("you are grace")
        await bystander.shows("you are alan")
        await change(place, "grace", SECRET, "new")
        await thief.shows(SENTENCE)
        assert await thief.status() == 0
        grace.type("still here\r")
        await bystander.shows("still here")
    assert any("the secret was changed" in notice.text for notice in place.node.notices)


async def test_a_secret_that_is_changed_at_another_server_ends_the_sessions_here(tmp_path: Path):
    async with serving(tmp_path) as place, serving(tmp_path, "bob", place.node.advertised) as other:
        await place.register("grace")
        await place.until(lambda: other.node.account("grace") is not None)
        async with other.terminal("grace") as thief:
            await with_password(thief)
            await thief.shows("you are grace")
            await change(place, "grace", SECRET, "new")
            await thief.shows(SENTENCE)
            assert await thief.status() == 0
        assert await lets_in(other, "grace", "new") and not await lets_in(other, "grace", SECRET)


# --- in the application -----------------------------------------------------------------------------------------------


async def made_in(terminal: TerminalCommand) -> str:
    await terminal.shows("was made for you")
    await terminal.shows("kept on this side")
    return str(MADE.findall(terminal.text)[-1])


async def changes_in_the_application(terminal: TerminalCommand, present: Callable[[], str]) -> str:
    terminal.type("/passwd\r")
    await terminal.shows("Change my secret")
    if present():
        terminal.type(f"{present()}\r")
    terminal.type("\r\r")
    return await noted(terminal)


async def noted(terminal: TerminalCommand) -> str:
    """Wait for a secret that is made, and say that one has it; which one."""
    secret = await made_in(terminal)
    # Keys that come before anybody can have read it are dropped.
    async with asyncio.timeout(10):
        while "Copied." not in terminal.text:
            terminal.type("y")
            await asyncio.sleep(0.05)
    terminal.type("\t\r")
    await terminal.shows("Good that you have noted")
    return secret


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
async def test_whoever_changes_it_in_the_application_stays_there(tmp_path: Path, workers: int):
    async with serving(tmp_path, workers=workers) as place:
        await place.register("grace")
        async with place.terminal("grace", size=(100, 30)) as terminal:
            await with_password(terminal)
            await terminal.shows("you are grace")
            secret = await changes_in_the_application(terminal, lambda: SECRET)
            terminal.type("still here\r")
            await terminal.shows("still here")
        assert await lets_in(place, "grace", secret) and not await lets_in(place, "grace", SECRET)


@pytest.mark.slow
async def test_a_newcomer_changes_the_secret_that_was_made_a_moment_before(place: Place):
    async with place.terminal("grace", size=(100, 30)) as terminal:
        await with_password(terminal, "")
        await terminal.shows("Register and come in")
        terminal.type("\r\r")
        await terminal.shows("you are grace")
        (app,) = place.apps()
        first = await noted(terminal)
        # What was said of the first would be taken for what is said of the second.
        await place.until(lambda: not app._notifications, 20)
        terminal.forget()
        second = await changes_in_the_application(terminal, lambda: "")
        terminal.type("still here\r")
        await terminal.shows("still here")
    assert first != second
    assert await lets_in(place, "grace", second) and not await lets_in(place, "grace", first)
