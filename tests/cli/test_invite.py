"""`invite`: what it prints, and what is kept of it, at the data of a server."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from core.engine.threads.opening_store import kept_network
from core.store.invitation_file import GivenInvitation, give_invitation
from core.wire.invitations import code_of, read_invitation
from tests.cli.program import Program, running_node
from tests.store.making import open_at


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data of a server that has run, and is of a network."""
    store, _ = open_at(tmp_path / "data")
    kept_network(store, founds=True, wall=1.0)
    store.close()
    return tmp_path / "data"


def test_a_server_is_invited_by_one_line_and_what_it_is_good_for_is_kept(program: Program, data: Path) -> None:
    ended = program.run("invite", "server", "example.org", "--uses", "3", "--expires", "7d", "--data-dir", str(data))
    assert ended.status == 0, ended.err
    *words, line = ended.out.split()
    assert words == ["activity-tui", "join"]
    found = read_invitation(line)
    assert found is not None and found[0] == "example.org:3780"
    (kept,) = json.loads((data / "invitations").read_text())
    assert (kept["code"], kept["uses"]) == (found[1].code, 3)
    assert "good 3 times" in ended.err


def test_a_person_is_invited_by_the_networks_fingerprint_and_nothing_is_kept(program: Program, data: Path) -> None:
    server = program.run("invite", "server", "example.org", "--data-dir", str(data)).out
    found = read_invitation(server.split()[-1])
    (data / "invitations").unlink()
    ended = program.run("invite", "person", "example.org:4000", "--data-dir", str(data))
    assert found is not None
    assert ended.out == f"activity-tui join example.org:4000 --network {found[1].network}\n"
    assert not (data / "invitations").exists()


def test_a_person_is_told_how_to_come_in_over_ssh_where_that_is_configured(program: Program, data: Path) -> None:
    invite = ("invite", "person", "example.org", "--data-dir", str(data))
    assert "ssh" not in program.run(*invite).err
    ended = program.run(*invite, variables={"ACTIVITY_TUI_SSH": "3722"})
    assert ended.out.count("\n") == 1
    assert "with nothing installed: ssh -p 3722 NAME@example.org" in ended.err
    assert "`activity-tui known-hosts example.org:3780` prints the line" in ended.err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("server", "--uses", "0"), 2, "is out of range"),
        (("server", "--expires", "1s"), 2, "is out of range"),
        (("server", "no host"), 2, "no host"),
        (("person", "--uses", "2"), 2, "has no code in it"),
        (("list", "example.org"), 2, "at which"),
        (("revoke",), 2, "which one?"),
        (("revoke", ""), 2, "which one?"),
        (("revoke", "all", "--uses", "2"), 2, "makes no invitation"),
        (("list", "--data-dir", "/nowhere"), 6, "is no data of a server"),
        (("server", "--data-dir", "/nowhere"), 6, "is no data of a server"),
        (("person", "--data-dir", "/nowhere"), 6, "Who runs a server invites, on its machine"),
    ],
)
def test_what_cannot_be_done_is_said(
    program: Program, data: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    where = () if "--data-dir" in words else ("--data-dir", str(data))
    ended = program.run("invite", *words, *where)
    assert ended.status == status, ended.err
    assert said in ended.err


def test_who_joins_by_an_invitation_gives_no_secret_besides(program: Program) -> None:
    line = f"example.org:3780/{'a' * 26}/{'b' * 26}"
    ended = program.run("join", line, "--headless", "--secret", "s")
    assert ended.status == 2
    assert "who is invited needs no secret" in ended.err


@pytest.mark.parametrize("code", ["", "short", "b" * 25])
def test_an_invitation_that_was_not_copied_whole_is_called_so_and_not_repeated(program: Program, code: str) -> None:
    ended = program.run("join", f"example.org:3780/{'a' * 26}/{code}", "--headless")
    assert ended.status == 2
    assert "no whole invitation: it is HOST:PORT/NETWORK/CODE" in ended.err
    assert "copy the whole line" in ended.err and "a" * 26 not in ended.err


def test_the_port_at_which_a_server_is_reached_tells_which_of_ones_own_it_is(program: Program) -> None:
    directories = program.home / ".local/share/activity-tui"
    with running_node(program, directories / "node-first") as node:
        (directories / f"node-{node.port}").symlink_to(node.data_dir, target_is_directory=True)
        invited = program.run("invite", "server", node.address)
        assert invited.status == 0 and f" {node.address}/" in invited.out, invited.err
        otherwise = program.run("invite", "server", node.address, "--port", "1")
        assert otherwise.status == 6 and "node-1 is no data" in otherwise.err


def test_the_only_server_that_somebody_runs_is_the_one_that_is_meant_and_its_address_is_told(program: Program) -> None:
    directories = program.home / ".local/share/activity-tui"
    with running_node(program, directories / "node-1234", "--advertise", "chat.example.org:4321"):
        person = program.run("invite", "person")
        assert person.out.startswith("activity-tui join chat.example.org:4321 --network "), person.err
        server = program.run("invite", "server")
        assert server.out.startswith("activity-tui join chat.example.org:4321/"), server.err
        otherwise = program.run("invite", "person", "--advertise", "other.example.org:99")
        assert otherwise.status == 2 or "join other.example.org:99 " in otherwise.out


def test_a_host_without_a_port_is_that_at_which_the_server_itself_is_reached(program: Program) -> None:
    directories = program.home / ".local/share/activity-tui"
    with running_node(program, directories / "node-1234", "--advertise", "chat.example.org:4321"):
        for whom, behind in (("person", " --network "), ("server", "/")):
            named = program.run("invite", whom, "other.example.org")
            assert named.out.startswith(f"activity-tui join other.example.org:4321{behind}"), named.err
            mapped = program.run("invite", whom, "other.example.org:99")
            assert mapped.out.startswith(f"activity-tui join other.example.org:99{behind}"), mapped.err


def test_of_several_servers_none_is_guessed(program: Program, data: Path) -> None:
    directories = program.home / ".local/share/activity-tui"
    directories.mkdir(parents=True)
    for port in (4001, 4002):
        (directories / f"node-{port}").symlink_to(data, target_is_directory=True)
    for command in (("invite", "person"), ("verify",), ("known-servers",)):
        ended = program.run(*command)
        assert ended.status == 2 and "There are several here: node-4001, node-4002" in ended.err, ended.err
    assert program.run("invite", "person", "--port", "4002").status == 0


def test_a_server_that_is_not_let_in_leaves_nothing_behind_but_what_was_there_before(
    program: Program, tmp_path: Path
) -> None:
    with running_node(program, tmp_path / "first") as first:
        network = program.run("invite", "person", first.address, "--data-dir", str(tmp_path / "first")).out.split()[-1]
        line = f"{first.address}/{network}/{'b' * 26}"
        join = ("join", line, "--headless", "--host", "127.0.0.1", "--port", "0")
        refused = program.run(*join)
        assert refused.status == 4 and "it was not given out here" in refused.err, refused.err
        assert not list((program.home / ".local/share/activity-tui").glob("node-*"))
        refused = program.run("join", first.address, *join[2:], variables={"ACTIVITY_TUI_SECRET": "wrong"})
        assert refused.status == 4, refused.err
        assert not list((program.home / ".local/share/activity-tui").glob("node-*"))
        kept = tmp_path / "kept"
        kept.mkdir()
        (kept / "mine").write_text("stays")
        assert program.run(*join, "--data-dir", str(kept)).status == 4
        assert (kept / "mine").read_text() == "stays"


def test_what_is_open_is_listed_without_codes_and_taken_back(program: Program, data: Path) -> None:
    where = ("--data-dir", str(data))
    nothing = program.run("invite", "list", *where)
    assert (nothing.status, nothing.out) == (0, "") and "no invitation for a server is open" in nothing.err
    codes = []
    for uses in ("1", "3", "5"):
        made = program.run("invite", "server", "example.org", "--uses", uses, *where)
        found = read_invitation(made.out.split()[-1])
        assert found is not None
        codes.append(found[1].code)
    listed = program.run("invite", "list", *where).out.splitlines()
    assert ["once" in listed[0], "3 times" in listed[1], "5 times" in listed[2]] == [True] * 3
    assert not any(code in "".join(listed) for code in codes)
    assert f"invite revoke {listed[2].split()[0]} --data-dir {data}` takes it back" in made.err
    assert program.run("invite", "revoke", listed[1].split()[0], *where).status == 0
    assert [one["code"] for one in json.loads((data / "invitations").read_text())] == [codes[0], codes[2]]
    again = program.run("invite", "revoke", listed[1].split()[0], *where)
    assert again.status == 1 and "It may have been used" in again.err
    assert "2 invitations were taken back" in program.run("invite", "revoke", "all", *where).err
    assert json.loads((data / "invitations").read_text()) == []


def test_the_beginning_of_several_takes_none_of_them_back(program: Program, data: Path) -> None:
    """By one letter too few somebody took back what others were about to use."""
    for number in range(40):
        give_invitation(data, GivenInvitation(code_of(bytes([number] * 16)), 1, time.time() + 600.0), time.time())
    listed = program.run("invite", "list", "--data-dir", str(data)).out.splitlines()
    begins = Counter(line[0] for line in listed).most_common(1)[0][0]
    ended = program.run("invite", "revoke", begins, "--data-dir", str(data))
    assert ended.status == 1 and f"invitations begin with {begins}" in ended.err
    assert len(json.loads((data / "invitations").read_text())) == 40


def test_who_comes_with_an_invitation_that_was_taken_back_is_not_let_in(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "first") as first:
        where = ("--data-dir", str(tmp_path / "first"))
        line = program.run("invite", "server", first.address, *where).out.split()[-1]
        assert program.run("invite", "revoke", "all", *where).status == 0
        refused = program.run("join", line, "--headless", "--host", "127.0.0.1", "--port", "0")
        assert refused.status == 4 and "it was not given out here" in refused.err, refused.err
