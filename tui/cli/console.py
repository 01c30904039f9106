"""Standard output and standard error, and what an error means to whoever called us.

Output is data, standard error is narration. Nothing else in the application writes to either, except the screen itself.
Every error ends here, as one sentence and an exit status, never as a traceback.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TextIO

from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed

PROGRAM = "activity-tui"


def say(sentence: str) -> None:
    """Narrate one line on standard error. Control characters, as a hostile peer may have sent them, stay out."""
    with contextlib.suppress(OSError, ValueError):  # nobody listens
        print(_printable(sentence), file=sys.stderr, flush=True)


def put(line: str = "") -> None:
    """Write one line of data to standard output.

    Raises OutputClosed when nobody reads it any more, CommandFailed when it cannot be written for another reason.
    """
    with _told_when_unwritten():
        print(line, flush=True)


@contextlib.contextmanager
def _told_when_unwritten() -> Iterator[None]:
    """Raises OutputClosed or CommandFailed for what keeps standard output from being written."""
    try:
        yield
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        raise CommandFailed(
            ExitStatus.FAILURE,
            f"standard output cannot be written: {error.strerror or error}",
            hint="Make room there, or send it elsewhere.",
        ) from None


def put_utf8() -> None:
    """Write data in UTF-8 from here on, whatever the locale: JSON is exchanged in nothing else (RFC 8259, 8.1)."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8")


def ask_secret(prompt: str) -> str | None:
    """Ask the person at the terminal for a secret, without showing it; None when there is no terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import getpass

    try:
        return getpass.getpass(prompt, stream=sys.stderr)
    except EOFError:
        return None


def ask_line(question: str) -> str | None:
    """Ask the person at the terminal for a line; None when there is no terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\n") or None


def interactive() -> bool:
    """Whether a screen and a keyboard are there for the application; narration may go elsewhere (`2>file`)."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout))


def run(command: Callable[[], int]) -> int:
    """Run a command to its exit status, whatever happens in it."""
    _prepare_streams()
    status = _outcome(command)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # The interpreter flushes once more on its way out: it would complain, and end with a status of its own.
            _redirect(stream)
    return status


def _outcome(command: Callable[[], int]) -> int:
    """Run a command, and write what it has left to be written; returns the exit status."""
    try:
        try:
            status = int(command())
        except SystemExit as end:
            status = _status_of(end)
        with _told_when_unwritten():
            sys.stdout.flush()
    except OutputClosed:
        return ExitStatus.DONE
    except BaseException as error:
        return _report(error)
    return status


def _status_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else ExitStatus.FAILURE if end.code else ExitStatus.DONE


def _report(error: BaseException) -> int:
    """Say what went wrong; returns the exit status for it."""
    if isinstance(error, SystemExit):
        return _status_of(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return _report(error.exceptions[0])
    status, sentence = meaning(error)
    say(f"{PROGRAM}: {sentence}")
    for line in _hints(error):
        say(line)
    return status


def _hints(error: BaseException) -> Sequence[str]:
    """What to do about an error, a line each."""
    if isinstance(error, CommandFailed):
        return (error.hint,) if error.hint else ()
    if type(error).__module__.startswith("core."):
        from core.store import DataLost

        if isinstance(error, DataLost):
            from tui.cli.lost import ways_out

            return ways_out(error)
    return ()


def meaning(error: BaseException) -> tuple[ExitStatus, str]:
    """The exit status and the sentence for an error."""
    if isinstance(error, CommandFailed):
        return error.status, str(error)
    if type(error).__module__.startswith("core."):
        known = _core_status(error)
        if known is not None:
            return known, str(error)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return ExitStatus.FAILURE, f"the system refused: {error.strerror or error}{where}"
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return ExitStatus.FAILURE, "the system lets this process have no more threads (see `ulimit -u`)"
    place = _write_details(error)
    details = f"; the details are in {place}" if place else ""
    return ExitStatus.FAILURE, f"a fault of ours, {type(error).__name__}: {error}{details}"


def _core_status(error: BaseException) -> ExitStatus | None:
    # Imported only now: a command that needs neither must not pay for both.
    from core.engine import CannotBind, EngineError
    from core.store import BackupDamaged, BackupForeign, BackupUnreadable, StoreError

    if isinstance(error, CannotBind):
        return ExitStatus.CANNOT_BIND
    if isinstance(error, BackupDamaged | BackupForeign | BackupUnreadable | EngineError):
        return ExitStatus.FAILURE
    if isinstance(error, StoreError):
        return ExitStatus.DATA_DIRECTORY
    return None


def _write_details(error: BaseException) -> str | None:
    """Keep a traceback, for whoever mends the fault, in a file private to the person. Returns where."""
    import tempfile
    import traceback

    try:
        handle, name = tempfile.mkstemp(prefix=f"{PROGRAM}-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return name


def _printable(sentence: str) -> str:
    if sentence.isascii() and sentence.replace("\n", " ").isprintable():
        return sentence
    from tui.text.safe_text import neutralise_lines

    return neutralise_lines(sentence)


def _open_nothing() -> int:
    """A descriptor from which nothing comes."""
    try:
        return os.open(os.devnull, os.O_RDWR)
    except OSError:
        # Sandboxes have none, or let not everybody open it. A pipe into which nobody writes is as empty.
        reader, writer = os.pipe()
        os.close(writer)
        return reader


def _occupy_descriptors() -> None:
    """Where a caller has closed a standard stream, put nothing in its place.

    Otherwise the next file or socket that is opened takes the number, and narration would be written into it.
    """
    while (descriptor := _open_nothing()) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _prepare_streams() -> None:
    _occupy_descriptors()
    # A terminal that cannot show a character is no reason to fail.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    sys.unraisablehook = lambda fault: _note_fault(fault.exc_value)


def _note_fault(error: BaseException | None) -> None:
    if error is not None:
        say(f"{PROGRAM}: a fault of ours went on unseen, {type(error).__name__}: {error}")


def _redirect(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def leave_at_once(status: int) -> NoReturn:
    """End the process now, waiting for nothing and nobody."""
    os._exit(status)
