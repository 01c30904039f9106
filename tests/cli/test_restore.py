"""`restore`: a server's data from a backup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Program, running_node


@pytest.fixture
def backup(program: Program, tmp_path: Path) -> Path:
    """A backup of a server on which something was posted, and whose own data is gone."""
    with running_node(program, tmp_path / "lost", "--backup-interval", "1") as node:
        assert program.run("post", node.address, "remember me").status == 0
        node.back_up()
        node.process.kill()
        node.process.wait(LIMIT)
    return max((tmp_path / "lost" / "backups").iterdir())


def test_a_restored_server_knows_what_the_lost_one_knew(program: Program, backup: Path, tmp_path: Path) -> None:
    ended = program.run("restore", str(backup), "--data-dir", str(tmp_path / "new"))
    assert ended.status == 0, ended.err
    assert ended.out == ""
    assert "--secret-file" in ended.err and "network-secret" in ended.err
    with running_node(program, tmp_path / "new") as node:
        assert "remember me" in program.run("tail", node.address, "--since", "9", "--no-follow").out


@pytest.mark.slow
def test_existing_data_is_kept_unless_told_otherwise(program: Program, backup: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "new")
    assert program.run("restore", str(backup), "--data-dir", target).status == 0
    refused = program.run("restore", str(backup), "--data-dir", target)
    assert refused.status == 6
    assert "--force" in refused.err
    secret = tmp_path / "new" / "network-secret"
    secret.write_text("the secret of the network\n")
    forced = program.run("restore", str(backup), "--data-dir", target, "--force")
    assert forced.status == 0
    assert secret.read_text() == "the secret of the network\n"
    assert "--secret-file" not in forced.err, "the secret that is there goes on"


def test_the_help_names_a_backup_as_they_are_called(program: Program, backup: Path) -> None:
    (example,) = re.findall(r"backups/(\S+)", program.run("restore", "--help").out)
    assert re.sub(r"\d", "0", example) == re.sub(r"\d", "0", backup.name)


def test_a_running_servers_data_is_not_replaced(program: Program, backup: Path, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "new"):
        ended = program.run("restore", str(backup), "--data-dir", str(tmp_path / "new"), "--force")
        assert ended.status == 6


@pytest.mark.parametrize("content", [b"", b"not a backup", b"SQLite format 3\0" + b"\0" * 4000])
def test_a_foreign_file_is_refused(program: Program, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    ended = program.run("restore", str(file), "--data-dir", str(tmp_path / "new"))
    assert ended.status in (1, 6)
    assert str(file) in ended.err
    assert not (tmp_path / "new").exists() or not list((tmp_path / "new").glob("*.sqlite*"))


def test_a_file_that_was_named_and_is_not_there_is_a_usage_error(program: Program, tmp_path: Path) -> None:
    for command in (
        ("restore", str(tmp_path / "none"), "--data-dir", str(tmp_path / "new")),
        ("verify", str(tmp_path / "none")),
    ):
        ended = program.run(*command)
        assert ended.status == 2, command
        assert str(tmp_path / "none") in ended.err
    assert not (tmp_path / "new").exists()
