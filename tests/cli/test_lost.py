"""A server whose data was lost: refused in words with the commands that help, which then do."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Program, running_node


@pytest.fixture
def data(program: Program, tmp_path: Path) -> Path:
    """The directory of a server that was killed, with a post in a backup and another one in the log only."""
    directory = tmp_path / "some data"
    with running_node(program, directory, "--backup-interval", "1") as node:
        assert program.run("post", node.address, "in the backup").status == 0
        node.back_up()
        node.process.kill()
        node.process.wait(LIMIT)
    with running_node(program, directory, "--backup-interval", "0") as node:
        assert program.run("post", node.address, "in the log").status == 0
        node.process.kill()
        node.process.wait(LIMIT)
    return directory


def remove(directory: Path) -> None:
    for file in directory.glob("node.db*"):
        file.unlink()


def empty(directory: Path) -> None:
    remove(directory)
    (directory / "node.db").touch()


def cut_off(directory: Path) -> None:
    database = directory / "node.db"
    (directory / "node.db-wal").unlink()
    database.write_bytes(database.read_bytes()[:3000])


def without_log(directory: Path) -> None:
    (directory / "node.db-wal").unlink()


def start(program: Program, data: Path, *options: str) -> tuple[int, str]:
    """A start that is to be refused."""
    fixed = ("--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data))
    ended = program.run("serve", *fixed, *options)
    return ended.status, ended.err


@pytest.mark.parametrize(
    "lose", [pytest.param(each, marks=pytest.mark.slow) for each in (remove, empty, cut_off, without_log)]
)
def test_a_start_is_refused_and_the_command_that_it_names_brings_the_node_back(
    program: Program, data: Path, lose: Callable[[Path], None]
) -> None:
    lose(data)
    backups = sorted((data / "backups").iterdir())
    status, said = start(program, data)
    assert status == 6, said
    assert "--new-node" in said
    (command,) = re.findall(r"activity-tui (restore .*)", said)
    words = shlex.split(command)
    assert words[1] == str(backups[-1])
    restored = program.run(*words)
    assert restored.status == 0, restored.err
    with running_node(program, data) as node:
        assert "in the backup" in program.run("tail", node.address, "--since", "9", "--no-follow").out


def test_another_servers_database_is_refused(program: Program, data: Path, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "other") as node:
        node.process.terminate()
        node.process.wait(LIMIT)
    remove(data)
    shutil.copy(tmp_path / "other" / "node.db", data)
    status, said = start(program, data)
    assert status == 6
    assert "another node's" in said and "--force" in said


@pytest.mark.slow
def test_who_says_so_begins_a_new_node_beside_the_old_ones_backups(program: Program, data: Path) -> None:
    remove(data)
    backups = set((data / "backups").iterdir())
    with running_node(program, data, "--new-node", "--backup-interval", "1", "--backups-kept", "1") as node:
        node.log.wait("a new node begins")
        for _ in range(3):
            node.log.wait("backups/backup-")
        assert program.run("tail", node.address, "--since", "9", "--no-follow").out == ""
    assert backups <= set((data / "backups").iterdir())
    with running_node(program, data):
        pass


@pytest.mark.slow
def test_who_says_so_goes_on_with_what_is_left(program: Program, data: Path) -> None:
    # What the second start found went into the database's file when the first backup was restored over it.
    (newest, *_) = sorted((data / "backups").iterdir(), reverse=True)
    assert program.run("restore", str(newest), "--data-dir", str(data), "--force").status == 0
    with running_node(program, data) as node:
        assert program.run("post", node.address, "in the log").status == 0
        node.process.kill()
        node.process.wait(LIMIT)
    without_log(data)
    status, said = start(program, data)
    assert status == 6 and "--accept-loss" in said, said
    with running_node(program, data, "--accept-loss") as node:
        node.log.wait("lacks 1 entries")
        assert "in the backup" in program.run("tail", node.address, "--since", "9", "--no-follow").out


def test_both_at_once_is_no_answer(program: Program, data: Path) -> None:
    status, said = start(program, data, "--accept-loss", "--new-node")
    assert status == 2
    assert "not allowed with" in said


def test_the_restored_server_keeps_the_networks_secret_that_is_there(program: Program, data: Path) -> None:
    (newest, *_) = sorted((data / "backups").iterdir(), reverse=True)
    assert program.run("restore", str(newest), "--data-dir", str(data), "--force").status == 0
    with running_node(program, data, secret=""):
        assert (data / "network-secret").read_text() == "s3cret-word\n"


def test_a_restoration_says_what_becomes_of_the_host_key(program: Program, data: Path, tmp_path: Path) -> None:
    (newest, *_) = sorted((data / "backups").iterdir(), reverse=True)
    elsewhere = program.run("restore", str(newest), "--data-dir", str(tmp_path / "new"))
    assert "no backup holds the SSH host key" in elsewhere.err
    (data / "ssh-host-key").write_text("the key")
    here = program.run("restore", str(newest), "--data-dir", str(data), "--force")
    assert "as before" in here.err and "no backup holds the SSH host key" not in here.err
