"""`events`: what a server has kept of what happened, while it runs, after it was killed, and over its next start."""

from __future__ import annotations

import json
import time
from pathlib import Path

from msgspec.structs import replace

from core.store.events_file import append_lines
from tests.cli.program import LIMIT, Program, running_node
from tests.stories.noted import BEGIN
from tests.stories.test_stories import crash


def kept(program: Program, data: Path, *more: str) -> list[str]:
    ended = program.run("events", "--data-dir", str(data), *more)
    assert (ended.status, ended.err) == (0, "")
    return ended.out.splitlines()


def test_a_server_that_was_killed_has_kept_what_it_noted_and_its_next_start_adds_to_it(
    program: Program, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for start in (1, 2):
        with running_node(program, data) as node:
            until = time.monotonic() + LIMIT
            while not data.exists() or len(kept(program, data)) < start:
                assert time.monotonic() < until
            node.process.kill()
    found = kept(program, data)
    assert len(found) == 2 and all("started with no activities yet." in line for line in found)


def test_each_incident_is_a_line_or_an_object(program: Program, tmp_path: Path) -> None:
    now = round((time.time() - 60.0) * 1_000_000)
    append_lines(tmp_path, [replace(line, stamp=line.stamp - BEGIN + now) for line in crash().lines])
    (text,) = kept(program, tmp_path)
    assert "tromso crashed" in text and "Dora to lund" in text
    (whole,) = map(json.loads, kept(program, tmp_path, "--json"))
    assert [line["kind"] for line in whole["lines"]][:2] == ["link lost", "lost"]
    assert kept(program, tmp_path, "--since", "10s") == []
    assert len(kept(program, tmp_path, "--since", "1h")) == 1


def test_where_no_server_has_been_there_is_nothing_to_tell(program: Program, tmp_path: Path) -> None:
    ended = program.run("events", "--data-dir", str(tmp_path / "nowhere"))
    assert ended.status == 6 and "No such file or directory" in ended.err and "--data-dir" in ended.err
    ended = program.run("events", "--data-dir", str(tmp_path), "--since", "yesterday")
    assert ended.status == 2 and "is not a time" in ended.err
