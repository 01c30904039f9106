"""The OpenSSH client in a real terminal emulator: what is on the screen, and what is left behind."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.processes.harness import NodeProcess
from tests.ssh.conftest import SECRET, Place
from tests.ssh.tmux import AS_IT_WAS, Tmux


async def test_a_person_comes_in_writes_pastes_resizes_and_leaves(place: Place):
    await place.register("grace")
    async with Tmux(place.directory) as tmux:
        assert await tmux.modes() == AS_IT_WAS
        await tmux.enter([*place.command("grace")])
        await tmux.shows("assword:")
        await tmux.enter(SECRET)
        await tmux.shows("you are grace")
        modes = await tmux.modes()
        assert (modes["alternate_on"], modes["mouse_any_flag"]) == ("1", "1")
        await tmux.types("written by hand")
        await tmux.keys("Enter")
        await tmux.shows("grace        written by hand")
        await tmux.paste("two\nlines")
        screen = await tmux.until(lambda screen: re.search(r"two *\n *lines", screen) is not None, "both lines")
        assert (
            place.node.snapshot().activities == 1 and "\N{BOX DRAWINGS LIGHT HORIZONTAL} F3 Connections" not in screen
        )
        await tmux.resize(150, 45)
        await tmux.shows("\N{BOX DRAWINGS LIGHT HORIZONTAL} F3 Connections")
        await tmux.resize(60, 20)
        await tmux.hides("\N{BOX DRAWINGS LIGHT HORIZONTAL} F3 Connections")
        await tmux.keys("C-u", "C-q")
        await tmux.prompts()
        await tmux.enter("echo status $?")
        screen = await tmux.shows("status 0")
        assert "written by hand" not in screen
        assert await tmux.modes() == AS_IT_WAS


async def test_the_terminals_own_cursor_is_at_what_one_reads_or_chooses(place: Place):
    """Screen readers, braille displays and magnifiers follow it, though it is hidden."""
    for words in ("the first line", "the second line"):
        assert (await place.run("anonymous", "post", words))[0] == 0
    async with Tmux(place.directory, size=(80, 24)) as tmux:
        await tmux.enter(place.command("anonymous"))
        await tmux.shows("the second line")
        await tmux.keys("Escape", "Up")
        await tmux.cursor_at("the second line")
        await tmux.keys("Up")
        await tmux.cursor_at("the first line")
        await tmux.keys("F4")
        await tmux.cursor_at("anonymous")
        await tmux.keys("F8")
        await tmux.shows("How others join")
        await tmux.keys("Escape")
        await tmux.cursor_at("anonymous")
        await tmux.keys("C-q")
        await tmux.prompts()


async def test_a_link_leads_into_the_filtered_feed(place: Place):
    for words in ("a new release, #ops please look", "lunch?"):
        assert (await place.run("anonymous", "post", words))[0] == 0
    async with Tmux(place.directory) as tmux:
        command = shlex.join(place.command("anonymous", options=("-t",)))
        await tmux.enter(f"{command} feed '#ops'")
        screen = await tmux.shows("#ops please look")
        assert "lunch?" not in screen
        await tmux.keys("C-q")
        await tmux.prompts()


async def test_a_crash_gives_the_terminal_back_with_one_line(place: Place):
    async with Tmux(place.directory) as tmux:
        await tmux.enter(place.command("anonymous"))
        await tmux.shows("you are anonymous")

        def crash() -> None:
            raise RuntimeError("a fault in a test")

        [app] = place.apps()
        app.call_later(crash)
        screen = await tmux.shows("The application failed here")
        assert "Traceback" not in screen
        await tmux.prompts()
        await tmux.enter("echo status $?")
        await tmux.shows("status 1")
        assert await tmux.modes() == AS_IT_WAS


@pytest.fixture
async def process(tmp_path: Path):
    node = NodeProcess(tmp_path / "node", options=("--ssh", "127.0.0.1:0", "--preset", "local"))
    await node.start()
    yield node
    await node.kill()


async def ssh_command(node: NodeProcess, directory: Path, *words: str) -> str:
    async with asyncio.timeout(20):
        while (found := re.search(r"SSH at 127\.0\.0\.1:(\d+)", node.stderr)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    options = f"-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile={directory / 'hosts'} -o LogLevel=ERROR"
    return f"ssh {options} -p {found[1]} anonymous@127.0.0.1 {' '.join(words)}".rstrip()


async def test_a_server_that_is_told_to_end_gives_the_terminal_back(process: NodeProcess, tmp_path: Path):
    async with Tmux(tmp_path) as tmux:
        await tmux.enter(await ssh_command(process, tmp_path))
        await tmux.shows("you are anonymous")
        process.terminate()
        await tmux.shows("activity-tui: This server has left the network.")
        await tmux.prompts()
        await tmux.enter("echo status $?")
        await tmux.shows("status 0")
        assert await tmux.modes() == AS_IT_WAS
    assert await process.wait() == 0


async def test_after_a_server_that_is_killed_the_shell_works_and_one_command_gives_the_terminal_back(
    process: NodeProcess, tmp_path: Path
):
    """Nobody is left to send anything: only the person can do it."""
    async with Tmux(tmp_path) as tmux:
        await tmux.enter(f"{await ssh_command(process, tmp_path)} || (tput rmcup; reset)")
        await tmux.shows("you are anonymous")
        process.kill9()
        await tmux.until(lambda screen: screen.strip() == "ready>", "nothing but a prompt")
        await tmux.enter("echo the shell goes on")
        await tmux.shows("the shell goes on")
        assert await tmux.modes() == AS_IT_WAS


async def test_a_suspended_ssh_client_that_comes_back_shows_the_whole_screen(place: Place):
    await place.run("anonymous", "post", "words to be seen again")
    async with Tmux(place.directory, size=(80, 24)) as tmux:
        await tmux.enter("set -m")
        await tmux.enter([*place.command("anonymous")])
        await tmux.shows("words to be seen again")
        # The escape character counts at the beginning of a line only.
        await tmux.keys("Enter")
        await tmux.types("~")
        await tmux.keys("C-z")
        await tmux.shows("ready>")
        await tmux.enter("clear; echo something else")
        await tmux.until(lambda screen: "something else" in screen and "seen again" not in screen, "the shell")
        await tmux.enter("fg")
        screen = await tmux.shows("words to be seen again")
        assert "something else" not in screen and "you are anonymous" in screen
