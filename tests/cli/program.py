"""The application as a person starts it: a process with a home directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tui", *arguments]

    def run(self, *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None) -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(
            self.command(*arguments),
            env={**self.environment, **(variables or {})},
            input=stdin.encode(),
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )
        out, err = ended.stdout.decode(), ended.stderr.decode()
        assert "Traceback" not in err, err
        return Ended(ended.returncode, out, err)

    @contextmanager
    def running(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, variables: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A command while it runs; killed at the end of the block if it still does."""
        process = subprocess.Popen(
            self.command(*arguments),
            env={**self.environment, **(variables or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
