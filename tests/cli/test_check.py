"""`check` against real servers: what holds, what it says before it begins, and how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, REPOSITORY, Lines, Program, running_node

QUICK = ("--posts", "120", "--rate", "400", "--timeout", "30")


def test_a_server_of_ours_holds_and_its_seams_were_tried(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        # Slowly: on a busy machine all would be said before the readers had come back once.
        ended = program.run("check", node.address, *QUICK, "--rate", "60", "--json")
        there = program.run("tail", node.address, "--since", "500", "--no-follow")
    assert ended.status == 0, ended.out + ended.err
    found = json.loads(ended.out)
    assert found["holds"] and found["protocol"] == "native"
    assert {check["verdict"] for check in found["checks"]} == {"holds"}
    seam = next(check for check in found["checks"] if check["name"] == "the seam")
    # At how many the writers' activities lie on both sides is for the machine to say.
    assert seam["looked_at"] >= 1
    assert len(there.out.splitlines()) == 120
    assert all(f"activity-tui check {found['run']}" in line for line in there.out.splitlines())


def test_people_who_come_back_at_another_server_of_the_network_miss_nothing(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "a") as first,
        running_node(program, tmp_path / "b", join=first.address) as second,
    ):
        first.log.wait("linked")
        second.log.wait("linked")
        ended = program.run("check", first.address, second.address, *QUICK)
    assert ended.status == 0, ended.out + ended.err
    assert f"at {first.address}, {second.address} as anonymous" in ended.err
    assert "BROKEN" not in ended.out


@pytest.mark.slow
def test_somebody_with_a_name_posts_under_it(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        assert program.run("register", node.address, "-u", "ada").status == 0
        ended = program.run("check", node.address, *QUICK, "-u", "ada")
        newest = program.run("tail", node.address, "--since", "1", "--no-follow", "--json")
    assert ended.status == 0, ended.out + ended.err
    assert "as ada" in ended.err
    assert json.loads(newest.out)["authenticated_user"] == "ada"


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_in_the_midst_of_it_holds(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        more = ("--posts", "300", "--rate", "60", "--timeout", "60")
        with program.running("check", node.address, *more) as check:
            assert check.stdout is not None and check.stderr is not None
            # The first have come in when somebody has left again.
            node.log.wait("anonymous left")
            node.process.kill()
            node.process.wait(LIMIT)
            with running_node(program, tmp_path / "data", "--port", str(node.port)):
                out, err = check.communicate(timeout=2 * LIMIT)
    assert check.returncode == 0, out + err
    assert "a connection was lost or could not be had" in out


@pytest.mark.parametrize("dialect", ["text", "O", "E", "D"])
def test_a_base_server_is_checked_as_far_as_it_promises_anything(program: Program, dialect: str) -> None:
    command = [sys.executable, "-m", "tests.base_peers.server", "--port", "0", "--secret", "s", "--dialect", dialect]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = Lines(server.stdout).wait("listening on ").removeprefix("listening on ")
            ended = program.run("check", address, "--plain", *QUICK)
        finally:
            server.kill()
    assert ended.status == 0, ended.out + ended.err
    assert "the seam         not tried  no login had one writer's activities on both sides" in ended.out
    assert "where only the base protocol is spoken no past is sent" in ended.out


def test_what_would_be_posted_is_said_and_nothing_is_done(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        ended = program.run("check", address, "--dry-run", "--posts", "1000", "--size", "500")
        nobody.setblocking(False)
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert (ended.status, ended.out) == (0, "")
    assert f"This posts 1,000 activities of some 500 bytes at {address} as anonymous" in ended.err


def test_nobody_there_is_status_3_and_nothing_is_claimed(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = program.run("check", f"127.0.0.1:{port}")
    assert (ended.status, ended.out) == (3, "")
    assert "nobody listens there" in ended.err


def test_where_nobody_may_be_anonymous_it_is_status_4(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data", "--no-anonymous") as node:
        ended = program.run("check", node.address)
    assert (ended.status, ended.out) == (4, "")
    assert ended.err.splitlines()[-1] == "Say who you are with -u NAME."
