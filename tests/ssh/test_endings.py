"""However a session ends, the terminal is given back, with a line that says why."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Any

from tests.ssh.conftest import Place, serving, start_node
from tui.terminal.modes import RESTORE


async def test_a_server_that_quits_names_the_server_that_goes_on(tmp_path):
    async with serving(tmp_path) as place, AsyncExitStack() as stack:
        await place.register("grace", key="grace")
        other = await start_node(tmp_path, "bob", place.node.advertised)
        stack.push_async_callback(other.abort)
        await place.until(lambda: any(server.name == "bob" for server in place.node.snapshot().servers))
        terminal = await stack.enter_async_context(place.terminal("grace", key="grace"))
        await terminal.shows("you are grace")
        place.node.request_drain("the operator goes home")
        await terminal.shows("This server has left the network.")
        closing = asyncio.create_task(place.ssh.close("the server here has ended"))
        assert await terminal.status() == 0
        await closing
        assert f"Go on with `activity-tui join {other.advertised}`." in terminal.text
        assert RESTORE.encode() in terminal.output


async def test_a_server_that_quits_tells_the_port_at_which_its_successor_serves_ssh(tmp_path):
    async with serving(tmp_path) as place, serving(tmp_path, "bob", place.node.advertised) as other:
        await place.register("grace", key="grace")
        await place.until(lambda: other.port in [server.ssh for server in place.node.snapshot().servers])
        async with place.terminal("grace", key="grace") as terminal:
            await terminal.shows("you are grace")
            tail = asyncio.create_task(place.run("grace", "tail", key="grace"))
            await place.until(lambda: place.node.snapshot().load == 2)
            place.node.request_drain("the operator goes home")
            await terminal.shows("This server has left the network.")
            assert await terminal.status() == 0
            way = f"ssh -p {other.port} grace@127.0.0.1"
            where = f"Go on with `{way}`."
            assert where in terminal.text
            status, _, errors = await tail
            assert status == 3 and where in errors
        assert (await other.run("grace", "keys", key="grace"))[0] == 0


async def test_the_end_of_the_service_gives_every_terminal_back(place: Place):
    async with place.terminal("anonymous") as one, place.terminal("newcomer", key="newcomer") as other:
        await one.shows("you are anonymous")
        await other.shows("Register and come in")
        await place.ssh.close("This server ends now.")
        for terminal in (one, other):
            assert await terminal.status() == 0
            assert "activity-tui: This server ends now." in terminal.text
            assert terminal.output.count(RESTORE.encode()) == 1


async def test_a_command_that_runs_when_the_server_ends_says_so(place: Place):
    running = asyncio.create_task(place.run("anonymous", "tail"))
    await place.until(lambda: bool(place.ssh.sessions()))
    await place.until(lambda: any(user.servers for user in place.node.snapshot().users))
    await place.ssh.close("This server ends now.")
    status, _, errors = await running
    assert status != 0 and "This server ends now." in errors


async def test_a_client_that_is_killed_leaves_nothing_behind(place: Place):
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.process.kill()
        await place.until(lambda: not place.ssh.sessions() and not place.ssh._connections)
    await place.until(lambda: place.node.snapshot().connections == ())


async def test_a_client_that_stops_reading_is_not_painted_for_and_then_repainted_once(place: Place):
    async with place.terminal("anonymous", size=(160, 45)) as stopped, place.terminal("anonymous") as reader:
        await stopped.shows("you are anonymous")
        await reader.shows("you are anonymous")
        [session] = [each for each in place.ssh._sessions.values() if each.size == (160, 45)]
        chan = session._chan
        assert chan is not None
        stopped.process.send_signal(signal.SIGSTOP)

        transport: Any = getattr(session._connection._conn, "_transport")  # noqa: B009
        held, was_full, number = 0, 0, 0
        async with asyncio.timeout(40):
            # Its system takes some megabytes before the connection stands still.
            while was_full < 100:
                number += 1
                session.terminal_size_changed(300, 90 + number % 2, 0, 0)
                await asyncio.sleep(0.005)
                held = max(held, transport.get_write_buffer_size() + chan.get_write_buffer_size())
                was_full += bool(session._full)
        assert held < 1_000_000
        session.terminal_size_changed(160, 45, 0, 0)
        reader.type("the others go on\r")
        await reader.shows("the others go on")
        stopped.forget()
        stopped.process.send_signal(signal.SIGCONT)
        await stopped.shows("the others go on", limit=60)


async def test_the_operator_ends_a_session(place: Place):
    async with place.terminal("anonymous", size=(100, 30)) as terminal:
        await terminal.shows("you are anonymous")
        [view] = place.ssh.sessions()
        assert (view.user, view.address, view.size) == ("anonymous", "127.0.0.1", (100, 30))
        assert view.terminal == "xterm-256color" and "OpenSSH" in view.client
        assert view.bytes_out > 1000
        assert place.ssh.end(view.number, "The operator of this server has ended your session.")
        await terminal.shows("The operator of this server has ended your session.")
        assert await terminal.status() == 0
        assert not place.ssh.end(view.number, "again")


async def test_a_session_in_which_nothing_is_typed_ends_when_that_is_the_rule(tmp_path):
    async with serving(tmp_path, idle_limit=1.0) as place, place.terminal("anonymous") as terminal:
        await terminal.shows("Nothing was typed for 1 seconds.")
        assert await terminal.status() == 0


async def test_a_client_that_hears_of_the_end_late_still_gets_its_terminal_back(tmp_path):
    """OpenSSH does not show what it has not shown yet when it is told of a disconnection: it is not told of one."""
    async with serving(tmp_path, leave_limit=0.3) as place, place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        terminal.process.send_signal(signal.SIGSTOP)
        await place.ssh.close("This server ends now.")
        await place.until(lambda: not place.ssh._connections)
        terminal.process.send_signal(signal.SIGCONT)
        await terminal.shows("activity-tui: This server ends now.")
        assert await terminal.status() == 0
        assert RESTORE.encode() in terminal.output


async def test_who_leaves_by_themselves_is_told_what_goes_on_and_how_they_come_back_over_ssh(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", key="grace") as terminal:
        await terminal.shows("you are grace")
        terminal.type("\x11")
        assert await terminal.status() == 0
        told = terminal.text.rpartition("palette")[2]
        assert f"where 1 server went on; `ssh -p {place.port} grace@127.0.0.1` comes back." in told
        assert RESTORE.encode() in terminal.output.partition(b"comes back")[0]
