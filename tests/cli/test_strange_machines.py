"""Machines that lack what others have: a home directory, a user, a UTF-8 locale, file descriptors."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Node, Program, running_node

NOBODY = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
"""A user whom the system does not know, with the rights of the one who runs the tests."""


def possible(*command: str) -> bool:
    """Whether this machine lets us do that."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, timeout=LIMIT, check=False).returncode == 0


@pytest.fixture(scope="module")
def _unknown_users() -> None:
    if not possible(*NOBODY):
        pytest.skip("this machine lets nobody make a user namespace")


class Homeless(Program):
    """A process without HOME, under a number that no user has."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.environment = {
            key: value
            for key, value in self.environment.items()
            if key not in ("HOME", "USER", "LOGNAME", "USERNAME", "LNAME")
        }

    def command(self, *arguments: str) -> list[str]:
        return [*NOBODY, *super().command(*arguments)]


@pytest.fixture
def homeless(_unknown_users: None, tmp_path: Path) -> Homeless:
    return Homeless(tmp_path)


def test_everything_works_without_a_home_directory_if_told_where_data_is_kept(
    homeless: Homeless, tmp_path: Path
) -> None:
    with running_node(homeless, tmp_path / "data", "--ssh", "127.0.0.1:0", secret="") as node:
        node.log.wait("SSH at")
        assert homeless.run("post", node.address, "at home nowhere").status == 0
        tail = homeless.run("tail", node.address, "--since", "1", "--no-follow")
        assert tail.status == 0 and "at home nowhere" in tail.out
        assert homeless.run("status", node.address).status == 0
    backup = tmp_path / "backup"
    backup.write_text("none")
    restored = homeless.run("restore", str(backup), "--data-dir", str(tmp_path / "other"))
    assert restored.status == 1 and str(backup) in restored.err
    assert homeless.run("config", "show").status == 0
    assert homeless.run("config", "check").status == 0


@pytest.mark.parametrize("command", [("serve", "--headless"), ("restore", str(Path(__file__)))])
def test_without_a_home_directory_it_is_said_how_to_name_a_place_for_data(
    homeless: Homeless, command: tuple[str, ...]
) -> None:
    ended = homeless.run(*command)
    assert (ended.status, ended.out) == (2, "")
    assert "no home directory" in ended.err and "--data-dir" in ended.err


@pytest.mark.parametrize("action", ["path", "init"])
def test_without_a_home_directory_it_is_said_how_to_name_a_configuration_file(homeless: Homeless, action: str) -> None:
    ended = homeless.run("config", action)
    assert (ended.status, ended.out) == (2, "")
    assert "no home directory" in ended.err and "--config" in ended.err


def test_a_home_that_is_no_directory_hinders_nobody_who_says_where_data_is_kept(
    program: Program, tmp_path: Path
) -> None:
    variables = {"HOME": "/dev/null"}
    program.environment.update(variables)
    with running_node(program, tmp_path / "data") as node:
        assert program.run("post", node.address, "hello").status == 0
        assert program.run("config", "show").status == 0


ASCII: Mapping[str, str] = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""An old locale, and a Python that takes it at its word."""


@pytest.mark.parametrize("variables", [ASCII, {"PYTHONIOENCODING": "latin-1"}], ids=["ascii", "latin-1"])
def test_json_is_utf_8_whatever_the_locale(program: Program, tmp_path: Path, variables: Mapping[str, str]) -> None:
    with running_node(program, tmp_path / "data") as node:
        assert program.run("post", node.address, "--json", '{"words":"Brötchen ∮ 面包"}').status == 0
        tail = raw(program, variables, "tail", node.address, "--since", "1", "--no-follow", "--json")
        assert json.loads(tail.decode("utf-8"))["words"] == "Brötchen ∮ 面包"
        assert json.loads(raw(program, variables, "status", node.address, "--json").decode("utf-8"))


def test_words_that_the_locale_cannot_show_are_spelt_out(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        assert program.run("post", node.address, "Brötchen").status == 0
        shown = raw(program, ASCII, "tail", node.address, "--since", "1", "--no-follow")
        assert b"anonymous: Br\\xf6tchen\n" in shown


def raw(program: Program, variables: Mapping[str, str], *arguments: str) -> bytes:
    """The bytes that a command that succeeds writes to standard output."""
    ended = subprocess.run(
        program.command(*arguments),
        env={**program.environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert b"Traceback" not in ended.stderr
    return ended.stdout


class FewFiles(Program):
    """Processes that may have few files open."""

    def __init__(self, home: Path, files: int) -> None:
        super().__init__(home)
        self._files = files

    def command(self, *arguments: str) -> list[str]:
        return ["sh", "-c", f'ulimit -n {self._files} && exec "$0" "$@"', *super().command(*arguments)]


@pytest.mark.parametrize("files", [64, 128, 256])
def test_few_descriptors_are_told_at_the_start_and_then_once_a_minute(tmp_path: Path, files: int) -> None:
    few = FewFiles(tmp_path, files)
    with running_node(few, tmp_path / "data", "--ssh", "127.0.0.1:0") as node:
        node.log.wait("this process may have few files open")
        node.log.wait("SSH at")
        with contextlib.ExitStack() as crowd:
            for _ in range(2 * files):
                crowd.enter_context(connected(node.port))
            # Who says nothing is cut in time, before the system has nothing left.
            node.log.wait("have not said who they are")
        assert any(posted(tmp_path, node) for _ in range(20)), "there is room again once the crowd has gone"
        node.process.terminate()
        node.process.wait(LIMIT)
        lines = node.log.rest()
        assert sum("nobody else can connect" in line for line in lines) <= 1
        assert len(lines) < 60, "a crowd is told of in a few lines"
        assert [line for line in lines if "fault" in line] == []


def posted(home: Path, node: Node) -> bool:
    """Whether somebody gets in and can post."""
    return Program(home).run("post", node.address, "there is room again").status == 0


def connected(port: int) -> contextlib.closing[socket.socket]:
    return contextlib.closing(socket.create_connection(("127.0.0.1", port), LIMIT))
