"""Many applications in one process: what one does, or fails at, concerns no other and not the server itself."""

from __future__ import annotations

import asyncio
import io
import signal
import stat
import sys
import weakref
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from textual._context import active_app

from tests.ssh.conftest import Place, serving
from tui.application import fault_report
from tui.ssh.applications.ssh_application import SSHApp
from tui.terminal.modes import RESTORE

SIZE = (80, 24)


async def open_session(place: Place, conn):
    """The application in a session of the asyncssh client; its process, when the first frame has come."""
    process = await conn.create_process(term_type="xterm-256color", term_size=SIZE, encoding=None)
    seen = b""
    async with asyncio.timeout(10):
        while b"anonymous" not in seen:
            seen += await process.stdout.read(65536)
    return process


async def test_standard_output_is_the_server_s_whatever_the_order_in_which_sessions_end(place: Place):
    before = sys.stdout, sys.stderr
    conn = await place.connect("anonymous")
    first, second = await open_session(place, conn), await open_session(place, conn)
    assert (sys.stdout, sys.stderr) == before
    for process in (first, second):
        process.stdin.write(b"\x11")
        await process.wait()
        assert (sys.stdout, sys.stderr) == before
    conn.close()


async def test_the_event_loop_starts_tasks_as_before_whatever_python_can_do(place: Place, monkeypatch):
    """From Python 3.12 on Textual would have every task of the process begin inside whoever creates it."""

    def eager(loop: asyncio.AbstractEventLoop, coro, **options):
        return asyncio.Task(coro, loop=loop, **options)

    monkeypatch.setattr(asyncio, "eager_task_factory", eager, raising=False)
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        assert asyncio.get_running_loop().get_task_factory() is None


async def test_each_application_is_painted_in_its_own_context(place: Place, monkeypatch):
    painted: list[tuple[SSHApp, object]] = []
    original = SSHApp.frame_steps

    def watched(app: SSHApp) -> Iterator[None]:
        painted.append((app, active_app.get()))
        for _ in original(app):
            painted.append((app, active_app.get()))
            yield
        painted.append((app, active_app.get()))

    monkeypatch.setattr(SSHApp, "frame_steps", watched)
    conn = await place.connect("anonymous")
    first, second = await open_session(place, conn), await open_session(place, conn)
    painted.clear()
    first.stdin.write(b"from the first\r")
    await place.until(lambda: {app for app, _ in painted} == set(place.apps()))
    assert all(app is context for app, context in painted)
    for app in place.apps():
        assert app.main.app is app
    for process in (first, second):
        process.close()
    conn.close()


async def test_sessions_that_have_ended_leave_no_application_alive(tmp_path: Path):
    """The parser of keys is remembered for ever by a cache in Textual; it must not hold the application too."""
    async with serving(tmp_path, collect_after=0.2) as place:
        conn = await place.connect("anonymous")
        seen: list[weakref.ref[SSHApp]] = []
        for number in range(6):
            process = await open_session(place, conn)
            seen += [weakref.ref(app) for app in place.apps()]
            process.stdin.write(b"x\x1b[<35;4;5M\x1b[97;5u\x1b")
            if number % 2:
                process.stdin.write(b"\x15\x11")
                await process.wait()
            else:
                process.close()
                await process.wait_closed()
        await place.until(lambda: not place.ssh.sessions())
        conn.close()
        await conn.wait_closed()
        del process, conn
        assert len(seen) >= 6
        await place.until(lambda: not any(each() for each in seen), limit=25)


async def test_an_application_that_crashes_ends_its_own_session_only(place: Place, capfd, caplog):
    async with place.terminal("anonymous") as bystander:
        await bystander.shows("you are anonymous")
        async with place.terminal("anonymous") as terminal:
            await terminal.shows("you are anonymous")

            def crash() -> None:
                raise RuntimeError("the secret value")

            app = place.apps()[-1]
            app.call_later(crash)
            await terminal.shows("The application failed here")
            assert await terminal.status() == 1
            assert RESTORE.encode() in terminal.output
            assert "Traceback" not in terminal.text and "secret value" not in terminal.text
        bystander.type("still here\r")
        await bystander.shows("still here")
    await place.until(lambda: "a report is in" in caplog.text)
    [report] = (place.ssh.settings.data_dir / fault_report.FOLDER).iterdir()
    assert str(report) in caplog.text and "Traceback" not in caplog.text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600 and "RuntimeError" in report.read_text()
    output, errors = capfd.readouterr()
    assert "Traceback" not in output + errors and "secret value" not in output + errors


async def test_nothing_is_opened_saved_or_suspended_on_the_server(place: Place, monkeypatch, tmp_path):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url, **_: opened.append(url))
    monkeypatch.chdir(tmp_path)
    files = set(tmp_path.rglob("*"))
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        [app] = place.apps()
        app.call_later(app.open_url, "https://example.org/")
        await terminal.shows("Open this link yourself")
        app.call_later(app.deliver_text, io.StringIO("text"), save_filename="delivered.txt")
        await terminal.shows("Files cannot be saved over SSH")
        assert app._driver is not None and not app._driver.can_suspend
    assert opened == []
    assert not list(tmp_path.rglob("delivered*"))
    assert not [file for file in set(tmp_path.rglob("*")) - files if file.suffix == ".log"]


async def test_a_session_touches_no_signal_handler(place: Place):
    numbers = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    async with place.terminal("anonymous") as terminal:
        await terminal.shows("you are anonymous")
        assert [signal.getsignal(number) for number in numbers] == before
        terminal.type("\x11")
        await terminal.status()
    assert [signal.getsignal(number) for number in numbers] == before


async def test_where_others_come_from_and_fail_is_told_to_the_operator_alone(place: Place):
    await place.register("grace", key="grace")
    async with place.terminal("grace", key="grace"), place.terminal("anonymous", size=(150, 45)) as terminal:
        await terminal.shows("you are anonymous")
        await place.run("grace", "help", key="mallory")
        await place.until(lambda: any("as grace failed" in notice.text for notice in place.node.notices))
        await place.until(lambda: len(place.apps()) == 2)
        app = place.apps()[1]
        await place.until(lambda: any("grace logged in" in notice.text for notice in app.model.notices))
        assert not [notice for notice in app.model.notices if "127.0.0.1" in notice.text or "failed" in notice.text]
        await place.until(lambda: app.model.snapshot is not None)
        assert app.model.snapshot is not None and app.model.snapshot.connections == ()
