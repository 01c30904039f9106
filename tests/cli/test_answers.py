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
    lines = told.lines(8)
    at = re.search(r"wrote at [\d:]{8}", lines[5])
    assert at is not None
    assert [line.replace(at[0], "wrote then") for line in lines[:-1]] == [
        "ann: is the cake ready?  edited",
        "bob: (removed)",
        "bob: liked ann “is the cake ready?”, and took it back",
        "ann: reacted 🎉 to bob (removed)",
        "bob: took ♥ back",
        "ann: edited what they wrote then: is the cake ready?",
        "bob: replied to ann “is the cake ready?”: which cake?",
    ]
    assert lines[-1].startswith("bob: removed what they wrote at ")


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
    assert [re.sub(r" at [\d: -]{19}:", ":", line.split("  ", 1)[1]) for line in found.out.splitlines()] == [
        "ann: edited what they wrote: thanks!",
        "anonymous: liked ann “thanks!”",
        "bob: replied to ann “thanks!”: it is in the barn",
        "ann: thanks!  ↳1 edited",
    ]


def searched(told: Told, *arguments: str) -> list[str]:
    ended = told.program.run("search", told.node.address, *arguments)
    assert ended.status in (0, 8), ended.err
    return [line.split("  ", 1)[1] for line in ended.out.splitlines()]


def test_what_was_removed_is_not_found_by_its_words_and_is_said_to_be_removed(told: Told) -> None:
    secret = told.posts("ann", "the marmalade is hidden")
    told.posts("bob", "--in-reply-to", secret, "where is the marmalade?")
    told.posts("ann", "--remove", secret)
    assert searched(told, "marmalade") == ["bob: replied to ann (removed): where is the marmalade?"]
    assert searched(told, "--as-posted", "marmalade") == [
        "bob: where is the marmalade?",
        "ann: the marmalade is hidden",
    ]
    assert searched(told, f"about:{secret}")[-1] == "ann: (removed)"
    about = told.program.run("search", told.node.address, f"about:{secret}", "--json")
    found = [json.loads(line) for line in about.out.splitlines()]
    assert "hidden" not in about.out
    assert found[-1]["activity"]["type"] == "Tombstone" and found[-1]["removedAt"] == found[0]["acceptedAt"]
    assert found[-1]["replies"] == 1 and found[1]["removedAt"] is None


def test_what_was_edited_is_found_by_what_it_says_now(told: Told) -> None:
    note = told.posts("ann", "the password is aubergine")
    told.posts("bob", "--like", note, "🎉")
    told.posts("ann", "--edit", note, "the password is aubergine42")
    told.posts("ann", "--edit", note, "ask me for the password courgette")
    assert searched(told, "aubergine*") == []
    assert searched(told, "courgette") == ["ann: ask me for the password courgette  🎉1 edited"]
    assert searched(told, "password courgette from:ann") == ["ann: ask me for the password courgette  🎉1 edited"]
    (shown,) = told.program.run("search", told.node.address, "courgette", "--json").out.splitlines()
    assert json.loads(shown)["reference"] == note
    assert searched(told, f"about:{note}")[-1] == "ann: ask me for the password courgette  🎉1 edited"
    assert searched(told, "--as-posted", "aubergine*")[-1] == "ann: the password is aubergine"
    found = told.program.run("search", told.node.address, f"about:{note} type:Note", "--json").out.splitlines()
    shown = json.loads(found[-1])
    assert shown["activity"]["object"]["content"] == "ask me for the password courgette"
    assert shown["editedAt"] > shown["acceptedAt"] and shown["reactions"] == {"🎉": 1}


def test_nobody_else_edits_or_removes_what_a_search_shows(told: Told) -> None:
    mine = told.posts("ann", "the quinces are ripe")
    told.posts("bob", "--json", json.dumps({"type": "Delete", "object": mine}))
    told.posts("anonymous", "--json", json.dumps({"type": "Update", "object": {"id": mine, "content": "stolen"}}))
    assert searched(told, "quinces") == ["ann: the quinces are ripe"]


def test_tail_knows_what_is_liked_that_it_has_not_shown(told: Told) -> None:
    mine = told.posts("ann", "far in the past")
    told.posts("ann", "--edit", mine, "long ago")
    told.posts("bob", "--like", mine)
    told.posts("bob", "--in-reply-to", mine, "how long?")
    assert told.lines(2) == ["bob: liked ann “long ago”", "bob: replied to ann “long ago”: how long?"]


def test_tail_filters_the_past_by_what_it_says_now(told: Told) -> None:
    loaf = told.posts("ann", "an unbaked loaf")
    told.posts("ann", "--edit", loaf, "a crusty loaf")
    post, edit = told.tail("--filter", "crusty", since=2)
    assert post.endswith("ann: a crusty loaf  edited") and edit.endswith(": a crusty loaf")
    assert told.tail("--filter", "unbaked", since=2) == []
    (posted,) = told.tail("--filter", "unbaked", "--as-posted", since=2)
    assert posted.endswith("ann: an unbaked loaf")


def test_tail_as_posted_tells_what_was_posted(told: Told) -> None:
    mine = told.posts("ann", "as it was")
    told.posts("ann", "--remove", mine)
    assert told.tail("--as-posted", since=2)[0].endswith("ann: as it was")
    shown = [json.loads(line) for line in told.tail("--as-posted", "--json", since=2)]
    assert shown[0]["object"]["content"] == "as it was" and "removedAt" not in shown[0]
    now = [json.loads(line) for line in told.tail("--json", "--origin", since=2)]
    assert now[0]["activity"]["type"] == "Tombstone" and now[0]["removedAt"] == now[1]["acceptedAt"]


def test_what_was_posted_by_nobody_is_answered_by_the_identity_that_post_told(told: Told) -> None:
    identity = told.says("anonymous", "who am I?").out.split()[1]
    told.posts("ann", "--in-reply-to", identity, "nobody")
    assert told.lines(1) == ["ann: replied to anonymous “who am I?”: nobody"]
    assert searched(told, f"about:{identity}") == told.lines(1) + ["anonymous: who am I?  ↳1"]


def test_each_line_of_standard_input_is_a_reply(told: Told) -> None:
    root = told.posts("ann", "a list")
    told.posts("ann", "another list")
    ended = told.says("bob", "--in-reply-to", root, "-", stdin="one\ntwo\n")
    assert (ended.status, ended.out.count("accepted ")) == (0, 2)
    assert told.lines(2) == ["bob: replied to ann “a list”: one", "bob: replied to ann “a list”: two"]


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
    assert told.lines(3)[0] == "ann: still mine"
    assert told.lines(2)[1] == "anonymous: replied to ann “still mine”: is it?"


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


def test_a_reference_that_was_cut_off_changes_nothing_and_is_told(told: Told) -> None:
    mine = told.posts("ann", "a sentence with cinnamon")
    cut = mine.removesuffix("-1")
    for change in (("--edit", cut, "better"), ("--remove", cut), ("--undo", cut)):
        ended = told.says("ann", *change)
        assert ended.status == 4, ended.err
        assert f"is called {cut}: `tail --json` tells what each is called" in ended.err
    assert told.lines(1) == ["ann: a sentence with cinnamon"]


def test_a_reply_to_what_the_server_does_not_keep_is_posted_and_that_is_told(told: Told) -> None:
    ended = told.says("ann", "--in-reply-to", "activity:nothing/a-1", "hello")
    assert ended.status == 0, ended.err
    assert "is called activity:nothing/a-1; this is posted all the same" in ended.err
