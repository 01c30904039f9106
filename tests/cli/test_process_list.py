"""A secret on the command line does not stay in the list of processes."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.cli.program import Program


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give no way to overwrite a command line")
@pytest.mark.parametrize("form", [["--secret", "swordfish"], ["--secret=swordfish"]])
def test_a_secret_disappears_from_the_command_line(program: Program, tmp_path: Path, form: list[str]) -> None:
    # The configuration is read from a pipe that nobody writes to: the process stays where it is.
    import os

    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    with program.running("serve", "--headless", *form, "--config", str(pipe)) as process:
        line = Path(f"/proc/{process.pid}/cmdline")
        deadline = time.monotonic() + 30
        while b"*********" not in line.read_bytes():
            assert process.poll() is None
            assert time.monotonic() < deadline, line.read_bytes()
            time.sleep(0.02)
        assert b"swordfish" not in line.read_bytes()
        assert b"--headless" in line.read_bytes()


@pytest.mark.skipif(sys.platform == "linux", reason="here the command line is overwritten")
def test_where_it_cannot_be_hidden_that_is_said(program: Program) -> None:
    ended = program.run("serve", "--headless", "--secret", "swordfish", "--port", "x")
    assert "list of processes" in ended.err
