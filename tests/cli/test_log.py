"""The log: lines, levels, files, and that nothing ever waits for it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.cli.program import LIMIT, Program, running_node
from tests.ssh.terminal import TerminalCommand
from tui.cli.log_output import Log, LogFile


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_lines_are_written_in_order_with_their_time() -> None:
    reading, writing = os.pipe()
    async with Log(writing) as log:
        log.write("linked to a")
        log.write("unlinked", 0.0)
        await log.flush()
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d linked to a", lines[0]), "with its zone"
    assert lines[1].endswith("unlinked") and lines[1][:4] in ("1969", "1970")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_each_line_is_an_object_with_the_kind_of_its_event_where_programs_read_the_log(
    program: Program, tmp_path: Path, zone: str
) -> None:
    log = tmp_path / "log"
    fixed = ("--headless", "--host", "127.0.0.1", "--port", str(free_port()), "--data-dir", str(tmp_path / "node"))
    program.environment["TZ"] = zone
    with program.running("serve", *fixed, "--log-format", "json", "--log-file", str(log)) as process:
        until(lambda: "takes connections" in log.read_text() if log.exists() else False)
        process.terminate()
        assert process.wait(LIMIT) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["kind"] for line in lines} >= {"server", "listening"}
    assert {line["level"] for line in lines} == {"info", "warning"}
    moments = [datetime.fromisoformat(line["at"]) for line in lines]
    assert {moment.utcoffset() for moment in moments} == {datetime.now(ZoneInfo(zone)).utcoffset()}
    assert abs(moments[-1].timestamp() - time.time()) < LIMIT


async def test_no_line_says_its_kind_twice(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        assert program.run("post", node.address, "hello").status == 0
        line = node.log.wait(" logged in from ")
    assert re.fullmatch(r"\S+ \S+ anonymous logged in from \S+", line)


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
    assert re.search(r" warning: \d+ lines were left out: the log is read too slowly\n", text)


async def test_a_closed_reader_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    async with Log(writing) as log:
        log.write("nobody reads this")
        await log.flush()
    os.close(writing)


# --- levels -----------------------------------------------------------------------------------------------------------


def test_at_level_debug_grep_finds_all_that_concerns_one_connection(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node", "--log-level", "debug") as node:
        assert program.run("post", node.address, "hello").status == 0
        opened = node.log.wait("debug: opened ")
        number = re.search(r"conn=\d+", opened)
        assert number is not None
        node.log.wait(f"debug: closed {number[0]} ")
        of_it = [line for line in node.log.seen if number[0] in line]
    assert [re.sub(r"^\S+ \d\d:\d\d:\d\d\.\d{3}\S+ | peer=\S+| unsent=\d+", "", line) for line in of_it] == [
        f"debug: opened {number[0]} origin=inbound",
        f"debug: state {number[0]} from=fresh outcome=logged_in to=logged_in user=anonymous",
        f"debug: state {number[0]} from=logged_in outcome=ended to=closing user=anonymous",
        f'debug: closed {number[0]} reason="logged out"',
    ]
    assert "hello" not in "\n".join(node.log.seen)


def test_at_the_usual_level_there_is_what_happens_in_the_network_and_no_more(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        assert program.run("post", node.address, "hello").status == 0
        node.log.wait(" left: logged out")
    assert not [line for line in node.log.seen if " debug: " in line]


def test_at_level_warning_only_what_needs_somebody_is_logged(program: Program, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fixed = ("--headless", "--host", "127.0.0.1", "--port", str(free_port()), "--data-dir", str(tmp_path / "node"))
    with program.running("serve", *fixed, "--log-level", "warning", "--log-file", str(log)) as process:
        until(lambda: " warning: " in log.read_text() if log.exists() else False)
        process.terminate()
        assert process.wait(LIMIT) == 0
    lines = log.read_text().splitlines()
    assert lines and all(" warning: " in line for line in lines), "that others cannot reach it is one"


@pytest.mark.parametrize("level", ["loud", "DEBUG "])
def test_a_level_that_there_is_not_is_refused_with_those_that_there_are(program: Program, level: str) -> None:
    ended = program.run("serve", "--headless", "--log-level", level)
    assert ended.status == 2
    assert "debug" in ended.err and "error" in ended.err


@pytest.mark.slow
async def test_a_server_with_a_screen_logs_into_its_data_directory_once_a_level_is_said(
    program: Program, tmp_path: Path
) -> None:
    for level in ((), ("--log-level", "debug")):
        command = program.command("serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path), *level)
        environment = {**program.environment, "TERM": "xterm-256color", "ACTIVITY_TUI_USER": "anonymous"}
        async with TerminalCommand(command, environment=environment) as terminal:
            await terminal.shows("anonymous")
            terminal.process.terminate()
            await terminal.status()
        assert (tmp_path / "log").exists() is bool(level)
    text = (tmp_path / "log").read_text()
    assert " listening on " in text or " takes connections at " in text
    assert re.search(r" debug: state conn=\d+ from=fresh ", text)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_log_file_is_its_owners_alone_and_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log"
    for words in ("first", "second"):
        log = Log()
        log.write(words)
        log.into_file(LogFile(path))
        async with log:
            await log.flush()
    assert [line.rpartition(" ")[2] for line in path.read_text().splitlines()] == ["first", "second"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_log_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log()
    log.into_file(LogFile(path))
    async with log:
        log.write("before")
        await log.flush()
        path.rename(tmp_path / "log.old")
        log.write("after")
        await log.flush()
    assert "before" in (tmp_path / "log.old").read_text()
    assert "after" in path.read_text() and "before" not in path.read_text()


async def test_a_log_file_never_grows_beyond_twice_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.log_output.FILE_BYTES_MAX", 1000)
    path = tmp_path / "log"
    log = Log()
    log.into_file(LogFile(path))
    async with log:
        for number in range(100):
            log.write(f"line {number}")
            await log.flush()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    assert path.stat().st_size <= 1000 and (tmp_path / "log.1").stat().st_size <= 1000
    assert path.read_text().endswith("line 99\n")


def test_a_log_file_that_cannot_be_written_is_told_before_anything_runs(program: Program, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        ended = program.run("serve", "--headless", "--port", "0", "--log-file", str(path))
        assert ended.status == 2
        assert f"the log cannot be written to {path}" in ended.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_server_does_not_mind_that_its_log_finds_no_room(program: Program, tmp_path: Path) -> None:
    port = free_port()
    fixed = ("--headless", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(tmp_path / "node"))
    with program.running("serve", *fixed, "--log-file", "/dev/full", "--log-level", "debug"):
        until(lambda: program.run("post", f"127.0.0.1:{port}", "hello", "--timeout", "2").status == 0)


async def test_only_what_is_one_is_called_a_fault() -> None:
    reading, writing = os.pipe()
    async with Log(writing) as log:
        log.listen()
        logging.getLogger("core.store").warning("the data is of an older version")
        logging.getLogger("asyncio").error("a task was destroyed")
        await log.flush()
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = [line.split(" ", 2)[2] for line in stream.read().splitlines()]
    assert lines == [
        "warning: the data is of an older version",
        "error: a fault in the program: a task was destroyed",
    ]
