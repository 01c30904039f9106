"""A supervisor that waits for it is told when a server is ready, and when it leaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Program
from tui.cli.supervisor import tell_supervisor


@contextmanager
def listening_at(address: str | bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        supervisor.settimeout(LIMIT)
        yield supervisor


def test_it_is_ready_when_clients_come_in_and_stopping_once_it_was_told_to_end(
    program: Program, tmp_path: Path
) -> None:
    with listening_at(str(tmp_path / "notify")) as supervisor:
        program.environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        command = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "node"))
        with program.running(*command) as process:
            ready = supervisor.recv(4096).decode().splitlines()
            assert ready[0] == "READY=1"
            assert program.run("post", ready[1].rpartition(" ")[2], "hello").status == 0
            process.terminate()
            assert supervisor.recv(4096) == b"STOPPING=1"
            assert process.wait(LIMIT) == 0


def test_a_socket_without_a_file_is_one_too() -> None:
    name = f"test-supervisor-{time.monotonic_ns()}"
    with listening_at(f"\0{name}".encode()) as supervisor:
        tell_supervisor("READY=1", "STATUS=x", environment={"NOTIFY_SOCKET": f"@{name}"})
        assert supervisor.recv(4096) == b"READY=1\nSTATUS=x"


@pytest.mark.parametrize("where", ["", "nowhere", "/nowhere/notify", "@nobody-listens-here", "/" + "x" * 200])
def test_where_nobody_waits_for_it_nothing_happens(where: str) -> None:
    tell_supervisor("READY=1", environment={"NOTIFY_SOCKET": where} if where else {})
