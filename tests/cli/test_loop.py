"""The event loop that commands run on."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from tui.cli.loop import EVENTS_MAX, new_event_loop


@pytest.mark.skipif(sys.platform != "linux", reason="only epoll hands out what waits in turn")
def test_one_pass_takes_up_so_many_events_and_passes_nobody_over() -> None:
    loop = new_event_loop()
    pairs = [socket.socketpair() for _ in range(2 * EVENTS_MAX + 10)]
    seen: list[set[int]] = [set()]

    async def main() -> None:
        done = asyncio.Event()

        def readable(reading: socket.socket) -> None:
            # Nobody reads: all stay ready, and each has its turn all the same.
            seen[-1].add(reading.fileno())
            if len(set().union(*seen)) == len(pairs):
                done.set()

        for reading, writing in pairs:
            loop.add_reader(reading, readable, reading)
            writing.send(b"x")
        async with asyncio.timeout(10.0):
            while not done.is_set():
                seen.append(set())
                await asyncio.sleep(0)
        for reading, _ in pairs:
            loop.remove_reader(reading)

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
        for pair in pairs:
            for one in pair:
                one.close()
    assert max(map(len, seen)) <= EVENTS_MAX
    assert len(seen) < 20
