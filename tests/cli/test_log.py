"""The headless server's log."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from tui.cli.headless import Log


async def test_lines_are_written_in_order_with_their_time() -> None:
    reading, writing = os.pipe()
    async with Log(writing) as log:
        log.write("linked to a")
        log.write("unlinked", 0.0)
        await log.flush()
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d linked to a", lines[0])
    assert lines[1].endswith("unlinked") and lines[1][:4] in ("1969", "1970")


async def test_what_peers_wrote_stays_on_its_line_and_commands_nothing() -> None:
    reading, writing = os.pipe()
    async with Log(writing) as log:
        log.write("login \x1b[31mada\n2030-01-01 00:00:00 forged")
        await log.flush()
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    assert text.count("\n") == 1
    assert "\x1b" not in text


@pytest.mark.serial
async def test_a_reader_that_is_too_slow_costs_lines_but_never_waiting() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    async with Log(writing, lines_max=100) as log:
        loop = asyncio.get_running_loop()
        before = loop.time()
        for number in range(20_000):
            log.write(f"line {number}")
        assert loop.time() - before < 5
        # The reader wakes up: what was kept comes, and how much was not.
        text = ""
        while "left out" not in text:
            await asyncio.sleep(0.01)
            try:
                text += os.read(reading, 1 << 20).decode()
            except BlockingIOError:
                continue
    os.close(writing)
    os.close(reading)
    assert re.search(r"\(\d+ lines were left out: the log is read too slowly\)\n", text)


async def test_a_closed_reader_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    async with Log(writing) as log:
        log.write("nobody reads this")
        await log.flush()
    os.close(writing)
