"""The Textual driver for the terminal of this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, Final

from textual.app import App
from textual.geometry import Size
from textual.messages import InBandWindowResize

from tui.terminal.charset import Charset
from tui.terminal.modes import KITTY_OFF, TELL_NO_SIZE, TELL_SIZE, TELLS_SIZE
from tui.terminal.terminal_driver import TerminalDriver
from tui.terminal.tty import AWAY_INTERVAL, Tty, paintable

RATE: Final = 2 * 1024 * 1024
"""Bytes a second that are read at most: a paste of megabytes leaves the node its turns."""


class LocalDriver(TerminalDriver):
    """Paints to, and reads from, the terminal here, and leaves it alone while this process is in the background."""

    def __init__(
        self,
        app: App[Any],
        tty: Tty,
        *,
        mouse: bool = True,
        on_gone: Callable[[], None],
        stops: bool = True,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        """`on_gone`: called once, when the terminal has ended. `stops`: SIGTSTP stops this process; False where it is
        another one that is told to stop, and says so (`give_back`). `held`: whether the terminal is left alone until
        `release`; asked when the driver is made, which is later than when somebody says that it will be.
        """
        super().__init__(app, tty, mouse=mouse, rate=RATE)
        self._tty = tty
        self._charset = Charset(tty.encoding)
        self._gone = on_gone
        self._told_size = False
        self._stops = stops
        self._held: list[str] | None = [] if held() else None
        self._looking: asyncio.TimerHandle | None = None
        self._handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGWINCH: self._changed_size,
            signal.SIGCONT: self._continued,
        }
        if stops:
            self._handlers[signal.SIGTSTP] = self._suspend

    def _encode(self, text: str) -> bytes:
        return self._charset.encode(text)

    def feed(self, data: bytes) -> None:
        super().feed(self._charset.to_utf8(data))

    @property
    def away(self) -> bool:
        """Whether the terminal is somebody else's for now."""
        return "away" in self._pauses

    def write(self, data: str) -> None:
        if self._held is not None:
            if not self._stopped:
                self._held.append(data)
            return
        if not self._stops and self._started and not self._stopped and not self.away and not self._tty.is_ours():
            # A shell has taken it: the process that it knows was stopped without being asked.
            self._go_away()
        super().write(data)

    # --- life ---------------------------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        for number, handler in self._handlers.items():
            self._loop.add_signal_handler(number, handler)
        if self._held is not None:
            self._started = True
            self._has_size(*self._tty.size)
        else:
            self._open()

    def release(self) -> None:
        """Have the terminal from here on."""
        held, self._held = self._held, None
        if held is not None and self._started and not self._stopped:
            self._open()
            self.write("".join(held))

    def _open(self) -> None:
        self._tty.open(
            on_input=self.feed,
            unread=lambda: self.unread,
            on_full=self.channel_full,
            on_drained=self.channel_drained,
            on_gone=self._ended,
        )
        if self._tty.is_ours():
            self._take()
        else:
            self._started = True
            self._go_away()
        super().start_application_mode()
        if self._tty.ended:
            self._loop.call_soon(self._ended)

    def _take(self) -> None:
        """Have the terminal for the application."""
        self._tty.raw()
        self._tty.taken = self._modes_off().encode()

    def stop_application_mode(self) -> None:
        if not self._stopped and (self.away or self._held is not None):
            # What there is to give back was given back, and somebody else has it.
            self.disable_input()
            self._stopped = True
        super().stop_application_mode()
        self._let_go()

    def _let_go(self) -> None:
        """Have the modes that were written last take effect, also on a terminal that takes nothing for now."""
        if not self._tty.finish() and self._tty.taken:
            self._tty.discard()
            self._tty.write(self._tty.taken)
            self._tty.finish()
        self._tty.taken = b""
        if self._tty.is_ours():
            self._tty.cooked()

    def close(self) -> None:
        super().close()
        for number in self._handlers:
            self._loop.remove_signal_handler(number)
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self._tty.close()

    def _ended(self) -> None:
        self.pause("gone")
        self._gone()

    # --- its size -----------------------------------------------------------------------------------------------------

    def _modes_on(self) -> str:
        return super()._modes_on() + TELLS_SIZE

    def _modes_off(self) -> str:
        return (TELL_NO_SIZE if self._told_size else "") + super()._modes_off()

    def _changed_size(self) -> None:
        # Also to the same as before: what came between has cut off, or moved, what was shown.
        if not self._stopped:
            self.resized(*self._tty.size)

    def _can_tell_its_size(self, answer: InBandWindowResize) -> None:
        if answer.supported and not self._told_size:
            self._told_size = True
            self.write(TELL_SIZE)

    def _claimed(self, size: Size) -> None:
        # What the system knows is right; what stands among the keys could be anybody's.
        width, height = self._tty.known_size or paintable(*size)
        if (width, height) != self._size:
            self.resized(width, height)

    # --- job control --------------------------------------------------------------------------------------------------

    def _suspend(self) -> None:
        """Somebody wants this process to stop: the terminal is given back before."""
        self.give_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continued(self) -> None:
        """This process was stopped, and goes on: in the foreground, or in the background."""
        if self._stopped:
            return
        if self._tty.is_ours():
            self._come_back()
        else:
            # Whether it was given back before or not: from now on it can become ours without another word.
            self._go_away()

    def give_back(self) -> None:
        """Leave the terminal as it was found, until this process is told to continue."""
        if self.away or self._stopped or not self._started:
            return
        self.write(self._modes_off())
        self.flush()
        self._let_go()
        if self._stops:
            self._go_away()
        else:
            # Not before this process is told: without a shell that takes it the terminal is never anybody else's.
            self.pause("away")

    def take_back(self) -> None:
        """Have it again after `give_back`, if it is ours."""
        if self.away:
            self._continued()

    def _go_away(self) -> None:
        """Leave the terminal alone until it is ours again; the node goes on."""
        self.pause("away")
        self._look_later()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = self._loop.call_later(AWAY_INTERVAL, self._look)

    def _look(self) -> None:
        self._looking = None
        if self._stopped or not self.away:
            return
        if self._tty.is_ours():
            self._come_back()
        else:
            self._look_later()

    def _come_back(self) -> None:
        """The terminal is ours again, in whatever modes others have left it."""
        self._take()
        self.go_on("away")
        # Modes that are pushed are pushed once.
        self.write(KITTY_OFF + self._modes_on() + (TELL_SIZE if self._told_size else ""))
        with contextlib.suppress(OSError):
            self._changed_size()


def local_driver(
    tty: Tty, on_gone: Callable[[], None], *, stops: bool = True, held: Callable[[], bool] = lambda: False
) -> Any:
    """What Textual calls to have a driver made."""

    def make(app: App[Any], *, debug: bool, mouse: bool, size: tuple[int, int] | None) -> LocalDriver:
        return LocalDriver(app, tty, mouse=mouse, on_gone=on_gone, stops=stops, held=held)

    return make
