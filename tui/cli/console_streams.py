"""The process's standard input and output, as a command reads and writes them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import stat
import sys
import threading
from collections.abc import AsyncGenerator

from tui.cli import console
from tui.script.streams import LineCutter


class ConsoleStreams:
    """`tui.script.streams.Streams` on the command line."""

    @property
    def screen(self) -> tuple[int, int] | None:
        try:
            return os.get_terminal_size(sys.stdout.fileno())
        except (OSError, ValueError):
            return None

    async def put(self, line: str) -> None:
        """Raises OutputClosed when nobody reads any more, CommandFailed when it cannot be written for other reasons."""
        console.put(line)

    def say(self, sentence: str) -> None:
        console.say(sentence)

    @functools.cached_property
    def stopped(self) -> asyncio.Event:
        """Set when nobody reads the output any more, also while there is nothing to write."""
        stopped = asyncio.Event()

        def closed() -> None:
            asyncio.get_running_loop().remove_reader(descriptor)
            stopped.set()

        try:
            descriptor = sys.stdout.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                # The writing end of a pipe becomes readable when the reading end is closed.
                asyncio.get_running_loop().add_reader(descriptor, closed)
        except (OSError, ValueError):
            pass
        return stopped

    async def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        """Lines of standard input as they come.

        A thread reads: standard input may be a file, which an event loop cannot wait for. It reads the descriptor
        itself, because a thread that is inside a buffered reader when the interpreter ends makes it abort.
        """
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[bytes] = asyncio.Queue(4)
        descriptor = sys.stdin.fileno()

        def read() -> None:
            data = b"?"
            while data:
                try:
                    data = os.read(descriptor, 65536)
                except OSError:
                    data = b""
                putting = chunks.put(data)
                try:
                    asyncio.run_coroutine_threadsafe(putting, loop).result()
                except (RuntimeError, concurrent.futures.CancelledError):
                    putting.close()
                    return  # the loop has ended

        threading.Thread(target=read, name="stdin", daemon=True).start()
        cutter = LineCutter(longest)
        while data := await chunks.get():
            for line in cutter.feed(data):
                yield line
        for line in cutter.end():
            yield line
