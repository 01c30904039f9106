"""Where the processor time of an activity goes, step by step: `python -m tests.benchmarks.hot_path` prints it.

One server, RECEIVERS plain clients that read, one of which keeps a window of activities under way. The event loop's
thread is looked at whenever it has run for another 4 ms (timer_create(2) on its own clock): the innermost function of
`STEPS` on its stack says which step it is in. So nothing is wrapped that is called for every activity, and time in the
kernel counts where it was asked for. The store's thread is timed by the commit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from core.engine.driving.connection_table import ConnectionTable
from core.engine.driving.runtime import Runtime
from core.engine.threads.persistence import Persistence
from core.engine.threads.store_thread import StoreThread
from core.engine.transport.audience import Audience
from core.engine.transport.line_intake import LineIntake
from core.engine.transport.outbox import Outbox
from core.engine.transport.output import Output
from core.engine.transport.plain_transport import PlainTransport
from core.node.clients.absence import Absences
from core.node.clients.posting import Posting
from core.node.log.delivery import Delivery
from core.node.log.entry_messages import _ActivityFrames
from core.node.node import Node
from core.node.reception import Reception
from core.store import grouping
from core.wire import codec
from core.wire.codec import Frame
from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.peers import OPTIONS
from tests.processes.harness import NodeProcess

RECEIVERS: Final = 200
WINDOW: Final = 256
BYTES: Final = 150
WARM: Final = 1.0
"""Seconds of load before anything is counted."""
SECONDS: Final = 8.0
LOAD: Final = WARM + SECONDS + 30.0
"""For how many seconds there is some: until it is ended."""
ROUNDS: Final = 3
TICK: Final = 4_000_000
"""Nanoseconds of the thread's processor time between two looks: as often as Linux looks at such a clock."""
BEGIN, END = signal.SIGRTMIN, signal.SIGRTMAX
"""Signals to the server; it has others of its own."""


def _read(attribute: Any) -> Callable[..., object]:
    """The function that a property is read by."""
    return attribute.fget  # type: ignore[no-any-return]


STEPS: Final[dict[str, tuple[Callable[..., object], ...]]] = {
    "writing to sockets": (Outbox.write, Audience._send),
    "joining what is written": (Output.flush, Audience.write),
    "encoding": (codec.encode, codec.base_broadcasts, _read(Frame.data), _ActivityFrames.lines),
    "decoding": (codec.decode,),
    "handing over to the store, and back": (Persistence.persist, Persistence._submit, Persistence.committed),
    "after every event (`Node._outcome`)": (Node._outcome,),
    "the node, at received": (Reception.message, Reception.posts),
    "the node, at committed: whose turn it is, to whom it goes": (Delivery.deliver, Delivery.deliver_all),
    "the node, at committed: what base clients have": (Absences._note_handed_out, Absences._note_all_handed_out),
    "the node, at committed: acknowledgements": (Posting._kept,),
    "the node, at committed: all else": (Node.handle,),
    "carrying out actions": (Runtime._perform,),
    "reading, cutting lines": (
        *(PlainTransport._read, LineIntake.feed, LineIntake._hand_in, LineIntake._hand_in_some),
        *(ConnectionTable.received, ConnectionTable.received_posts),
    ),
}
"""A step's own functions. `Node.handle` is what is left of it: all that a commit brings."""
REST: Final = "the event loop itself"


def _by_code() -> dict[CodeType, str]:
    return {function.__code__: step for step, functions in STEPS.items() for function in functions}


class Calls:
    """How many functions each step calls in this thread, ours and the interpreter's own: what it costs, as far as that
    can be told without a clock."""

    def __init__(self) -> None:
        self.of_step = Counter[str]()
        self._steps = _by_code()
        self._stack: list[str] = []

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        stack = self._stack
        if event == "call":
            stack.append(self._steps.get(frame.f_code) or (stack[-1] if stack else REST))
            self.of_step[stack[-1]] += 1
        elif event == "return":
            if stack:
                stack.pop()
        elif event == "c_call":
            self.of_step[stack[-1] if stack else REST] += 1


class Looks:
    """How long the thread was in which step, by looking at it now and then."""

    def __init__(self) -> None:
        self._steps = _by_code()
        self.seconds = defaultdict[str, float](float)
        self._last = 0.0

    def begin(self) -> None:
        signal.signal(signal.SIGPROF, self._look)
        self._last = time.thread_time()
        _tick_of_this_thread(signal.SIGPROF)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        step = REST
        while frame is not None:
            known = self._steps.get(frame.f_code)
            if known is not None:
                step = known
                break
            frame = frame.f_back
        self.seconds[step] += now - self._last
        # What this took is nobody's.
        self._last = time.thread_time()


def _tick_of_this_thread(number: int) -> None:
    """Have the calling thread sent a signal whenever it has run for so long (Linux). Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    # struct sigevent: a value, the signal, SIGEV_THREAD_ID, the thread.
    event = (ctypes.c_int * 16)(0, 0, number, 4, threading.get_native_id())
    timer = ctypes.c_void_p()
    every = (ctypes.c_long * 4)(0, TICK, 0, TICK)
    if library.timer_create(time.CLOCK_THREAD_CPUTIME_ID, event, ctypes.byref(timer)) or library.timer_settime(
        timer, 0, every, None
    ):
        raise OSError(ctypes.get_errno(), "no timer")


class Meter:
    """Within the server: counts from one signal to another."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._looks = Looks()
        self._took = defaultdict[str, float](float)
        self._activities = 0
        self._commits = 0
        self._store: int | None = None
        self._before: dict[str, float] = {}
        self._collecting = 0.0
        signal.signal(BEGIN, lambda *_: self._begin())
        signal.signal(END, lambda *_: self._end())
        gc.callbacks.append(self._collected)
        self._watch(grouping, "seal_columns", "seals")
        self._watch(StoreThread, "_commit", "commits")
        self._watch(StoreThread, "_follow", "what follows them")

    def _watch(self, owner: Any, name: str, what: str) -> None:
        function = getattr(owner, name)
        is_commit = name == "_commit"

        def call(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                found = function(*given, **named)
            finally:
                self._took[what] += time.thread_time() - began
            if is_commit:
                self._store = threading.get_ident()
                self._commits += 1
                self._activities += sum(batch.things for batch in given[2])
            return found

        setattr(owner, name, call)

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        if threading.current_thread() is threading.main_thread():
            now = time.thread_time()
            if phase == "start":
                self._collecting = now
            else:
                self._took["garbage"] += now - self._collecting

    def _clocks(self) -> dict[str, float]:
        assert self._store is not None
        store = time.clock_gettime(time.pthread_getcpuclockid(self._store))
        found = dict(self._took)
        return found | {
            "store": store,
            "loop": time.thread_time(),
            "kernel": os.times().system,
            "activities": self._activities,
            "commits_made": self._commits,
        }

    def _begin(self) -> None:
        self._before = self._clocks()
        self._looks.begin()

    def _end(self) -> None:
        spent = {name: value - self._before.get(name, 0.0) for name, value in self._clocks().items()}
        looked = sum(self._looks.seconds.values())
        steps = {step: seconds / looked * spent["loop"] for step, seconds in self._looks.seconds.items()}
        half = self._report.with_suffix(".half")
        half.write_text(json.dumps({"spent": spent, "steps": steps}))
        half.rename(self._report)


class MeteredProcess(NodeProcess):
    """A server that says where its time goes."""

    report: Path

    def command(self) -> list[str]:
        _, _, _, *arguments = super().command()
        return [sys.executable, "-m", "tests.benchmarks.hot_path", "--serve", str(self.report), *arguments]

    def send(self, number: signal.Signals) -> None:
        self._signal(number)


async def measured(directory: Path) -> tuple[dict[str, float], dict[str, float]]:
    """What was spent, and in which step, in seconds; of one round."""
    generator_program = program("loadgen")
    node = MeteredProcess(directory / "data", options=OPTIONS)
    node.report = directory / "report.json"
    async with node:
        generator = await asyncio.create_subprocess_exec(
            generator_program, *("--ports", str(node.port), "--receivers", str(RECEIVERS), "--window", str(WINDOW)),
            *("--size", str(BYTES), "--seconds", str(LOAD)), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while not int((await node.status())["activities"]):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(WARM)
            node.send(BEGIN)
            await asyncio.sleep(SECONDS)
            node.send(END)
            async with asyncio.timeout(10):
                while not node.report.exists():
                    await asyncio.sleep(0.05)
            told = json.loads(node.report.read_text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                generator.kill()
            await generator.wait()
            await node.kill()
    return told["spent"], told["steps"]


def table(spent: dict[str, float], steps: dict[str, float]) -> Iterator[str]:
    """Microseconds an activity, as a table in Markdown."""

    def row(what: str, seconds: float) -> str:
        return f"| {what} | {1e6 * seconds / spent['activities']:.1f} |"

    yield "| step | µs an activity |"
    yield "|---|---|"
    for step, seconds in sorted(steps.items(), key=lambda one: -one[1]):
        yield row(step, seconds)
    yield row("**the event loop's thread**", spent["loop"])
    yield row("of that, the garbage collector", spent.get("garbage", 0.0))
    yield row("the store's thread: seals", spent["seals"])
    yield row("the store's thread: what is synced", spent["commits"] - spent["seals"])
    yield row("the store's thread: what follows", spent["what follows them"])
    waiting = spent["store"] - spent["commits"] - spent["what follows them"]
    yield row("the store's thread: waiting for work and for the interpreter", waiting)
    yield row("**the store's thread**", spent["store"])
    yield row("of both, the kernel", spent["kernel"])


async def main(rounds: int = ROUNDS) -> None:
    try:
        await measure(rounds)
    except NotHere as why:
        print(f"the hot path is left out: {why}")


async def measure(rounds: int) -> None:
    all_spent, all_steps = defaultdict[str, float](float), dict.fromkeys([*STEPS, REST], 0.0)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            spent, steps = await measured(Path(directory))
        for name, value in spent.items():
            all_spent[name] += value
        for step, seconds in steps.items():
            all_steps[step] += seconds
    activities = all_spent["activities"]
    print(
        f"an activity to {RECEIVERS} receivers, window {WINDOW}: {activities / rounds / SECONDS:,.0f} a second,"
        f" {activities / all_spent['commits_made']:.0f} in a commit"
    )
    print("\n".join(table(all_spent, all_steps)))


def serve(report: Path, arguments: list[str]) -> int:
    from tui.cli import main as run

    _meter = Meter(report)
    sys.argv = ["activity-tui", *arguments]
    return run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        sys.exit(serve(Path(sys.argv[2]), sys.argv[3:]))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hot_path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asyncio.run(main(parser.parse_args().rounds))
