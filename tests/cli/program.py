"""The application as a person starts it: a process with a home directory of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.processes.forked import ForkedCommand, can_fork

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 40.0
"""Seconds that a command may take, on a machine that has much else to do."""


@dataclass(frozen=True)
class Ended:
    """What a command did."""

    status: int
    out: str
    err: str


class Program:
    """Runs commands in a home directory that nothing else uses; all they say must be free of tracebacks."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ACTIVITY_TUI_", "XDG_"))},
            "HOME": str(home),
            "PYTHONPATH": str(REPOSITORY),
            "COLUMNS": "100",
            # Whoever begins a server on a free port is nobody's acquaintance.
            "ACTIVITY_TUI_ACCEPT_NEW": "yes",
        }

        self.is_forked = False
        """Whether what is run is forked from a loaded program instead of being started: the same, but for the start."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tui", *arguments]

    def run(self, *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None) -> Ended:
        """Run a command to its end."""
        environment = {**self.environment, **(variables or {})}
        if self._forks(variables or {}):
            process = ForkedCommand(arguments, environment, subprocess.PIPE)
            out, err = process.communicate(stdin, LIMIT)
            status = process.wait()
        else:
            ended = subprocess.run(
                self.command(*arguments),
                env=environment,
                input=stdin.encode(),
                capture_output=True,
                timeout=LIMIT,
                check=False,
            )
            out, err, status = ended.stdout.decode(), ended.stderr.decode(), ended.returncode
        assert "Traceback" not in err, err
        return Ended(status, out, err)

    def _forks(self, variables: Mapping[str, str]) -> bool:
        """What the interpreter itself reads when it starts cannot be changed afterwards."""
        return (
            self.is_forked and can_fork() and not any(name.startswith(("PYTHON", "LC_", "LANG")) for name in variables)
        )

    @contextmanager
    def running(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, variables: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A command while it runs; killed at the end of the block if it still does."""
        environment = {**self.environment, **(variables or {})}
        if self._forks(variables or {}):
            process: subprocess.Popen[str] = ForkedCommand(arguments, environment, stdin)
        else:
            process = subprocess.Popen(
                self.command(*arguments),
                env=environment,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()


class Lines:
    """Lines of a running command's stream, read by a thread so that a test can wait for one with a limit."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError):
            for line in stream:
                self._fresh.put(line.rstrip("\n"))
        self._fresh.put(None)

    def wait(self, words: str, limit: float = LIMIT) -> str:
        """The next line that contains `words`. Raises AssertionError if none comes."""
        deadline = time.monotonic() + limit
        while True:
            try:
                line = self._fresh.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{words!r} did not come within {limit} s; seen: {self.seen}") from None
            if line is None:
                raise AssertionError(f"{words!r} did not come before the end; seen: {self.seen}")
            self.seen.append(line)
            if words in line:
                return line

    def rest(self, limit: float = LIMIT) -> list[str]:
        """All lines up to the end."""
        while (line := self._fresh.get(timeout=limit)) is not None:
            self.seen.append(line)
        return self.seen


class Node:
    """A headless server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, secret: str) -> None:
        assert process.stderr is not None
        self.process = process
        self.data_dir = data_dir
        self.secret = secret
        self.log = Lines(process.stderr)
        words = self.log.wait("listening on ")
        self.port = int(words.partition("listening on 127.0.0.1:")[2].partition(",")[0])
        self.address = f"127.0.0.1:{self.port}"

    def back_up(self) -> None:
        """Wait until there is a backup of everything up to now: the second from here on, for one may be half done."""
        directory = self.data_dir / "backups"
        seen = set(directory.glob("backup-*"))
        deadline = time.monotonic() + LIMIT
        while len(set(directory.glob("backup-*")) - seen) < 2:
            assert time.monotonic() < deadline, f"no backups come; seen: {self.log.seen}"
            time.sleep(0.05)


@contextmanager
def running_node(
    program: Program, data_dir: Path, *options: str, join: str = "", secret: str = "s3cret-word"
) -> Iterator[Node]:
    """A headless server on a free loopback port."""
    command = ("join", join) if join else ("serve",)
    fixed = ("--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir), "--preset", "local")
    variables = {"ACTIVITY_TUI_SECRET": secret} if secret else {}
    with program.running(*command, *fixed, *options, variables=variables) as process:
        yield Node(process, data_dir, secret)
