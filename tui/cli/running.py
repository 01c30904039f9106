"""Runs the application in this terminal until it has ended: a client's in this process, a node's beside it.

With a node, its event loop never paints: the screen is in a process of its own (`tui.own_screen`). A client serves
nobody else, so its screen is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import shlex
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from core.engine import Server
from core.wire import DEFAULT_PORT
from tui.cli.chosen_settings import default_data_dir
from tui.cli.command_client import find, meet
from tui.cli.dumps import dumping
from tui.cli.log_output import FILE_NAME, Log, LogFile
from tui.cli.options import JoinOptions, NodeOptions, ServeOptions
from tui.cli.planning import screen_plan
from tui.cli.starting import serving_ssh, start_server
from tui.cli.trusting import TrustChoice
from tui.model.visitors import Visitors
from tui.own_screen import screen_child, screen_protocol
from tui.own_screen.screen_keeper import ScreenKeeper
from tui.own_screen.screen_process import operator_picture
from tui.processes.child_process import job_control_ignored
from tui.processes.node_picture import NodeNotice
from tui.remembered import directories
from tui.script.exit_status import ExitStatus
from tui.text.narration import heard_by_somebody, say

WantLeave = Callable[..., None]


def run(options: ServeOptions | JoinOptions) -> int:
    """Run until the person leaves; the exit status.

    Raises EngineError if the node cannot start, CommandFailed if the network cannot be joined.
    """
    report: list[str] = []
    again = [*options.again]
    with job_control_ignored():
        status = asyncio.run(_run(options, report, again))
    for line in report:
        say(line)
    if status in (ExitStatus.DONE, ExitStatus.INTERRUPTED) and heard_by_somebody():
        say(f"`{shlex.join(again)}` comes back")
    return status


async def _run(options: ServeOptions | JoinOptions, report: list[str], again: list[str]) -> int:
    """`again`: the command that comes back, to which the port is added that a server here has."""
    if isinstance(options, JoinOptions):
        # Before anybody is asked who they are, and before a server of their own begins a network without the other.
        if options.node is None:
            assert options.trust is not None
            await meet(options.address, options.trust.network)
            return await _show_network(options, options.trust, report)
        await find(options.address, serves=True)
    assert options.node is not None
    async with AsyncExitStack() as stack:
        log = await _opened_log(options.node, stack)
        server = await start_server(options.node)
        port = server.address.port
        if port != DEFAULT_PORT:
            again += ["--port", str(port)]
        if options.node.data_dir is None and server.settings.data_dir != default_data_dir(port):
            again += ["--data-dir", str(server.settings.data_dir)]
        try:
            await _log_from(server, log, options.node)
            async with dumping(server, options.node.shown), serving_ssh(server, options.node) as ssh:
                return await _show_node(options, options.node, server, report, again, ssh, log)
        finally:
            await server.abort()
            _ignore_hang_ups()


async def _opened_log(options: NodeOptions, stack: AsyncExitStack) -> Log | None:
    """The log, if one was asked for. What stands in the data directory is written to once that is the server's."""
    if not options.log_wanted:
        return None
    log = Log(level=options.log_level, form=options.log_format)
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


async def _show_node(
    options: ServeOptions | JoinOptions,
    node: NodeOptions,
    server: Server,
    report: list[str],
    again: list[str],
    visitors: Visitors | None,
    log: Log | None,
) -> int:
    """Show a node to its operator."""
    plan = screen_plan(options.person, node, server.settings.data_dir)

    def tell_of_node(before: str) -> screen_protocol.NodeStarted:
        return screen_protocol.NodeStarted(
            address=(server.address.host, server.address.port),
            notices=[NodeNotice(notice) for notice in server.told_so_far],
            picture=operator_picture(server, visitors),
            before=before,
            again=shlex.join(again),
        )

    keeper = ScreenKeeper(server, visitors, plan, tell_of_node)
    _log_to(keeper.fault)
    if log is not None:
        log.listen()
    _leave_on_signals(keeper.want_leave)
    try:
        return await keeper.run(screen_child.take())
    finally:
        report.extend(keeper.report)


async def _show_network(options: JoinOptions, trust: TrustChoice, report: list[str]) -> int:
    """Show a network to somebody who has no node in it."""
    # It takes Textual, which nobody else has to pay for.
    from tui.model.network_client import client_factory
    from tui.own_screen.terminal_screen import TerminalScreen

    screen = TerminalScreen(
        client_factory((options.address,), home=None, trust=trust.network),
        options.person,
        directory=client_data_dir(options),
        target=options.address,
        network=trust.network.fingerprint if trust.network is not None else "",
        network_is_new=trust.is_new,
    )
    _log_to(screen.model.fault)
    _leave_on_signals(screen.want_leave)
    screen.begin()
    try:
        return await screen.run()
    finally:
        report.extend(screen.report)


def _leave_on_signals(want_leave: WantLeave) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A terminal that closes tells it twice: the kernel does, and the shell. Nobody insists by that.
        insist = number is not signal.SIGHUP
        words = f"{signal.Signals(number).name} was received."
        loop.add_signal_handler(number, functools.partial(want_leave, words, insist=insist))


def client_data_dir(options: JoinOptions) -> Path | None:
    """Where a person without a server is remembered; None where there is no place for that."""
    if options.data_dir is not None:
        return options.data_dir
    directory = directories.data_dir()
    return directory / "client" if directory is not None else None


class _IntoEvents(logging.Handler):
    """What is warned of, in whatever thread, stands among the events: the terminal belongs to the screen.

    Nothing that goes wrong here reaches the one that warns: it may be the thread that keeps what people write.
    """

    def __init__(self, fault: Callable[[str], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._fault = fault
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            text = record.getMessage().partition("\n")[0]
            self._loop.call_soon_threadsafe(self._fault, text)


def _log_to(fault: Callable[[str], None]) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(_IntoEvents(fault, asyncio.get_running_loop()))
    logging.raiseExceptions = False
