"""Dumps: what goes on inside a running server, written into its data directory when somebody sends it a signal.

`kill -USR1 PID` has the event loop write one readable file with all that a developer asks for first. A loop that is
stuck cannot; `kill -USR2 PID` has a thread that waits for nothing else write where each thread is, without the loop.
Neither ends or stops anything. Systems without these signals (Windows) have no dumps.

The standard library's `faulthandler` could write stacks as well, also while something holds the interpreter's lock; but
it looks at threads without that lock, and a process that was asked while its threads ended died of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from msgspec.structs import asdict

from core.engine import ConnectionTraffic, Server
from core.node import Notice
from tui.remembered import private_file
from tui.version import __version__

FOLDER: Final = "dumps"
KEPT: Final = 10
"""Dumps in the folder; older ones give way."""
DUMP_BYTES_MAX: Final = 4 * 1024 * 1024
TASKS_SHOWN: Final = 500
FRAMES_SHOWN: Final = 40
NOTICES_SHOWN: Final = 50

DUMP_SIGNAL: Final[signal.Signals | None] = getattr(signal, "SIGUSR1", None)
STACKS_SIGNAL: Final[signal.Signals | None] = getattr(signal, "SIGUSR2", None)


def ignore_signals() -> None:
    """From here on the two signals end nothing: by themselves they would, also before a server is there to answer.

    To be called before there are threads: the second signal is kept back from all of them, for the one that waits for
    it (sigwait(3)).
    """
    if DUMP_SIGNAL is None or STACKS_SIGNAL is None:
        return
    signal.signal(DUMP_SIGNAL, signal.SIG_IGN)
    # Not ignored: what is ignored never waits for anybody on some systems.
    signal.signal(STACKS_SIGNAL, lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [STACKS_SIGNAL])


@contextlib.asynccontextmanager
async def dumping(server: Server, settings: Iterable[str]) -> AsyncIterator[None]:
    """Answer the two signals as long as the block runs. `settings` are lines without secrets."""
    if DUMP_SIGNAL is None or STACKS_SIGNAL is None:
        yield
        return
    loop = asyncio.get_running_loop()
    dumps = Dumps(server, tuple(settings))
    loop.add_signal_handler(DUMP_SIGNAL, dumps.ask)
    stacks = _StackWriter(STACKS_SIGNAL, dumps.folder, lambda text: loop.call_soon_threadsafe(dumps.tell, text))
    stacks.start()
    try:
        yield
    finally:
        loop.remove_signal_handler(DUMP_SIGNAL)
        signal.signal(DUMP_SIGNAL, signal.SIG_IGN)
        stacks.end()
        await dumps.aclose()


class _StackWriter:
    """A thread that writes where each thread is whenever the signal comes."""

    def __init__(self, number: signal.Signals, folder: Path, tell: Callable[[str], object]) -> None:
        self._number = number
        self._folder = folder
        self._tell = tell
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="stacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended = True
        if self._thread.ident is not None and self._thread.is_alive():
            signal.pthread_kill(self._thread.ident, self._number)

    def _run(self) -> None:
        while True:
            signal.sigwait([self._number])
            if self._ended:
                return
            now = time.time()
            parts = [("process", _process(now)), *(("thread", stack.lines()) for stack in _threads())]
            try:
                text = f"where each thread was stands in {_write_file(self._folder, 'stacks', now, parts)}"
            except Exception as error:
                text = f"where each thread was could not be written to {self._folder}: {error}"
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._tell(text)


class _Stack:
    """Where something is: a title, and its frames, the innermost last."""

    def __init__(self, title: str, frames: traceback.StackSummary) -> None:
        self.title = title
        self.frames = frames

    def lines(self) -> Iterator[str]:
        yield self.title
        for text in self.frames.format():
            yield from text.rstrip("\n").split("\n")


class Dumps:
    """Writes the dumps of one server, one at a time."""

    def __init__(self, server: Server, settings: tuple[str, ...]) -> None:
        self.folder = server.settings.data_dir / FOLDER
        self._server = server
        self._settings = settings
        self._began = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Write one; nothing while one is being written."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="dump")

    async def aclose(self) -> None:
        """Wait for the one that is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        now = time.time()
        try:
            # What is to fit together is looked at in one go; words are made of it where nobody waits for them.
            parts = self._look(now)
            file = await asyncio.to_thread(_write_file, self.folder, "dump", now, parts)
        except Exception as error:
            self.tell(f"no dump could be written to {self.folder}: {error}", failed=True)
        else:
            self.tell(f"a dump was written to {file}")

    def tell(self, text: str, *, failed: bool = False) -> None:
        """Put what became of it among the events."""
        self._server.publish(Notice(time.time(), "dump", text, "warning" if failed else "info"))

    def _look(self, now: float) -> list[tuple[str, Iterable[str]]]:
        from tui.script.status_table import queue_table, table

        server = self._server
        snapshot = server.snapshot()
        traffic = server.traffic()
        return [
            ("process", [*_process(now), f"up for {time.monotonic() - self._began:.1f} s", *_memory(), *_activity()]),
            ("settings", self._settings),
            ("server", table(snapshot)),
            ("queues", queue_table(server.queues())),
            (
                "connections: number, role, state, peer, what came and went",
                [
                    f"{one.conn} {one.role} {one.state!r} {one.peer} {_fields(traffic.get(one.conn))}"
                    for one in snapshot.connections
                ],
            ),
            ("last notices", [f"{_moment(n.at)} {n.kind} {n.text}" for n in list(server.notices)[-NOTICES_SHOWN:]]),
            *(("task", stack.lines()) for stack in _tasks()),
            *(("thread", stack.lines()) for stack in _threads()),
        ]


def _write_file(folder: Path, kind: str, now: float, parts: Sequence[tuple[str, Iterable[str]]]) -> Path:
    """Write a file of a kind, mode 0600; the oldest of more than `KEPT` gives way. Raises OSError."""
    from tui.text.safe_text import neutralise

    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    file = folder / f"{kind}-{moment}.{int(now * 1000) % 1000:03}Z.txt"
    text = []
    for title, lines in parts:
        text.append(f"\n== {title}\n")
        # Names come from strangers, and whoever reads this does so at a terminal.
        text.extend(f"{neutralise(line)}\n" for line in lines)
    private_file.write(file, "".join(text).lstrip("\n").encode("utf-8", "backslashreplace")[:DUMP_BYTES_MAX])
    for old in sorted(folder.glob(f"{kind}-*.txt"))[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    return file


# --- what is looked at ------------------------------------------------------------------------------------------------


def _process(now: float) -> list[str]:
    import platform  # Most servers never write a dump.

    return [
        f"activity-tui {__version__}, process {os.getpid()}, at {_moment(now)}",
        f"Python {platform.python_version()} ({sys.implementation.name}), {platform.platform()}",
    ]


def _activity() -> list[str]:
    return [
        f"garbage collector: {gc.get_count()} since the last collections, {gc.get_stats()}",
        f"{len(asyncio.all_tasks())} tasks, {threading.active_count()} threads",
    ]


def _memory() -> Iterator[str]:
    with contextlib.suppress(ImportError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        # Linux counts in KiB, macOS in bytes.
        most = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
        yield f"memory at most {most:,} bytes; {usage.ru_utime:.1f} s computed, {usage.ru_stime:.1f} s in the system"
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        yield from (line for line in status.splitlines() if line.startswith(("VmRSS", "VmSize", "VmSwap", "Threads")))
        yield f"open files: {len(os.listdir('/proc/self/fd'))}"


def _tasks() -> Iterator[_Stack]:
    """Where each task of the event loop waits."""
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    for task in tasks[:TASKS_SHOWN]:
        state = "done" if task.done() else "being cancelled" if task.cancelling() else "waiting"
        yield _Stack(f"{task.get_name()!r}, {state}", _extracted(_awaited(task.get_coro())))
    if len(tasks) > TASKS_SHOWN:
        yield _Stack(f"… and {len(tasks) - TASKS_SHOWN} more", traceback.StackSummary())


def _awaited(coroutine: Any) -> Iterator[tuple[FrameType, int]]:
    """The frames of a coroutine, and of what it awaits, and so on: asyncio itself tells only the first."""
    for _ in range(FRAMES_SHOWN):
        frame = _first(coroutine, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            return
        yield frame, frame.f_lineno
        coroutine = _first(coroutine, "cr_await", "gi_yieldfrom", "ag_await")


def _first(holder: Any, *names: str) -> Any:
    return next((found for name in names if (found := getattr(holder, name, None)) is not None), None)


def _threads() -> Iterator[_Stack]:
    """Where each thread is."""
    names: Mapping[int | None, str] = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        frames = list(traceback.walk_stack(frame))[:FRAMES_SHOWN]
        yield _Stack(f"{names.get(ident, 'unknown')!r} ({ident})", _extracted(reversed(frames)))


def _extracted(frames: Iterable[tuple[FrameType, int]]) -> traceback.StackSummary:
    """Where frames are, without their variables: there are secrets among those. Lines of source are read later."""
    return traceback.StackSummary.from_list(
        [
            traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name, lookup_line=False)
            for frame, line in frames
        ]
    )


def _fields(traffic: ConnectionTraffic | None) -> str:
    return "" if traffic is None else " ".join(f"{name}={value}" for name, value in asdict(traffic).items())


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
