"""`downgrade`: a server's data as the version before this one reads it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tests.cli.program import Program, running_node
from tests.store.damaging import filled


def test_what_was_posted_is_there_for_the_version_before_and_when_this_one_comes_back(
    program: Program, tmp_path: Path
) -> None:
    data = tmp_path / "node"
    with running_node(program, data) as node:
        assert program.run("post", node.address, "remember me").status == 0
        refused = program.run("downgrade", "--data-dir", str(data))
        assert (refused.status, refused.out) == (6, "")
        assert "in use" in refused.err
    done = program.run("downgrade", "--data-dir", str(data))
    assert (done.status, done.out) == (0, ""), done.err
    assert "before-schema-3-" in done.err
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        (body,) = connection.execute("SELECT body FROM entries WHERE kind = 'activity'").fetchone()
    assert b"remember me" in body
    with running_node(program, data) as node:
        assert "remember me" in program.run("tail", node.address, "--since", "9", "--no-follow").out


def test_where_there_is_nothing_a_sentence_says_so_and_nothing_is_made(program: Program, tmp_path: Path) -> None:
    ended = program.run("downgrade", "--data-dir", str(tmp_path / "none"))
    assert (ended.status, ended.out) == (6, "")
    assert "no server's data" in ended.err
    assert not (tmp_path / "none").exists()


def test_damaged_data_is_left_as_it_is_with_what_mends_it(program: Program, tmp_path: Path) -> None:
    data = tmp_path / "node"
    filled(data)
    (data / "node.db").write_bytes(damaged := b"my novel, chapter one. " * 100)
    ended = program.run("downgrade", "--data-dir", str(data))
    assert (ended.status, ended.out) == (6, "")
    assert "damaged" in ended.err and "start this version's server" in ended.err
    assert (data / "node.db").read_bytes() == damaged
