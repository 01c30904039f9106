"""`order`: what an operator decides, from the command line and against real servers."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Ended, Lines, Node, Program, running_node


@pytest.fixture
def node(program: Program, tmp_path: Path) -> Iterator[Node]:
    with running_node(program, tmp_path / "data") as node:
        yield node


def registered(program: Program, node: Node, *names: str) -> None:
    for name in names:
        ended = program.run("register", node.address, "-u", name)
        assert ended.status == 0, ended.err


def secret_of(program: Program, node: Node, name: str) -> str:
    """What the person remembers of an account."""
    person = json.loads((program.home / ".local/share/activity-tui/client/person.json").read_text())
    return str(next(one["secret"] for one in person["accounts"] if one["username"] == name))


def order(program: Program, node: Node, *words: str, by: str = "ada") -> Ended:
    return program.run("order", node.address, *words, "-u", by)


def test_the_first_account_silences_somebody_who_is_told_why_and_takes_it_back(program: Program, node: Node) -> None:
    registered(program, node, "ada", "bob")
    given = order(program, node, "silence", "bob", "--because", "advertising")
    assert given.status == 0 and len(given.out.strip()) == 24, given.err
    refused = program.run("post", node.address, "-u", "bob", "buy this")
    assert refused.status == 4 and refused.out == "refused you may not post: ada has silenced you (advertising)\n"
    assert order(program, node, "undo", given.out[:8]).status == 0
    assert program.run("post", node.address, "-u", "bob", "sorry").status == 0


def test_who_logs_in_with_a_closed_account_is_told_who_closed_it(program: Program, node: Node) -> None:
    registered(program, node, "ada", "bob")
    assert order(program, node, "close", "bob", "--because", "stolen").status == 0
    refused = program.run("post", node.address, "-u", "bob", "hello")
    assert refused.status == 4 and "this account was closed by ada (stolen)" in refused.err


def test_a_removed_activity_is_gone_and_who_follows_is_told(program: Program, node: Node, tmp_path: Path) -> None:
    registered(program, node, "ada", "bob")
    stays = program.run("post", node.address, "-u", "bob", "stays").out.split()[1]
    with program.running("tail", node.address, "--since", "10") as tail:
        assert tail.stdout is not None and tail.stderr is not None
        lines = Lines(tail.stdout)
        lines.wait("stays")
        gone = program.run("post", node.address, "-u", "bob", "goes away").out.split()[1]
        lines.wait("goes away")
        ended = order(program, node, "remove", gone, "--because", "a threat")
        assert ended.status == 0, ended.err
        Lines(tail.stderr).wait(f"{gone} was removed by ada (a threat)")
    past = program.run("tail", node.address, "--since", "10", "--no-follow", "--origin", "--json")
    assert stays in past.out and gone not in past.out and "goes away" not in past.out
    assert b"goes away" not in b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir() if file.is_file())
    again = order(program, node, "remove", gone)
    assert again.status == 4 and "no activity" in again.err


def test_an_expelled_server_is_let_in_nowhere_and_its_accounts_are_suspended(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "data") as node,
        running_node(program, tmp_path / "liar", "--name", "liar", join=node.address) as liar,
    ):
        registered(program, node, "ada")
        registered(program, liar, "carol")
        assert "--since" in order(program, node, "expel", "liar").err
        given = order(program, node, "expel", "liar", "--since", "2026-01-01", "--because", "it lies")
        assert given.status == 0 and "1 account that came from it since then is suspended" in given.err, given.err
        assert "what it has accepted since then is shown to nobody" in given.err
        liar.log.wait("this server was expelled from the network by ada (it lies)")
        listed = order(program, node, "list")
        assert "ada: expel liar (it lies)" in listed.out and "carol" in listed.err
        secret = {"ACTIVITY_TUI_USER_SECRET": secret_of(program, liar, "carol")}
        refused = program.run("post", node.address, "hi", "-u", "carol", variables=secret)
        assert refused.status == 4 and "suspended" in refused.err
        assert order(program, node, "readmit", "carol").status == 0
        assert program.run("post", node.address, "hi", "-u", "carol", variables=secret).status == 0
        servers = json.loads(program.run("status", node.address, "--json").out)["servers"]
        assert len(servers) == 1


def test_who_has_lost_their_secret_sets_another_with_a_code(program: Program, node: Node) -> None:
    registered(program, node, "ada", "bob")
    code = order(program, node, "code", "bob", "--expires", "1h")
    assert code.status == 0 and len(code.out.strip()) == 26, code.err
    variables = {"ACTIVITY_TUI_CODE": code.out.strip()}
    passwd = ("passwd", node.address, "-u", "bob", "--code")
    wrong = program.run(*passwd, variables={"ACTIVITY_TUI_CODE": "a" * 26, "ACTIVITY_TUI_NEW_SECRET": "x"})
    assert wrong.status == 4 and "no code of this account's" in wrong.err
    set_it = program.run(*passwd, variables=variables | {"ACTIVITY_TUI_NEW_SECRET": "analytical engine"})
    assert set_it.status == 0, set_it.err
    assert program.run("post", node.address, "hello", "-u", "bob").status == 0, "the new one is remembered"
    again = program.run(*passwd, variables=variables | {"ACTIVITY_TUI_NEW_SECRET": "another"})
    assert again.status == 4 and program.run("post", node.address, "hello", "-u", "bob").status == 0
    assert code.out.strip() not in order(program, node, "list", "--json").out


def test_the_list_tells_what_is_in_force_what_is_undone_and_who_is_an_operator(program: Program, node: Node) -> None:
    registered(program, node, "ada", "bob")
    assert "nothing has been ordered" in order(program, node, "list").err
    given = order(program, node, "ban", "203.0.113.0/24").out.strip()
    order(program, node, "undo", given)
    listed = order(program, node, "list")
    assert f"{given[:8]}  " in listed.out and "ada: ban 203.0.113.0/24 undone by " in listed.out
    assert "ada is an operator, with the key SHA256:" in listed.err
    told = json.loads(order(program, node, "list", "--json").out)
    assert [one["kind"] for one in told["orders"]] == ["undo", "ban"] and told["operators"][0]["name"] == "ada"


@pytest.mark.parametrize("words", [("list",), ("silence", "ada")])
def test_who_is_no_operator_is_told_who_is_and_no_key_is_made(
    program: Program, node: Node, words: tuple[str, ...]
) -> None:
    registered(program, node, "ada", "bob")
    ended = order(program, node, *words, by="bob")
    what = "the orders are not told" if words == ("list",) else "nothing was ordered"
    assert ended.status == 4 and f"{what}: you are no operator of this network: ada is" in ended.err
    assert "key` makes your key" in ended.err and "A key was made" not in ended.err
    assert not list((program.home / ".local/share/activity-tui").glob("operator-key*"))


def test_an_order_that_never_came_to_a_server_has_made_no_key(program: Program, node: Node) -> None:
    registered(program, node, "ada")
    wrong = program.run("order", node.address, "list", "-u", "ada", variables={"ACTIVITY_TUI_USER_SECRET": "wrong"})
    assert wrong.status == 4
    assert not list((program.home / ".local/share/activity-tui").glob("operator-key*"))


def test_the_list_tells_what_has_become_of_codes(program: Program, node: Node) -> None:
    registered(program, node, "ada", "bob")
    code = order(program, node, "code", "bob").out.strip()
    assert "ada: code bob good until 20" in order(program, node, "list").out
    used = {"ACTIVITY_TUI_CODE": code, "ACTIVITY_TUI_NEW_SECRET": "analytical engine"}
    assert program.run("passwd", node.address, "-u", "bob", "--code", variables=used).status == 0
    assert "ada: code bob used\n" in order(program, node, "list").out
    assert json.loads(order(program, node, "list", "--json").out)["orders"][0]["used"] is True


def test_an_operator_appoints_somebody_by_the_key_that_they_tell(program: Program, node: Node, tmp_path: Path) -> None:
    registered(program, node, "ada", "bob", "eve")
    key = str(tmp_path / "bobs-key")
    told = program.run("order", node.address, "key", "--key", key)
    assert told.status == 0 and told.out.startswith("ssh-ed25519 AAAA")
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    before = order(program, node, "silence", "eve", "--key", key, by="bob")
    assert before.status == 4 and "you are no operator of this network: ada is" in before.err
    assert "The key that was shown is SHA256:" in before.err and os.path.exists(key)
    assert order(program, node, "appoint", "bob", told.out.strip()).status == 0
    assert order(program, node, "silence", "eve", "--key", key, by="bob").status == 0
    assert order(program, node, "dismiss", "bob").status == 0
    after = order(program, node, "close", "eve", "--key", key, by="bob")
    assert after.status == 4 and "no operator" in after.err


def test_a_server_heeds_the_keys_that_its_settings_name(program: Program, node: Node, tmp_path: Path) -> None:
    key = program.run("order", node.address, "key", "--key", str(tmp_path / "key")).out.strip()
    with running_node(program, tmp_path / "other", "--operators", key) as other:
        registered(program, other, "first", "second")
        given = order(program, other, "silence", "first", "--key", str(tmp_path / "key"), by="second")
        assert given.status == 0, given.err


def test_data_from_before_orders_has_no_operator_but_whom_the_settings_name(program: Program, tmp_path: Path) -> None:
    data, key = tmp_path / "data", str(tmp_path / "key")
    with running_node(program, data) as before:
        registered(program, before, "ada", "bob")
    knows = {"ACTIVITY_TUI_USER_SECRET": secret_of(program, before, "ada")}
    with contextlib.closing(sqlite3.connect(next(data.rglob("node.db")))) as database, database:
        # All that this version keeps beside what the one before kept.
        assert database.execute("DELETE FROM settings WHERE name = 'founding'").rowcount == 1
    with running_node(program, data) as after:
        silence = ("silence", "bob", "-u", "ada", "--key", key)
        refused = program.run("order", after.address, *silence, variables=knows)
        assert refused.status == 4 and "no operator" in refused.err
        mine = program.run("order", after.address, "key", "--key", key).out.strip()
    with running_node(program, data, "--operators", mine) as named:
        assert program.run("order", named.address, *silence, variables=knows).status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("silence",), "silence needs other words: silence USER"),
        (("silnce", "bob"), "did you mean 'silence'?"),
        (("ban", "0.0.0.0/0"), "too much of the world"),
        (("undo", "nothing"), "no order that is heeded here begins with nothing"),
        (("close", "nobody"), "there is no nobody"),
        (("close", "bob", "--because", "x" * 201), "at most 200 characters"),
        (("close", "bob", "--key", "/dev/null"), "cannot be read: it is no file"),
    ],
)
def test_a_slip_is_told_in_a_sentence(program: Program, node: Node, words: tuple[str, ...], said: str) -> None:
    registered(program, node, "ada", "bob")
    ended = order(program, node, *words)
    assert ended.status in (2, 4) and said in ended.err and "Traceback" not in ended.err


def test_orders_outlast_a_restart_and_hold_at_a_server_that_comes_later(program: Program, tmp_path: Path) -> None:
    secret = {"ACTIVITY_TUI_USER_SECRET": "difference engine"}
    with running_node(program, tmp_path / "data") as node:
        for name in ("ada", "bob"):
            assert program.run("register", node.address, "-u", name, variables=secret).status == 0
        assert order(program, node, "close", "bob").status == 0
    with (
        running_node(program, tmp_path / "data") as node,
        running_node(program, tmp_path / "late", join=node.address) as late,
    ):
        for one in (node, late):
            refused = program.run("post", one.address, "hi", "-u", "bob", variables=secret)
            assert refused.status == 4 and "closed by ada" in refused.err, refused.err
            listed = program.run("order", one.address, "list", "-u", "ada", variables=secret)
            assert "close bob" in listed.out, listed.err


# --- who gives an order, where nobody says so -------------------------------------------------------------------------


def test_without_a_name_it_is_the_only_account_that_is_remembered_there(program: Program, node: Node) -> None:
    registered(program, node, "ada")
    listed = program.run("order", node.address, "list")
    assert listed.status == 0, listed.err
    assert "as ada; -u NAME says another one" in listed.err


def test_of_several_accounts_it_is_the_one_whose_orders_were_taken_there_and_else_they_are_named(
    program: Program, node: Node
) -> None:
    registered(program, node, "ada", "bob")
    asked = program.run("order", node.address, "silence", "bob")
    assert asked.status == 2
    assert "who gives the order? Say it with -u NAME." in asked.err
    assert "Several accounts are remembered there: bob, ada." in asked.err
    assert order(program, node, "list").status == 0
    silenced = program.run("order", node.address, "silence", "bob")
    assert silenced.status == 0 and "as ada;" in silenced.err
    assert program.run("post", node.address, "-u", "bob", "hello").status == 4


def test_who_has_no_account_there_is_told_how_to_say_who_they_are(program: Program, node: Node) -> None:
    asked = program.run("order", node.address, "list")
    assert asked.status == 2
    assert "who gives the order? Say it with -u NAME." in asked.err
    assert "No account is remembered there." in asked.err
