"""The page about debugging a live node is true: every command in it is run against one, and says what it should."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from core.node.interface.traces import TraceKind
from tests.cli.program import LIMIT, REPOSITORY, Lines, Program

PAGE = (REPOSITORY / "core" / "DEBUGGING.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    ") and line.strip()]
STATUS = "activity-tui status HOST:3780"
[SERVE] = [line for line in COMMANDS if " serve " in line]


@dataclass
class Debugged:
    """A server as the page starts it, on a free port, with a second one linked to it and somebody registered."""

    program: Program
    directory: Path
    port: int

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        line = line.replace("HOST:3780", f"127.0.0.1:{self.port}").replace("HOST 3780", f"127.0.0.1 {self.port}")
        line = line.replace("port 3780", f"port {self.port}").replace("DATA_DIR", "node")
        line = re.sub(r"\bactivity-tui\b", f"{shlex.quote(sys.executable)} -m tui", line)
        line = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", line)
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.directory,
            env=self.program.environment,
            capture_output=True,
            text=True,
            timeout=2 * LIMIT,
            check=False,
        )

    def dumps(self, kind: str) -> list[Path]:
        deadline = time.monotonic() + LIMIT
        while not (found := list((self.directory / "node" / "dumps").glob(f"{kind}-*.txt"))):
            assert time.monotonic() < deadline, kind
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def debugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debugged]:
    directory = tmp_path_factory.mktemp("debugged")
    (directory / "home").mkdir()
    program = Program(directory / "home")
    program.environment |= {"ACTIVITY_TUI_HOST": "127.0.0.1", "ACTIVITY_TUI_PRESET": "local"}
    log = directory / "node.log"
    options = [*shlex.split(SERVE)[1:], "--port", "0", "--data-dir", str(directory / "node"), "--log-file", str(log)]
    with program.running(*options):
        deadline = time.monotonic() + LIMIT
        while not (found := re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text() if log.exists() else "")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        first = Debugged(program, directory, int(found[1]))
        secret = ("--secret-file", str(directory / "node" / "network-secret"))
        other = ("--headless", "--port", "0", "--data-dir", str(directory / "other"))
        with program.running("join", f"127.0.0.1:{first.port}", *other, *secret) as second:
            assert second.stderr is not None
            Lines(second.stderr).wait(" linked ")
            assert program.run("register", f"127.0.0.1:{first.port}", "-u", "ada").status == 0
            yield first


def command(part: str) -> str:
    """The one command of the page that has these words in it, which is about to be run."""
    [found] = [line for line in COMMANDS if part in line]
    return found


def test_every_command_of_the_page_is_run_here() -> None:
    run = {command(part) for part in re.findall(r'command\("(.*?)"\)', Path(__file__).read_text(encoding="utf-8"))}
    assert set(COMMANDS) - run == {SERVE, STATUS}


def test_every_kind_of_line_has_its_row() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == sorted(
        get_args(TraceKind), key=lambda kind: PAGE.find(f"| `{kind}` |")
    )


def test_the_status_is_told_as_a_table_and_as_json(debugged: Debugged) -> None:
    done = debugged.run(STATUS)
    assert done.returncode == 0 and "SERVER" in done.stdout, done
    done = debugged.run(command("json.tool"))
    assert done.returncode == 0 and '"servers": [' in done.stdout, done


def test_grep_finds_what_it_is_there_for(debugged: Debugged) -> None:
    for line, words in (
        (command("'conn=1 '"), r"debug: opened conn=1 "),
        (command("to=native"), r"^1$"),
        (command("(dial|link|tree|sync)"), r"debug: link conn=\d+ step=up server=\w+"),
        (command("' debug: claim '"), r"debug: claim claim=\S+ step=decided name=ada round=1"),
        (command("(timer|slow)"), r"debug: (timer|slow) |the loop came round in time"),
    ):
        done = debugged.run(line)
        assert done.returncode == 0 and re.search(words, done.stdout, re.MULTILINE), done


def test_what_waits_is_told_on_its_own_machine_and_with_the_secret(debugged: Debugged) -> None:
    done = debugged.run(command("--queues --data-dir"))
    assert done.returncode == 0 and "entries not durable" in done.stdout, done
    done = debugged.run(command("--queues --json"))
    assert done.returncode == 0 and '"attempts at secrets"' in done.stdout, done


def test_whether_everything_arrives_is_said_before_and_after_it_is_tried(debugged: Debugged) -> None:
    done = debugged.run(command("--dry-run"))
    assert done.returncode == 0 and done.stderr.startswith("This posts 200 activities"), done
    done = debugged.run(command("check HOST:3780 --posts"))
    assert done.returncode == 0 and re.search(r"^the seam +holds", done.stdout, re.MULTILINE), done


def test_both_dumps_are_written_where_the_page_says(debugged: Debugged) -> None:
    assert debugged.run(command("kill -USR1")).returncode == 0
    [dump] = debugged.dumps("dump")
    assert "== task" in dump.read_text()
    assert dump.name in debugged.run(command("ls DATA_DIR/dumps")).stdout
    assert debugged.run(command("kill -USR2")).returncode == 0
    [stacks] = debugged.dumps("stacks")
    assert "'MainThread'" in stacks.read_text()


@pytest.mark.skipif(shutil.which("nc") is None, reason="there is no nc here")
def test_a_line_of_json_is_enough_to_speak_with_it(debugged: Debugged) -> None:
    done = debugged.run(command("| nc "))
    assert "LOGIN_SUCCESS" in done.stdout, done


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="there is no tcpdump here")
def test_what_is_said_can_be_read_on_the_wire(debugged: Debugged) -> None:
    line = command("tcpdump")
    timed = f"timeout 20 {line} -c 200 2>err & sleep 1; while kill -0 $! 2>/dev/null; do {STATUS} --plain >&2; done"
    if debugged.run(f"timeout 2 {line} -c 1").returncode not in (0, 124):
        pytest.skip("one may not listen on interfaces here")
    done = debugged.run(timed)
    assert "STATUS_REQUEST" in done.stdout, done


def test_a_history_is_replayed_with_what_goes_on_inside(debugged: Debugged) -> None:
    done = debugged.run(command("replay --seed 12"))
    assert done.returncode == 0 and re.search(r" claim claim=\S+ step=decided", done.stdout), done
    done = debugged.run(command("sweep --first"))
    assert done.returncode == 0 and "all guarantees held" in done.stdout, done
