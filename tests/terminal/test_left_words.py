"""What stands in the terminal once somebody has left: who they were, what goes on, and how they come back."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pytest

from core.wire.address import Address
from tests.terminal.pseudo import Terminal
from tui.application.farewell import left_words
from tui.cli.arguments import build
from tui.cli.serve import _again


def words_after(terminal: Terminal) -> str:
    """What was written behind the screen, on one line."""
    return " ".join(terminal.text.rpartition("palette")[2].split())


def leave_server(terminal: Terminal) -> None:
    terminal.type(b"\x11")
    terminal.has("Stop this server?")
    time.sleep(0.4)  # the question's reading time, which a person takes as well
    terminal.type(b"y")
    terminal.type(b"\r", pause=0.1)


def test_somebody_who_stops_their_server_reads_who_they_were_and_the_command_that_starts_it_again(
    tmp_path: Path,
) -> None:
    arguments = ("serve", "--host", "127.0.0.1", "--port", "0", "--name", "kitchen", "-u", "anonymous")
    server = Terminal(tmp_path, *arguments)
    try:
        server.has("you are anonymous on kitchen")
        port = server.port
        leave_server(server)
        assert server.wait() == 0
        told = words_after(server)
        assert "activity-tui: you were anonymous on kitchen, and no other server is there" in told
        again = f"`activity-tui serve --host 127.0.0.1 --name kitchen -u anonymous --port {port} --data-dir "
        assert again in told and "/node-0` comes back" in told
        assert "\x1b[" not in server.output.decode().rpartition("activity-tui: you were")[2]
    finally:
        server.close()


def test_somebody_who_was_a_client_reads_at_how_many_servers_the_network_goes_on_and_nothing_if_it_goes_to_a_file(
    tmp_path: Path,
) -> None:
    server = Terminal(tmp_path / "host", "serve", "--host", "127.0.0.1", "--port", "0", "--name", "kitchen")
    visitors: list[Terminal] = []
    try:
        where = f"127.0.0.1:{server.port}"
        for redirection in ("", f"2>{tmp_path}/narration"):
            arguments = ("join", where, "-u", "anonymous", "--accept-new")
            visitor = Terminal(tmp_path / "guest", *arguments, redirection=redirection)
            visitors.append(visitor)
            visitor.has("you are anonymous at kitchen · 1 server")
            visitor.type(b"\x11")
            assert visitor.wait() == 0
        told = words_after(visitors[0])
        assert "you were anonymous at kitchen, where the network goes on with 1 server" in told
        assert f"`activity-tui join {where} --accept-new -u anonymous` comes back" in told
        assert "comes back" not in (tmp_path / "narration").read_text() + words_after(visitors[1])
    finally:
        for terminal in (server, *visitors):
            terminal.close()


@pytest.mark.parametrize(
    ("who", "others", "took_node", "said"),
    [
        ("ada", 2, False, "you were ada at kitchen, where the network goes on with 3 servers"),
        ("ada", 2, True, "you were ada on kitchen, and the network goes on with 2 other servers"),
        ("ada", 1, True, "you were ada on kitchen, and the network goes on with 1 other server"),
        ("", 0, False, "you were not logged in at kitchen, where the network goes on with 1 server"),
    ],
)
def test_it_is_said_with_how_many_servers_the_network_goes_on(
    who: str, others: int, took_node: bool, said: str
) -> None:
    assert left_words(who, "kitchen", others, took_node=took_node) == said


def given(*words: str) -> argparse.Namespace:
    return build().parse_args(words)


def test_the_command_that_comes_back_has_what_was_said_of_the_person_and_no_secret() -> None:
    arguments = given("join", "h:1", "-u", "ada", "--user-secret-file", "/s", "--network", "abc")
    words = _again(arguments, Address("h", 1))
    assert words[:3] == ("activity-tui", "join", "h:1")
    assert words[3:] == ("--network", "abc", "-u", "ada", "--user-secret-file", "/s")


def test_a_server_that_joined_comes_back_by_itself_without_the_invitation_and_without_the_secret() -> None:
    arguments = given("join", "h:1", "--secret", "hush", "--port", "4000", "--name", "a b", "--no-anonymous")
    assert _again(arguments, None) == ("activity-tui", "serve", "--name", "a b", "--no-anonymous")
