"""`verify`: what it says of whole and of damaged data, and that it changes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Program, running_node
from tests.store.damaging import filled, opened
from tests.store.making import WALL


@pytest.fixture
def data(tmp_path: Path) -> Path:
    filled(tmp_path / "data")
    return tmp_path / "data"


def damage(database: Path, statement: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()


def content(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.iterdir() if path.is_file()}


def test_whole_data_is_said_to_be_whole_and_is_left_as_it_is(program: Program, data: Path) -> None:
    before = content(data)
    ended = program.run("verify", "--data-dir", str(data))
    assert ended.status == 0, ended.err
    assert "21 records (10 signed), 80 activities, 1 entries of accounts" in ended.out
    assert ended.out.splitlines()[-1] == "whole"
    assert content(data) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE records SET line = zeroblob(9) WHERE no = 3", "record 3, numbers 5 to 8 of the stream"),
        ("UPDATE records SET first = first + 1000 WHERE no = 3", "record 3"),
        ("UPDATE node SET incarnation = incarnation + 1", "whose data it is"),
        ("UPDATE settings SET value = 'other' WHERE name = 'network_secret'", "the setting 'network_secret'"),
        ("UPDATE streams SET node = 'somebody'", "stream"),
        ("UPDATE time_index SET packed = zeroblob(1600) WHERE no > 0", "a row of its table time_index"),
        ("DELETE FROM time_index WHERE no > 0", "index of entries by time"),
        ("UPDATE senders SET stamp = stamp + 1 WHERE sender = 'ada'", "'ada'"),
        ("DELETE FROM senders WHERE sender = 'ada'", "'ada'"),
        ("UPDATE refs SET packed = zeroblob(18) WHERE record = 1", "names that senders have given"),
        ("DELETE FROM accounts", "accounts"),
        ("UPDATE runs SET last = last - 1 WHERE last > 1", "runs"),
        ("UPDATE behind SET activities = activities + 1", "behind"),
        ("UPDATE peers SET others = 'nothing'", "addresses of the known server"),
        ("DROP INDEX records_by_number", "its tables are not those of its version"),
    ],
)
def test_each_damaged_thing_is_named(program: Program, data: Path, statement: str, said: str) -> None:
    damage(data / "node.db", statement)
    ended = program.run("verify", str(data))
    assert ended.status == 1
    told = [line for line in ended.out.splitlines() if line.startswith("damaged: ")]
    assert any(said in line for line in told), ended.out


def test_a_record_that_somebody_has_written_anew_with_its_checksum_is_found_by_its_signature(
    program: Program, data: Path
) -> None:
    from core.store.record_rows import RECORD_COLUMNS, RecordRow, row_of
    from core.wire.records import decode

    with sqlite3.connect(data / "node.db") as connection:
        row = RecordRow._make(connection.execute(f"SELECT {RECORD_COLUMNS} FROM records WHERE no = 1").fetchone())
        forged = decode(row.line.replace(b'"number":1}', b'"number":9}'))
        connection.execute("DELETE FROM records WHERE no = 1")
        connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row_of(1, row.stream, forged))
    connection.close()
    ended = program.run("verify", str(data))
    assert ended.status == 1
    assert "its signature does not fit" in ended.out


def test_what_is_no_database_any_more_is_said_without_a_traceback(program: Program, data: Path) -> None:
    (data / "node.db").write_bytes(b"my novel, chapter one. " * 100)
    ended = program.run("verify", str(data))
    assert ended.status == 1
    assert "cannot be read as a database" in ended.out
    cut = (data / "node.db").read_bytes()[:50]
    (data / "node.db").write_bytes(cut)
    assert program.run("verify", str(data)).status == 1


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_at_once(program: Program, tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / "node.db")
    else:
        (tmp_path / "node.db").symlink_to("/dev/zero")
    ended = program.run("verify", "--data-dir", str(tmp_path))
    assert (ended.status, ended.out) == (6, "")
    assert f"node.db is a {kind}" in ended.err


def test_json_has_everything_that_is_said(program: Program, data: Path) -> None:
    damage(data / "node.db", "UPDATE records SET line = zeroblob(9) WHERE no = 3")
    ended = program.run("verify", "--json", str(data / "node.db"))
    answer = json.loads(ended.out)
    assert (ended.status, answer["whole"], answer["backup"]) == (1, False, False)
    assert {"node": answer["node"], "first": 5, "last": 8}.items() <= answer["damage"][0].items()


def test_the_data_of_a_running_server_and_its_backups_are_read_while_it_goes_on(
    program: Program, tmp_path: Path
) -> None:
    with running_node(program, tmp_path / "data", "--backup-interval", "1") as node:
        assert program.run("post", node.address, "hello").status == 0
        node.back_up()
        ended = program.run("verify", "--data-dir", str(tmp_path / "data"))
        assert ended.status == 0, ended.out
        assert "1 activities" in ended.out
        backup = max((tmp_path / "data" / "backups").iterdir())
        assert program.run("verify", str(backup)).status == 0
        assert program.run("post", node.address, "again").status == 0
    whole = backup.read_bytes()
    backup.write_bytes(whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:])
    ended = program.run("verify", str(backup))
    assert ended.status == 1
    assert "another" in ended.err


def test_a_directory_without_data_is_refused_with_what_to_do(program: Program, tmp_path: Path) -> None:
    ended = program.run("verify", "--data-dir", str(tmp_path / "nothing"))
    assert ended.status == 6
    assert "--data-dir" in ended.err


@pytest.fixture
def killed(program: Program, tmp_path: Path) -> Path:
    """The data of a server that was killed: most of it is in its log."""
    data = tmp_path / "killed"
    with running_node(program, data) as node:
        for text in ("first", "second", "third"):
            assert program.run("post", node.address, text).status == 0
        while_it_runs = program.run("verify", "--data-dir", str(data))
        assert (while_it_runs.status, while_it_runs.out.splitlines()[-1]) == (0, "whole")
        node.process.kill()
        node.process.wait()
    return data


def flip_in_the_second_post(data: Path) -> None:
    log = data / "node.db-wal"
    content = bytearray(log.read_bytes())
    content[content.index(b'"second"')] ^= 1
    log.write_bytes(content)


def cut_before_the_second_post(data: Path) -> None:
    log = data / "node.db-wal"
    os.truncate(log, log.read_bytes().index(b'"second"'))


@pytest.mark.slow
@pytest.mark.parametrize("damaging", [flip_in_the_second_post, cut_before_the_second_post])
def test_what_a_damaged_log_has_lost_is_said_and_the_next_start_does_what_is_said(
    program: Program, killed: Path, damaging: Callable[[Path], None]
) -> None:
    whole = program.run("verify", "--data-dir", str(killed))
    assert (whole.status, whole.out.splitlines()[-1]) == (0, "whole")
    damaging(killed)
    ended = program.run("verify", "--data-dir", str(killed))
    assert ended.status == 1
    assert "node.db lacks 2 entries" in ended.out and "node.db-wal" in ended.out
    assert ended.out.splitlines()[-1] == "1 damaged"
    assert "asks other servers for the rest" in ended.err
    with running_node(program, killed) as node:
        if not any("lacks 2 entries" in line for line in node.log.seen):
            node.log.wait("lacks 2 entries")
        after = program.run("verify", "--data-dir", str(killed))
        assert after.status == 0, after.out


@pytest.mark.slow
def test_a_database_whose_log_is_gone_is_not_called_whole_and_what_a_start_does_is_said(
    program: Program, killed: Path
) -> None:
    (killed / "node.db-wal").unlink()
    ended = program.run("verify", "--data-dir", str(killed))
    assert ended.status == 1
    assert "holds nothing" in ended.out or "lacks" in ended.out
    assert "it says how it can go on" in ended.err


def test_an_older_copy_in_the_place_of_a_database_is_not_called_whole(program: Program, data: Path) -> None:
    older = (data / "node.db").read_bytes()
    opened(data, WALL + 2)[0].close()
    (data / "node.db").write_bytes(older)
    ended = program.run("verify", "--data-dir", str(data))
    assert ended.status == 1
    assert "is an older copy: it lacks the node's last start" in ended.out


def test_a_copy_that_stands_elsewhere_is_not_compared_with_what_is_beside_it(program: Program, data: Path) -> None:
    (data / "node.db").rename(data / "copy.db")
    opened(data / "other", WALL)[0].close()
    (data / "other" / "node.witness").rename(data / "node.witness")
    assert program.run("verify", str(data / "copy.db")).status == 0
