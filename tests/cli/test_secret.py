"""`secret`, and the network's key: changed by one command at one server, and what people see of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Ended, Node, Program, running_node


@pytest.fixture
def node(program: Program, tmp_path: Path) -> Iterator[Node]:
    with running_node(program, tmp_path / "data") as node:
        registered = program.run("register", node.address, "-u", "ada")
        assert registered.status == 0, registered.err
        yield node


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kept(data_dir: Path) -> str:
    """What `--secret-file` can be pointed at."""
    return (data_dir / "network-secret").read_text().strip()


def known(program: Program) -> str:
    return (program.home / ".config/activity-tui/known-networks").read_text()


def joins(program: Program, node: Node, data_dir: Path, secret: str) -> Ended:
    """What a server that is not let in says."""
    file = data_dir.with_suffix(".secret")
    file.write_text(secret)
    where = ("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir), "--headless")
    return program.run("join", node.address, "--secret-file", str(file), *where)


def test_one_command_gives_every_server_another_secret_and_both_hold_for_a_time(
    program: Program, node: Node, tmp_path: Path
) -> None:
    before = kept(tmp_path / "data")
    with running_node(program, tmp_path / "other", join=node.address):
        rotated = program.run("secret", "rotate", node.address, "--for", "1h", "-u", "ada")
        assert rotated.status == 0 and "the one before holds for 60 minutes" in rotated.err, rotated.err
        until(lambda: kept(tmp_path / "other") == kept(tmp_path / "data") != before)
        shown = program.run("secret", "show", node.address, "--data-dir", str(tmp_path / "other"))
        assert shown.out.strip() == kept(tmp_path / "data")
    assert kept(tmp_path / "data") not in "\n".join(node.log.seen)
    assert before not in rotated.out + rotated.err and shown.out.strip() not in rotated.out + rotated.err
    with running_node(program, tmp_path / "by the old one", join=node.address, secret=before):
        until(lambda: kept(tmp_path / "by the old one") == kept(tmp_path / "data"))
    at_once = program.run("secret", "rotate", node.address, "--for", "0", "-u", "ada")
    assert at_once.status == 0, at_once.err
    refused = joins(program, node, tmp_path / "too late", before)
    assert refused.status == 4 and "the secret is not its network's" in refused.err, refused.err


def test_what_cannot_be_meant_is_a_usage_error(program: Program, node: Node) -> None:
    for words in (("--for", "soon"), ("--for", "-1d"), ("--for", "9999d")):
        wrong = program.run("secret", "rotate", node.address, *words, "-u", "ada")
        assert wrong.status == 2 and "--for" in wrong.err, wrong.err
    assert program.run("secret", "rotate", node.address, "-u", "anonymous").status == 2, "whose?"
    elsewhere = program.run("secret", "show", "203.0.113.7")
    assert elsewhere.status != 0 and "no server on this machine" in elsewhere.err


def test_people_follow_another_key_without_a_question_and_know_the_operator(
    program: Program, node: Node, tmp_path: Path
) -> None:
    elsewhere = Program(tmp_path / "elsewhere")
    elsewhere.home.mkdir()
    posting = ("post", node.address, "-u", "anonymous")
    assert program.run("order", node.address, "list", "-u", "ada").status == 0
    assert elsewhere.run(*posting, "one").status == 0
    before = known(elsewhere).split()[1]
    assert f"operator {before}" in known(elsewhere)
    rekeyed = program.run("order", node.address, "rekey", "-u", "ada", "--because", "a disk was lost")
    assert rekeyed.status == 0 and "known-hosts" in rekeyed.err, rekeyed.err
    asks = {"ACTIVITY_TUI_ACCEPT_NEW": "no"}
    posted = elsewhere.run(*posting, "two", variables=asks)
    assert posted.status == 0 and "as its operator has ordered" in posted.err, posted.err
    assert before not in known(elsewhere)
    again = elsewhere.run(*posting, "three", variables=asks)
    assert again.status == 0 and "succeeded" not in again.err
    listed = json.loads(program.run("order", node.address, "list", "--json", "-u", "ada").out)
    assert [one["kind"] for one in listed["orders"]] == ["rekey"]
    undone = program.run("order", node.address, "undo", listed["orders"][0]["id"], "-u", "ada")
    assert undone.status == 4 and "give it another one instead" in undone.err


def test_an_expulsion_takes_the_networks_key_and_secret_along(program: Program, node: Node, tmp_path: Path) -> None:
    before = kept(tmp_path / "data")
    with running_node(program, tmp_path / "liar", "--name", "liar", join=node.address):
        words = ("expel", "liar", "--since", "2026-01-01", "-u", "ada")
        expelled = program.run("order", node.address, *words)
        assert expelled.status == 0 and len(expelled.out.split()) == 2, expelled.err
        until(lambda: kept(tmp_path / "data") != before)
        assert kept(tmp_path / "liar") == before
    refused = joins(program, node, tmp_path / "liar again", before)
    assert refused.status == 4, refused.err


def test_an_expulsion_that_leaves_the_key_says_what_the_server_still_has(
    program: Program, node: Node, tmp_path: Path
) -> None:
    before = kept(tmp_path / "data")
    with running_node(program, tmp_path / "liar", "--name", "liar", join=node.address):
        words = ("expel", "liar", "--since", "2026-01-01", "--keep-key", "-u", "ada")
        expelled = program.run("order", node.address, *words)
        assert expelled.status == 0 and len(expelled.out.split()) == 1
        assert "still has the network's key" in expelled.err
    assert kept(tmp_path / "data") == before


def test_a_server_that_was_invited_before_the_key_changed_and_one_that_was_killed_come_in_after_it(
    program: Program, node: Node, tmp_path: Path
) -> None:
    invited = program.run("invite", "server", node.address, "--data-dir", str(tmp_path / "data"))
    assert invited.status == 0, invited.err
    line = invited.out.split()[2]
    with running_node(program, tmp_path / "away", "--name", "away", join=node.address) as away:
        away.log.wait("linked with")
        # Whom it is linked with is on its disk before what it acknowledges later.
        assert program.run("post", away.address, "kept").status == 0
        away.process.kill()
    assert program.run("order", node.address, "rekey", "-u", "ada").status == 0
    with (
        running_node(program, tmp_path / "away", "--name", "away", secret="") as back,
        running_node(program, tmp_path / "invited", join=line, secret="") as newcomer,
    ):
        back.log.wait("linked with")
        newcomer.log.wait("linked with")
        until(lambda: kept(tmp_path / "away") == kept(tmp_path / "invited") == kept(tmp_path / "data"))


def test_ssh_is_told_the_new_key_and_to_take_no_host_for_one_by_the_old_one(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data", "--ssh", "127.0.0.1:0") as node:
        assert program.run("register", node.address, "-u", "ada").status == 0
        until(lambda: program.run("known-hosts", node.address).status == 0)
        before = program.run("known-hosts", node.address).out
        assert before.startswith("@cert-authority [127.0.0.1]:") and "@revoked" not in before
        assert program.run("order", node.address, "rekey", "-u", "ada").status == 0
        until(lambda: program.run("known-hosts", node.address).out not in ("", before))
        certifies, revokes = program.run("known-hosts", node.address).out.splitlines()
        assert certifies.split()[:2] == before.split()[:2]
        assert certifies.split()[3] != before.split()[3]
        assert revokes == before.strip().replace("@cert-authority", "@revoked")
