"""Has a text written in the person's own editor, on the terminal of this process."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tui.remembered import private_file
from tui.user_actions.written_text import KEPT_CHARACTERS_MAX, pasted

_BYTES_MAX: Final = 4 * KEPT_CHARACTERS_MAX
HANG_UP_LIMIT: Final = 1.0
"""Seconds in which an editor should have ended that was hung up on."""
_WAIT: Final = 'read -r go && exec "$@" </dev/tty'
"""For a shell: nothing is started before the terminal is the editor's."""


class EditorFailed(Exception):
    """The text was not changed; the message is a sentence for the person."""


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The editor that somebody has chosen, with its arguments. Raises EditorFailed."""
    name = "VISUAL" if environment.get("VISUAL") else "EDITOR"
    try:
        words = shlex.split(environment.get(name, ""))
    except ValueError as error:
        raise EditorFailed(f"{name} cannot be read as a command: {error}.") from None
    if not words:
        raise EditorFailed("No editor is named: set VISUAL or EDITOR to one, such as EDITOR=nano.")
    if shutil.which(words[0]) is None:
        raise EditorFailed(f"The editor {words[0]!r}, which {name} names, is not there.")
    return words


@contextlib.contextmanager
def interrupts_for_children() -> Iterator[None]:
    """Programs that are started meanwhile end by Ctrl+C, also where this process ignores it: what is ignored they would
    ignore as well."""
    ignored = [number for number in (signal.SIGINT, signal.SIGQUIT) if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


class Editor:
    """The editor in which a person writes, one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = -1
        self._over = threading.Event()
        self._over.set()
        self._hung_up_on: Path | None = None

    @property
    def left(self) -> list[str]:
        """Where what was written is, a line for the person, if the editor was ended by us."""
        if self._hung_up_on is None:
            return []
        return [f"you were in your editor: what you had saved there is in {self._hung_up_on}"]

    def edit(self, text: str, command: Sequence[str], terminal: int) -> str:
        """The text as it is when the editor has ended. Takes as long as the person does, on the terminal of this
        descriptor. Raises EditorFailed."""
        self._over.clear()
        self._hung_up_on = None
        directory: str | None = None
        try:
            directory = tempfile.mkdtemp(prefix="activity-tui-")
            path = Path(directory) / "text.txt"
            private_file.write(path, text.encode())
            status = self._run([*command, str(path)], terminal)
            if status:
                raise EditorFailed(f"{command[0]} ended with status {status}: the text is as it was before.")
            written = private_file.read(path, _BYTES_MAX).decode()
        except UnicodeDecodeError:
            raise EditorFailed(f"What {command[0]} has written is no text in UTF-8: it is as it was before.") from None
        except OSError as error:
            raise EditorFailed(f"The text cannot be given to {command[0]}: {error.strerror or error}.") from None
        finally:
            if directory is not None and self._hung_up_on is None:
                shutil.rmtree(directory, ignore_errors=True)
            self._over.set()
        return pasted(written)

    def hang_up(self) -> None:
        """End the editor, as a terminal that goes away does: editors keep what is not saved then."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert isinstance(process.args, list)
        self._hung_up_on = Path(process.args[-1])
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGHUP)

    def give_back(self) -> None:
        """The same, and wait until the terminal is this process's again: it is about to end. Takes a second at most."""
        if self._over.is_set():
            return
        self.hang_up()
        process = self._process
        if not self._over.wait(HANG_UP_LIMIT) and process is not None:
            _take_back(self._terminal, process.pid)

    def _run(self, command: Sequence[str], terminal: int) -> int:
        """Run it in the foreground of the terminal, as a shell does: what is typed there, Ctrl+C too, is for it
        alone."""
        self._terminal = terminal
        self._process = process = subprocess.Popen(
            ["/bin/sh", "-c", _WAIT, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=terminal,
            process_group=0,
        )
        assert process.stdin is not None
        try:
            _give(terminal, process.pid)
            process.stdin.write(b"go\n")
            process.stdin.close()
            while True:
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                if not os.WIFSTOPPED(status):
                    process.returncode = os.waitstatus_to_exitcode(status)
                    return process.returncode
                # No shell is there that would bring it back.
                _give(terminal, process.pid)
                os.killpg(process.pid, signal.SIGCONT)
        finally:
            self._process = None
            _take_back(terminal, process.pid)


def _give(terminal: int, group: int) -> None:
    """Have a process group be the one that reads from the terminal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        os.tcsetpgrp(terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_back(terminal: int, group: int) -> None:
    """Have this process read from the terminal again, if it is that group's still: when the server's process is killed,
    the shell takes it, and must not lose it to a process that ends."""
    with contextlib.suppress(OSError):
        if os.tcgetpgrp(terminal) == group:
            _give(terminal, os.getpgrp())
