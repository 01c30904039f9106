"""`known-servers`: which keys other servers' ids are bound to, and taking one back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.store import verify
from core.wire.server_keys import ServerKey, certified_id, fingerprint
from tests.cli.program import Program, running_node
from tests.store.making import open_at

WRONG, RIGHT = (
    ServerKey("xjk2m4n7q3ab", b"w" * 32, 1_800_000_000.0),
    ServerKey("bbbbbbbbbbbb", b"r" * 32, 5.0, signs_from=7),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data of a server that knows two others from before keys."""
    store, _ = open_at(tmp_path / "data")
    store.commit([WRONG, RIGHT])
    store.close()
    return tmp_path / "data"


def test_ids_that_are_bound_to_a_key_are_listed_with_it_and_since_when(program: Program, data: Path) -> None:
    ended = program.run("known-servers", "--data-dir", str(data))
    assert ended.status == 0
    assert ended.out.splitlines() == [
        f"bbbbbbbbbbbb  {fingerprint(RIGHT.key)}  since 1970-01-01T00:00:05Z",
        f"xjk2m4n7q3ab  {fingerprint(WRONG.key)}  since 2027-01-15T08:00:00Z",
    ]
    as_json = json.loads(program.run("known-servers", "--json", "--data-dir", str(data)).out)
    assert [(one["id"], one["signs_from"]) for one in as_json] == [("bbbbbbbbbbbb", 7), ("xjk2m4n7q3ab", None)]


@pytest.mark.parametrize("flag", ["--remove", "-R"])
def test_a_wrong_binding_is_taken_back_and_the_others_stay(program: Program, data: Path, flag: str) -> None:
    ended = program.run("known-servers", flag, WRONG.id, "--data-dir", str(data))
    assert (ended.status, ended.out) == (0, "")
    assert WRONG.id in ended.err and fingerprint(WRONG.key) in ended.err
    assert verify(data / "node.db").damage == []
    store, recovered = open_at(data, 1_800_000_001.0)
    assert recovered.server_keys == (RIGHT,)
    store.close()


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("cccccccccccc", "no key is known of the server cccccccccccc"),
        (certified_id(WRONG.key), "made of its server's key"),
    ],
)
def test_a_server_of_which_no_key_is_remembered_is_told_of(program: Program, data: Path, node: str, said: str) -> None:
    ended = program.run("known-servers", "--remove", node, "--data-dir", str(data))
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
    assert len(program.run("known-servers", "--data-dir", str(data)).out.splitlines()) == 2


def test_while_its_server_runs_bindings_are_listed_and_none_is_taken_back(program: Program, data: Path) -> None:
    with running_node(program, data):
        assert len(program.run("known-servers", "--data-dir", str(data)).out.splitlines()) == 2
        ended = program.run("known-servers", "--remove", WRONG.id, "--data-dir", str(data))
        assert (ended.status, ended.out) == (6, "")
        assert "is running" in ended.err and "Stop that server" in ended.err
    assert program.run("known-servers", "--remove", WRONG.id, "--data-dir", str(data)).status == 0
    with running_node(program, data):
        assert len(program.run("known-servers", "--data-dir", str(data)).out.splitlines()) == 1


def test_where_there_is_nothing_a_sentence_says_what_to_do_and_nothing_is_made(
    program: Program, tmp_path: Path
) -> None:
    for more in ((), ("--remove", WRONG.id)):
        ended = program.run("known-servers", *more, "--data-dir", str(tmp_path / "none"))
        assert (ended.status, ended.out) == (6, "")
        assert "no server's data" in ended.err
    assert not (tmp_path / "none").exists()
