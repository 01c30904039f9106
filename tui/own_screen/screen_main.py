"""The screen's process: it has the terminal, and shows the node of another process to its operator.

`tui.own_screen.screen_child` starts it with two sockets. It is of the same process group as the node's process, so a
shell gives both the terminal, stops both and has both go on. It ends when the sockets close: when the node's process
dies, however it does, this one gives the terminal back and ends as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from tui.application.beginning import Before
from tui.application.screen_supervisor import FAILED
from tui.model.client_model import ClientModel
from tui.model.network_faces import ClientFace, SignIn
from tui.own_screen import screen_protocol
from tui.own_screen.node_stub import NodeStub
from tui.own_screen.terminal_screen import TerminalScreen
from tui.processes.child_process import ignore_dump_signals, ignore_job_signals, job_control_ignored
from tui.text.narration import say

if TYPE_CHECKING:
    from core.client import NetworkTrust

NICENESS: Final = 5
"""How much the node's process goes before: a frame can wait, others' activities should not."""
END_LIMIT: Final = 3.0
"""Seconds that the node's process has to take the last word."""
GONE: Final = "The server's process has ended, and the screen with it. What was accepted is on its disk."


class _ToNode(logging.Handler):
    """What is warned of here is logged by the node's process, which tells it to the screen with everything else."""

    def __init__(self, node: NodeStub, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._node = node
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            text = record.getMessage().partition("\n")[0]
            self._loop.call_soon_threadsafe(self._node.fault, text)


async def _main(control: socket.socket, homes: socket.socket) -> int:
    node = NodeStub(control, homes)
    root = logging.getLogger()
    root.handlers[:] = [_ToNode(node, asyncio.get_running_loop())]
    logging.raiseExceptions = False
    await node.open()
    plan = await node.plan
    if plan is None:
        return FAILED
    status, report = FAILED, []
    try:
        screen = _screen(node, plan)
        try:
            status = await screen.run()
        finally:
            report = screen.report
    finally:
        if not await node.tell_end(status, report, END_LIMIT):
            for line in report:
                say(line)
    return status


def _screen(node: NodeStub, plan: screen_protocol.ScreenPlan) -> TerminalScreen:
    trust: NetworkTrust | None = None

    def make_client(model: ClientModel, identity: SignIn) -> ClientFace:
        # The first frame is painted before a client is needed.
        from core.client import NetworkTrust
        from tui.model.network_client import client_factory

        nonlocal trust
        trust = NetworkTrust(node.network)
        return client_factory((node.advertised,), home=node.connect, trust=trust)(model, identity)

    def look() -> None:
        if trust is not None:
            # It may have been taken into another one.
            trust.fingerprint = node.network or trust.fingerprint
        screen.look()

    screen = TerminalScreen(
        make_client,
        plan.person,
        directory=Path(plan.data_dir),
        node=node,
        visitors=node if plan.ssh else None,
        anonymous=plan.anonymous,
        stops=False,
    )

    def begin(told: asyncio.Future[screen_protocol.NodeStarted]) -> None:
        started = told.result()
        for one in started.notices:
            screen.model.noticed(one.notice)
        if started.before:
            screen.model.fault(started.before)
        screen.begin(Before(words=started.before, is_new=True) if started.before else None)

    def gone() -> None:
        if node.started.done():
            screen.abandon()
            for line in (GONE, *screen.unconfirmed()):
                say(line)
            if again := node.started.result().again:
                say(f"`{again}` starts it again")
        os._exit(FAILED)

    node.started.add_done_callback(begin)

    node.on_notice = screen.model.noticed
    node.on_picture = look
    node.on_leave_wanted = screen.want_leave
    node.on_give_back = screen.give_back
    node.on_gone = gone
    return screen


def serve_screen(control: socket.socket, homes: socket.socket) -> NoReturn:
    """Wait for the order, show what it says, and end the process."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with job_control_ignored(), asyncio.Runner() as runner:
        status = runner.get_loop().run_until_complete(_main(control, homes))
        # Nobody is left to see anything: what still runs would only hold the end up.
        os._exit(status)


def main() -> None:
    """The arguments are the numbers of the two sockets."""
    ignore_job_signals()
    ignore_dump_signals()
    control, homes = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    serve_screen(control, homes)


if __name__ == "__main__":
    main()
