"""Answering from scripts: what a command prints names what the next one answers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Ended, Node, Program, running_node


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    directory = tmp_path_factory.mktemp("node")
    with running_node(Program(directory), directory / "data") as node:
        for name in ("ann", "bob"):
            with socket.create_connection(("127.0.0.1", node.port), 10) as peer, peer.makefile("rwb") as stream:
                request = {"command": "REGISTER", "username": name, "secret": name}
                stream.write(json.dumps(request).encode() + b"\n")
                stream.flush()
                assert json.loads(stream.readline())["command"] == "REGISTER_SUCCESS"
        yield node


class Told:
    """What is said at one server, by whom, in commands."""

    def __init__(self, program: Program, node: Node) -> None:
        self.program = program
        self.node = node

    def says(self, user: str, *arguments: str, stdin: str = "") -> Ended:
        variables = {"ACTIVITY_TUI_USER": user, "ACTIVITY_TUI_USER_SECRET": user} if user != "anonymous" else {}
        return self.program.run("post", self.node.address, *arguments, stdin=stdin, variables=variables)

    def posts(self, user: str, *arguments: str) -> str:
        """The reference of what somebody posts."""
        ended = self.says(user, *arguments)
        assert ended.status == 0, ended.err
        return ended.out.split()[2]

    def tail(self, *arguments: str, since: int) -> list[str]:
        ended = self.program.run("tail", self.node.address, "--since", str(since), "--no-follow", *arguments)
        assert ended.status == 0, ended.err
        return ended.out.splitlines()

    def lines(self, since: int) -> list[str]:
        return [line.partition("  ")[2] for line in self.tail(since=since)]


@pytest.fixture
def told(program: Program, shared: Node) -> Told:
    return Told(program, shared)


def test_a_day_of_answers_in_commands(told: Told) -> None:
    bread = told.posts("ann", "is the <bread> ready?")
    assert re.fullmatch(r"activity:[a-z2-7]{24}\.\d+\.\d+/[a-z2-7]+-1", bread)
    reply = told.posts("bob", "--in-reply-to", bread, "it", "is <here>")
    like = told.posts("bob", "--like", bread)
    told.posts("ann", "--like", reply, "🎉")
    told.posts("bob", "--undo", like)
    told.posts("ann", "--edit", bread, "is the cake ready?")
    told.posts("bob", "--in-reply-to", bread, "which cake?")
    told.posts("bob", "--remove", reply)
    assert told.lines(8) == [
        "ann: is the <bread> ready?",
        "bob: replied to ann “is the <bread> ready?”: it is <here>",
        "bob: liked ann “is the <bread> ready?”",
        "ann: reacted 🎉 to bob “it is <here>”",
        "bob: took ♥ back",
        "ann: edited “is the <bread> ready?”: is the cake ready?",
        "bob: replied to ann “is the cake ready?”: which cake?",
        "bob: removed “it is <here>”",
    ]


def test_the_reference_that_tail_and_search_show_is_the_one_that_post_told(told: Told) -> None:
    mine = told.posts("ann", "a sentence with marzipan")
    theirs = told.posts("anonymous", "another one with marzipan")
    shown = [json.loads(line) for line in told.tail("--json", since=2)]
    assert [one["reference"] for one in shown] == [mine, theirs]
    assert [one.get("id") for one in shown] == [mine, None]
    origins = [json.loads(line)["reference"] for line in told.tail("--json", "--origin", since=2)]
    assert origins == [mine, theirs]
    found = told.program.run("search", told.node.address, "marzipan", "--json")
    assert [json.loads(line)["reference"] for line in found.out.splitlines()] == [theirs, mine]


def test_nobody_makes_another_reference_of_theirs_by_a_member_of_that_name(told: Told) -> None:
    mine = told.posts("ann", "--json", '{"reference": "https://example.org/1", "type": "Note", "content": "x"}')
    (line,) = told.tail("--json", since=1)
    assert json.loads(line)["reference"] == mine and line.count('"reference"') == 2


def test_a_time_that_somebody_writes_into_an_activity_is_not_taken_for_the_servers_and_stays_in_it(told: Told) -> None:
    told.posts("ann", "--json", '{"acceptedAt": "1999-01-01T00:00:00Z", "type": "Note", "content": "x"}')
    (line,) = told.tail("--json", since=1)
    assert line.count('"acceptedAt"') == 2 and "1999-01-01T00:00:00Z" in line
    assert json.loads(line)["acceptedAt"] > "2020"


def test_what_tail_showed_is_posted_anew_without_what_tail_added(told: Told) -> None:
    told.posts("ann", "--json", '{"type": "Note", "content": "twice", "note": {"acceptedAt": "stays"}}')
    (line,) = told.tail("--json", since=1)
    told.posts("bob", "--json", line)
    (again,) = told.tail("--json", since=1)
    assert again.count('"reference"') == 1 and again.count('"acceptedAt"') == 2 and '"stays"' in again


def test_a_search_finds_all_that_is_about_an_activity(told: Told) -> None:
    root = told.posts("ann", "who has seen the ladder?")
    told.posts("bob", "--in-reply-to", root, "it is in the barn")
    told.posts("anonymous", "--like", root)
    told.posts("ann", "--edit", root, "thanks!")
    told.posts("anonymous", "the ladder is old")
    found = told.program.run("search", told.node.address, f"about:{root}")
    assert [line.split("  ", 1)[1] for line in found.out.splitlines()] == [
        "ann: edited “who has seen the ladder?”: thanks!",
        "anonymous: liked ann “who has seen the ladder?”",
        "bob: replied to ann “who has seen the ladder?”: it is in the barn",
        "ann: who has seen the ladder?",
    ]


def test_what_was_posted_by_nobody_is_answered_by_the_identity_that_post_told(told: Told) -> None:
    identity = told.says("anonymous", "who am I?").out.split()[1]
    told.posts("ann", "--in-reply-to", identity, "nobody")
    assert told.lines(1) == ["ann: replied to an activity: nobody"]
    assert told.lines(2)[1] == "ann: replied to anonymous “who am I?”: nobody"


def test_each_line_of_standard_input_is_a_reply(told: Told) -> None:
    root = told.posts("ann", "a list")
    told.posts("ann", "another list")
    ended = told.says("bob", "--in-reply-to", root, "-", stdin="one\ntwo\n")
    assert (ended.status, ended.out.count("accepted ")) == (0, 2)
    assert told.lines(2) == ["bob: replied to an activity: one", "bob: replied to an activity: two"]
    assert told.lines(3)[1] == "bob: replied to an activity of ann: one", "who that is has gone by"


@pytest.mark.parametrize("flags", [("--edit", "x"), ("--remove",), ("--undo",)])
@pytest.mark.parametrize(("user", "said"), [("bob", "another account's"), ("anonymous", "anonymous people")])
def test_only_who_posted_something_changes_it(told: Told, flags: tuple[str, ...], user: str, said: str) -> None:
    mine = told.posts("ann", "mine")
    ended = told.says(user, flags[0], mine, *flags[1:])
    assert (ended.status, ended.out) == (4, "") and said in ended.err
    assert told.lines(1) == ["ann: mine"]


def test_whoever_says_it_all_the_same_has_changed_nothing(told: Told) -> None:
    mine = told.posts("ann", "still mine")
    told.posts("bob", "--json", json.dumps({"type": "Delete", "object": mine}))
    told.posts("anonymous", "--in-reply-to", mine, "is it?")
    assert told.lines(2)[1] == "anonymous: replied to an activity: is it?"
    assert told.lines(3)[2] == "anonymous: replied to ann “still mine”: is it?"


def test_what_is_posted_anew_from_what_tail_shows_is_another_activity(told: Told, tmp_path: Path) -> None:
    mine = told.posts("ann", "--json", '{"type": "Note", "content": "to be copied", "n": 1.00}')
    (line,) = told.tail("--json", since=1)
    copied = told.says("bob", "--json", "-", stdin=line + "\n")
    assert copied.status == 0 and copied.out.split()[2] != mine
    (again,) = told.tail("--json", since=1)
    assert '"n":1.00' in again and json.loads(again)["id"] == copied.out.split()[2]


def test_what_calls_itself_another_one_is_refused_by_the_server_with_a_sentence(told: Told) -> None:
    mine = told.posts("ann", "mine")
    object_of_mine = json.dumps({"type": "Note", "content": "not hers", "@id": mine})
    ended = told.says("bob", "--json", object_of_mine)
    assert ended.status == 4 and ended.out.startswith(f"refused its id says that it is '{mine}', which it is not")
