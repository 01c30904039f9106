"""Dumps: what a running server writes about its inside when it is sent a signal, and that nothing ends by it."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Node, Program, running_node
from tests.ssh.terminal import TerminalCommand
from tui.cli.dumps import KEPT

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals here")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def dumped(node: Node) -> Path:
    """Have a server write a dump; the file that its log names."""
    node.process.send_signal(signal.SIGUSR1)
    return Path(node.log.wait(" a dump was written to ").rpartition(" ")[2])


def children(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(one) for one in listed.read_text().split()]
    return found


def test_a_dump_tells_what_a_developer_asks_for_first(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node", secret="s3cret-word") as node:
        assert program.run("post", node.address, "what-somebody-wrote").status == 0
        file = dumped(node)
        text = file.read_text()
        assert node.process.poll() is None
        assert program.run("post", node.address, "it goes on").status == 0
    assert file.parent == tmp_path / "node" / "dumps"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for words in (
        r"^activity-tui \S+, process \d+, at .*$",
        r"^up for [\d.]+ s$",
        r"^memory at most [\d,]+ bytes",
        r"^== settings$",
        rf'^data_dir = "{re.escape(str(tmp_path))}/node" +# --data-dir$',
        r'^secret = "\*+" +# ACTIVITY_TUI_SECRET$',
        rf"at 127\.0\.0\.1:{node.port}: 1 server, ",
        r"^bytes waiting for the disk +\d+$",
        r"^\S+ \S+ logout anonymous left",
        r"^'retention', waiting$",
        r"trim_regularly$",
        r"^'store' \(\d+\)$",
        r"^'MainThread' \(\d+\)$",
    ):
        assert re.search(words, text, re.MULTILINE), words
    assert "s3cret-word" not in text and "what-somebody-wrote" not in text


def test_only_the_newest_dumps_are_kept(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        files = [dumped(node) for _ in range(KEPT + 2)]
        assert sorted((tmp_path / "node" / "dumps").glob("dump-*")) == sorted(files)[2:]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc here")
def test_the_signals_end_neither_workers_nor_a_server_that_leaves(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node", "--ssh", "127.0.0.1:0", "--ssh-workers", "2") as node:
        until(lambda: len(children(node.process.pid)) >= 2)
        # They may not have come to their first line yet.
        workers = children(node.process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGUSR1)
            os.kill(pid, signal.SIGUSR2)
        node.log.wait("SSH at")
        for pid in workers:
            os.kill(pid, signal.SIGUSR1)
        assert program.run("status", node.address).status == 0
        assert sorted(children(node.process.pid)) == sorted(workers)
        node.process.terminate()
        while node.process.poll() is None:
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                node.process.send_signal(number)
            time.sleep(0.005)
        assert node.process.returncode == 0


@pytest.mark.parametrize("doing", ["time.sleep(60)", "while True: pass"], ids=["waiting", "computing"])
def test_a_loop_that_is_stuck_is_seen_all_the_same(program: Program, tmp_path: Path, doing: str) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text(
        "import signal, sys, time\n"
        f"def stuck_here(*_):\n    {doing}\n"
        "signal.signal(signal.SIGURG, stuck_here)\n"
        "from tui.cli.arguments import main\n"
        "sys.exit(main())\n"
    )
    command = program.command
    program.command = lambda *arguments: [sys.executable, str(stuck), *arguments]  # type: ignore[method-assign]
    with running_node(program, tmp_path / "node") as node:
        program.command = command  # type: ignore[method-assign]
        node.process.send_signal(signal.SIGURG)
        assert program.run("status", node.address, "--timeout", "0.5").status == 3
        node.process.send_signal(signal.SIGUSR2)
        until(lambda: list((tmp_path / "node" / "dumps").glob("stacks-*.txt")))
        [file] = (tmp_path / "node" / "dumps").glob("stacks-*.txt")
        assert "in stuck_here" in file.read_text() and "store_thread.py" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert node.process.poll() is None


def test_where_the_stacks_stand_is_logged_once_the_loop_comes_round(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        node.process.send_signal(signal.SIGUSR2)
        told = node.log.wait(" where each thread was stands in ")
        assert "'MainThread'" in Path(told.rpartition(" ")[2]).read_text()


def test_a_dump_that_cannot_be_written_is_told_and_ends_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "dumps").write_text("in the way")
    with running_node(program, tmp_path / "node") as node:
        node.process.send_signal(signal.SIGUSR2)
        node.process.send_signal(signal.SIGUSR1)
        node.log.wait("warning: no dump could be written to ")
        assert program.run("status", node.address).status == 0


@pytest.mark.slow
async def test_a_server_with_a_screen_is_dumped_and_goes_on(program: Program, tmp_path: Path) -> None:
    command = program.command("serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path))
    environment = {**program.environment, "TERM": "xterm-256color", "ACTIVITY_TUI_USER": "anonymous"}
    async with TerminalCommand(command, environment=environment) as terminal:
        await terminal.shows("anonymous")
        for number in (signal.SIGUSR2, signal.SIGUSR1):
            terminal.process.send_signal(number)
        terminal.type("\x1b[15~")
        await terminal.shows("a dump was written to")
        terminal.process.terminate()
        await terminal.status()
    [file] = [name for name in os.listdir(tmp_path / "dumps") if name.startswith("dump-")]
    assert file.endswith(".txt")
