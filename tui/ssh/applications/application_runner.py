"""The application on a person's terminal, in this process."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from tui.script.exit_status import ExitStatus
from tui.ssh.applications.application_host import ApplicationHost, NodeAccess, RemoteTerminal
from tui.ssh.applications.ssh_driver import ChannelDriver
from tui.textual_workarounds import (
    eager_tasks,
    shared_style_codes,
    standard_streams,
    strip_cycles,
    unawaited_suggestions,
)

if TYPE_CHECKING:
    from textual.app import App

    from tui.ssh.applications.ssh_application import SSHApp

FAILED: Final = "The application failed here; that has been logged. The server goes on: come in again."


def prepare() -> None:
    """Make this process one in which several applications can run. Harmless when repeated."""
    # Not with the first person at the door: it takes a quarter of a second.
    importlib.import_module("tui.ssh.applications.ssh_application")
    for each in (standard_streams, eager_tasks, unawaited_suggestions, shared_style_codes, strip_cycles):
        each.install()


class ApplicationRunner(Protocol):
    """An application, wherever it runs, as the session sees it."""

    @property
    def unread(self) -> int:
        """Bytes of input that wait for the application."""
        ...

    async def run(self) -> int:
        """Run until it ends; the exit status. Raises ApplicationFailed."""
        ...

    def feed(self, data: bytes) -> None: ...
    def resized(self, width: int, height: int) -> None: ...
    def full(self) -> None:
        """The client takes no more for now."""
        ...

    def drained(self) -> None:
        """The client takes more again."""
        ...

    def leave(self, status: int) -> None:
        """Ask it to end."""
        ...

    def give_back(self) -> None:
        """Leave the terminal as it was; harmless when repeated. Nothing is written afterwards."""
        ...


class ApplicationFailed(Exception):
    """The application did not end by itself. Says so in a sentence for the person."""


class LocalRunner:
    """An application in this process."""

    def __init__(
        self,
        host: ApplicationHost,
        node_access: NodeAccess,
        terminal: RemoteTerminal,
        query: str,
        has_read: Callable[[], None],
    ) -> None:
        """`has_read` is called whenever some of the input has been read."""
        self._host = host
        self._node_access = node_access
        self._terminal = terminal
        self._query = query
        self._has_read = has_read
        self._app: SSHApp | None = None
        self._driver: ChannelDriver | None = None
        self._before = bytearray()
        self._left = False

    @property
    def unread(self) -> int:
        return len(self._before) + (self._driver.unread if self._driver is not None else 0)

    async def run(self) -> int:
        if "tui.ssh.applications.ssh_application" not in sys.modules:
            await asyncio.to_thread(prepare)
        from tui.ssh.applications.ssh_application import make_application

        app = self._app = make_application(self._host, self._node_access, self._terminal, self._query)

        def driver(app: App[Any], *, debug: bool, mouse: bool, size: tuple[int, int] | None) -> ChannelDriver:
            rate = self._host.settings.input_rate
            terminal, has_read = self._terminal, self._has_read
            made = ChannelDriver(app, terminal, mouse=mouse, size=terminal.size, rate=rate, has_read=has_read)
            self._driver = made
            if self._left:
                app.call_later(app.exit, int(ExitStatus.DONE))
            made.feed(bytes(self._before))
            self._before.clear()
            self._has_read()
            return made

        app.driver_class = driver  # type: ignore[assignment]
        try:
            if self._left:
                return ExitStatus.DONE
            status = await app.run_async(size=self._terminal.size)
        finally:
            app.release()
            await app.model.stop()
            self._app = None
        if app.failure:
            raise ApplicationFailed(FAILED)
        return ExitStatus.DONE if status is None else status

    def feed(self, data: bytes) -> None:
        if self._driver is not None:
            self._driver.feed(data)
        else:
            self._before += data

    def resized(self, width: int, height: int) -> None:
        if self._driver is not None:
            self._driver.resized(width, height)

    def full(self) -> None:
        if self._driver is not None:
            self._driver.channel_full()

    def drained(self) -> None:
        if self._driver is not None:
            self._driver.channel_drained()

    def leave(self, status: int) -> None:
        self._left = True
        if self._app is not None and self._app.is_running:
            self._app.call_later(self._app.exit, status)

    def give_back(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.stop_application_mode()
            driver.close()
