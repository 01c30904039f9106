"""Runs the application in this terminal: the node (if any) and the screen on one event loop, until both have ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from core.engine import Server
from core.wire import ANONYMOUS, registrable_problem
from tui.application.app import ActivityApp, Before
from tui.application.screen_supervisor import ScreenSupervisor, say
from tui.cli.command_client import find
from tui.cli.dumps import dumping
from tui.cli.encryption import client_context
from tui.cli.log_output import FILE_NAME, Log, LogFile
from tui.cli.options import JoinOptions, NodeOptions, PersonOptions, ServeOptions
from tui.cli.starting import serving_ssh, start_server
from tui.look.bell import BELL_POLICIES
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel
from tui.model.network_client import client_factory
from tui.model.network_faces import SignIn
from tui.model.visitors import Visitors
from tui.remembered import credentials, directories, look_settings
from tui.terminal.local import local_driver
from tui.terminal.tty import job_control_ignored, own_tty

LEAVE_LIMIT: Final = 15.0
"""Seconds in which a node has to have left; the engine's own limits are shorter."""


def first_identity(
    person: PersonOptions, remembered: credentials.Remembered | None, at: str | None = None
) -> SignIn | None:
    """Who to be at the start: what the settings say, else who it was the last time, else None: ask.

    `at` is where (`credentials.HERE` or `HOST:PORT`): a secret that was taken elsewhere is not told there unasked. A
    name without a secret is a new one to register, as the original's command line had it, unless it is remembered here
    or no network would register it.
    """
    name = person.username
    if name is None:
        if remembered is None:
            return None
        name = remembered.username
    if name == ANONYMOUS:
        return SignIn("anonymous")
    if person.secret is not None:
        return SignIn("login", name, person.secret)
    known = remembered.account(name, at) if remembered is not None and at is not None else None
    if known is not None and known.secrets:
        return SignIn("login", name, known.secrets[0], remember=True)
    if remembered is not None and remembered.username == name:
        # Files of earlier versions do not say where an account is.
        secret = remembered.secret if at is None or not remembered.accounts else None
        return SignIn("login", name, secret, remember=True) if secret is not None else None
    if remembered is not None and remembered.anywhere(name) is not None:
        return None
    return SignIn("register", name, remember=True) if registrable_problem(name) is None else None


def run(options: ServeOptions | JoinOptions) -> int:
    """Run until the person leaves; the exit status.

    Raises EngineError if the node cannot start, CommandFailed if the network cannot be joined.
    """
    report: list[str] = []
    with job_control_ignored():
        status = asyncio.run(_run(options, report))
    for line in report:
        say(line)
    return status


async def _run(options: ServeOptions | JoinOptions, report: list[str]) -> int:
    tls = await asyncio.to_thread(client_context, options.client_tls)
    if isinstance(options, JoinOptions):
        # Before anybody is asked who they are, and before a server of their own begins a network without the other.
        await find(options.address, tls, serves=options.node is not None)
    if options.node is None:
        return await _show(options, None, tls, report)
    async with AsyncExitStack() as stack:
        log = await _opened_log(options.node, stack)
        server = await start_server(options.node)
        try:
            await _log_from(server, log, options.node)
            async with dumping(server, options.node.shown), serving_ssh(server, options.node) as ssh:
                return await _show(options, server, tls, report, ssh, log)
        finally:
            await server.abort()
            _ignore_hang_ups()


async def _opened_log(options: NodeOptions, stack: AsyncExitStack) -> Log | None:
    """The log, if one was asked for. What stands in the data directory is written to once that is the server's."""
    if not options.log_wanted:
        return None
    log = Log(level=options.log_level)
    if options.log_file is not None:
        log.into_file(await asyncio.to_thread(LogFile, options.log_file))
    await stack.enter_async_context(log)
    log.listen()
    return log


async def _log_from(server: Server, log: Log | None, options: NodeOptions) -> None:
    if log is None:
        return
    if options.log_file is None:
        log.into_file(await asyncio.to_thread(LogFile, server.settings.data_dir / FILE_NAME))
    for notice in list(server.notices):
        log.note(notice)
    server.subscribe(log.note)


def _ignore_hang_ups() -> None:
    """Have a terminal that closes tell it a second time without ending what has left in order: with the event loop go
    its handlers."""
    if asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


async def _show(
    options: ServeOptions | JoinOptions,
    server: Server | None,
    tls: ssl.SSLContext | None,
    report: list[str],
    visitors: Visitors | None = None,
    log: Log | None = None,
) -> int:
    person_dir = server.settings.data_dir if server is not None else client_data_dir(options)
    remembered = await asyncio.to_thread(credentials.load, person_dir) if person_dir is not None else None
    chosen = (
        await asyncio.to_thread(look_settings.load, person_dir)
        if person_dir is not None
        else look_settings.LookSettings()
    )
    target = options.address if isinstance(options, JoinOptions) else None
    addresses = (server.advertised,) if server is not None else (target,) if target is not None else ()
    place = credentials.HERE if server is not None else str(target)
    model = ClientModel(client_factory(addresses, server=server, tls=tls), node=server, target=target, archive=server)
    model.visitors = visitors
    if server is not None:
        for notice in server.notices:
            model.noticed(notice)
        server.subscribe(model.noticed)

    async def leave() -> int:
        assert server is not None
        server.request_drain("the person at the application quits")
        try:
            async with asyncio.timeout(LEAVE_LIMIT):
                undone = await server.wait_closed()
        except TimeoutError:
            undone = ("the node did not finish leaving in time",)
        report.extend(f"left undone: {each}" for each in undone)
        return 0

    chosen_preferences = _preferences(options, chosen)
    apps: list[ActivityApp] = []

    def make_app(before: Before | None) -> ActivityApp:
        made = ActivityApp(
            model,
            first=first_identity(options.person, remembered, place),
            suggestion=options.person.username or (remembered.username if remembered is not None else ""),
            leave=leave if server is not None else None,
            person_dir=person_dir,
            remembered=remembered,
            preferences=chosen_preferences,
            before=before,
            # What an application consists of is there to stay, and as much as all else together: a full collection that
            # looked at it as well took 60 ms, in the middle of everything.
            has_shown=gc.freeze,
            driver_class=local_driver(tty, lambda: supervisor.want_leave("The terminal is gone.", insist=False)),
        )
        apps.append(made)
        return made

    def await_enter(pressed: Callable[[], None]) -> Callable[[], None]:
        tty.open(
            on_input=lambda data: pressed() if b"\n" in data else None,
            unread=lambda: 0,
            on_full=lambda: None,
            on_drained=lambda: None,
            on_gone=lambda: supervisor.want_leave("The terminal is gone.", insist=False),
        )
        return tty.close

    tty = own_tty()
    supervisor = ScreenSupervisor(
        make_app,
        directory=person_dir,
        leave=leave if server is not None else None,
        restore=tty.restore,
        await_enter=await_enter,
    )
    _log_to(model)
    if log is not None:
        log.listen()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A terminal that closes tells it twice: the kernel does, and the shell. Nobody insists by that.
        insist = number is not signal.SIGHUP
        words = f"{signal.Signals(number).name} was received."
        loop.add_signal_handler(number, functools.partial(supervisor.want_leave, words, insist=insist))
    watching = asyncio.create_task(_end_with(server, supervisor, report)) if server is not None else None
    try:
        return await supervisor.run()
    finally:
        for app in apps:
            report.extend(app.unconfirmed)
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        await model.stop()


async def _end_with(server: Server, supervisor: ScreenSupervisor, report: list[str]) -> None:
    """The application ends when its node has ended by itself."""
    undone = await server.wait_closed()
    if not supervisor.leaving:
        report.append("the server here has ended" + "".join(f"; {each}" for each in undone))
        supervisor.node_ended()


def client_data_dir(options: ServeOptions | JoinOptions) -> Path | None:
    """Where a person without a server is remembered; None where there is no place for that."""
    if isinstance(options, JoinOptions) and options.data_dir is not None:
        return options.data_dir
    directory = directories.data_dir()
    return directory / "client" if directory is not None else None


def _preferences(options: ServeOptions | JoinOptions, chosen: look_settings.LookSettings) -> Preferences:
    """What the settings say, else what was chosen the last time."""
    usual, node = Preferences(), options.node
    return Preferences(
        theme=options.person.theme or chosen.theme or usual.theme,
        bell=next((policy for policy in BELL_POLICIES if policy == chosen.bell), usual.bell),
        anonymous=node.anonymous if node is not None else True,
    )


class _IntoEvents(logging.Handler):
    """What is warned of, in whatever thread, stands among the events: the terminal belongs to the screen.

    Nothing that goes wrong here reaches the one that warns: it may be the thread that keeps what people write.
    """

    def __init__(self, model: ClientModel, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._model = model
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            text = record.getMessage().partition("\n")[0]
            self._loop.call_soon_threadsafe(self._model.fault, text)


def _log_to(model: ClientModel) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(_IntoEvents(model, asyncio.get_running_loop()))
    logging.raiseExceptions = False
