"""Whom commands talk to: servers of the network that is known there. Whoever else listens is told nothing."""

from __future__ import annotations

import os
import secrets
import select
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from core.certificates.leaf import Leaf, make_leaf
from core.certificates.network_key import NetworkKey
from core.certificates.succession import succeed
from core.engine.sockets.network_tls import NetworkTls, load_leaf
from core.wire.kept_network import KeptNetwork
from tests.cli.listeners import Stranger, listening
from tests.cli.program import LIMIT, Lines, Program, running_node
from tui.remembered import known_networks

SECRET = "alices-very-own-secret"
AS_ALICE = {"ACTIVITY_TUI_USER_SECRET": SECRET}
CAUTIOUS = {"ACTIVITY_TUI_ACCEPT_NEW": ""}
"""As everybody is who has not said otherwise."""


def some_tls(seed: bytes | None = None, *before: NetworkKey) -> NetworkTls:
    """What a server of a network shows; the network may have been known by other keys before."""
    key = NetworkKey(seed or secrets.token_bytes(32))
    led = tuple(succeed(one, key.public) for one in before)
    return NetworkTls(secrets.token_bytes(32), KeptNetwork(key.seed, key.public, 1.0, led))


def lets_in(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A server that lets everybody in, and keeps what they post."""
    match message["command"]:
        case "LOGIN":
            return [{"command": "LOGIN_SUCCESS", "features": ["ack"], "id": "n", "username": message["username"]}]
        case "ACTIVITY_MESSAGE":
            return [{"command": "ACTIVITY_ACK", "ref": message["ref"], "id": "n.1.1", "stamp": 1}]
    return []


def heard_nothing(stranger: Stranger) -> bool:
    """Whether nothing was said to somebody who listened, not even in pieces."""
    return stranger.raw[:1] == b"\x16" and b"alice" not in stranger.raw and b"secret" not in stranger.raw


def known(program: Program) -> Path:
    return program.home / ".config" / "activity-tui" / known_networks.FILE_NAME


# --- the first time ---------------------------------------------------------------------------------------------------


def test_a_network_that_is_met_for_the_first_time_is_refused_where_nobody_can_be_asked(program: Program) -> None:
    tls = some_tls()
    with listening(tls=tls.listening, answer=lets_in) as server:
        ended = program.run("post", server.address, "-u", "alice", "hello", variables={**CAUTIOUS, **AS_ALICE})
    assert ended.status == 4
    assert f"{server.address} is not known yet: it is of the network {tls.fingerprint}" in ended.err
    assert f"--network {tls.fingerprint}" in ended.err and "--accept-new" in ended.err
    assert server.said == b"" and not known(program).exists()


def test_with_accept_new_it_is_known_from_then_on_and_talked_to_encrypted(program: Program) -> None:
    tls = some_tls()
    with listening(tls=tls.listening, answer=lets_in) as server:
        command = ("post", server.address, "-u", "alice", "hello")
        assert program.run(*command, "--accept-new", variables={**CAUTIOUS, **AS_ALICE}).status == 0
        assert program.run(*command, variables={**CAUTIOUS, **AS_ALICE}).err == ""
    assert SECRET.encode() in server.said and heard_nothing(server)
    assert known(program).read_text() == f"network {tls.fingerprint}\n{server.address} {tls.fingerprint}\n"
    assert known(program).stat().st_mode & 0o777 == 0o600


def test_who_is_told_the_fingerprint_says_it_and_is_asked_nothing(program: Program) -> None:
    tls = some_tls()
    with listening(tls=tls.listening, answer=lets_in) as server:
        command = ("post", server.address, "hello", "--network", tls.fingerprint)
        assert program.run(*command, variables=CAUTIOUS).status == 0
        assert program.run("post", server.address, "again", variables=CAUTIOUS).status == 0
        other = program.run("post", server.address, "hello", "--network", some_tls().fingerprint, variables=CAUTIOUS)
    assert other.status == 4 and f"it shows another network, {tls.fingerprint}" in other.err


def test_a_known_network_is_known_at_its_other_servers_too(program: Program) -> None:
    seed = secrets.token_bytes(32)
    with listening(tls=some_tls(seed).listening, answer=lets_in) as one:
        assert program.run("post", one.address, "x").status == 0
        with listening(tls=some_tls(seed).listening, answer=lets_in) as other:
            assert program.run("post", other.address, "x", variables=CAUTIOUS).status == 0
    assert other.address in known(program).read_text()


@pytest.mark.parametrize(
    ("typed", "status"),
    [("yes", 0), ("the fingerprint", 0), ("perhaps\nyes", 0), ("no", 4), ("another fingerprint", 4)],
)
def test_who_is_at_a_terminal_is_shown_the_fingerprint_and_asked(program: Program, typed: str, status: int) -> None:
    tls = some_tls()
    words = {"the fingerprint": tls.fingerprint, "another fingerprint": some_tls().fingerprint}.get(typed, typed)
    with listening(tls=tls.listening, answer=lets_in) as server:
        ended, shown = at_terminal(program, words, "post", server.address, "hello")
    assert f"network {tls.fingerprint}" in shown
    assert ended == status
    assert known(program).exists() is (status == 0)
    assert bool(server.said) is (status == 0)


def at_terminal(program: Program, typed: str, *arguments: str) -> tuple[int, str]:
    """Run a command with somebody at a terminal who answers its question; its status, and what they saw."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        program.command(*arguments),
        env={**program.environment, **CAUTIOUS},
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        close_fds=True,
    ) as process:
        os.close(theirs)
        seen, deadline, lines = b"", time.monotonic() + LIMIT, [*typed.split("\n")]
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:
                    break
                seen += piece
                if piece.rstrip(b" ").endswith((b"?", b"network:")) and lines:
                    os.write(ours, f"{lines.pop(0)}\n".encode())
        status = process.wait(LIMIT)
    os.close(ours)
    return status, seen.decode()


def test_a_server_that_one_runs_oneself_is_known(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        for host in ("127.0.0.1", "localhost"):
            ended = program.run("post", f"{host}:{node.port}", "mine", variables=CAUTIOUS)
            assert (ended.status, ended.err) == (0, "")


# --- somebody else listens there --------------------------------------------------------------------------------------


@pytest.fixture
def remembered(program: Program, tmp_path: Path) -> int:
    """The port of a server that alice knows, with her secret remembered for it, and that was killed."""
    with running_node(program, tmp_path / "data") as node:
        assert program.run("register", node.address, "-u", "alice").status == 0
        return node.port


@pytest.mark.parametrize("command", ["post", "tail", "status", "register", "passwd", "check"])
def test_whoever_takes_the_port_of_a_killed_server_hears_no_name_and_no_secret(
    program: Program, remembered: int, command: str
) -> None:
    more = {"post": ("hello",), "passwd": ("--new-secret-file", "/dev/null")}.get(command, ())
    with listening(remembered) as rogue:
        user = ("-u", "alice") if command != "register" else ("-u", "alice2")
        address = f"127.0.0.1:{remembered}"
        ended = program.run(command, address, *user, *more, variables={"ACTIVITY_TUI_NEW_SECRET": "new-secret"})
        if command == "passwd":
            # Which new one is meant is asked before anybody is talked to.
            ended = program.run(command, address, *user, variables={"ACTIVITY_TUI_NEW_SECRET": "new-secret"})
        assert rogue.visited.wait(LIMIT)
    assert ended.status == 4
    assert f"{address} is not of the network" in ended.err and "does not encrypt" in ended.err
    assert heard_nothing(rogue)


def forged(tls: NetworkTls) -> ssl.SSLContext:
    """A leaf that names another network than that whose key has signed it."""
    thief, seed = NetworkKey(secrets.token_bytes(32)), secrets.token_bytes(32)
    theirs = make_leaf(thief, seed)
    real = ssl.PEM_cert_to_DER_cert(make_leaf(NetworkKey(tls.network.seed), seed).certificate)
    body = real[4:-74]
    certificate = real[:-64] + thief.sign(body)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_leaf(context, Leaf(ssl.DER_cert_to_PEM_cert(certificate), theirs.key))
    return context


@pytest.mark.parametrize("how", ["its own network", "a forged leaf"])
def test_who_ends_the_encryption_in_between_hears_nothing(program: Program, tmp_path: Path, how: str) -> None:
    real = some_tls()
    with listening(tls=real.listening, answer=lets_in) as server:
        assert program.run("post", server.address, "-u", "alice", "hello", variables=AS_ALICE).status == 0
        port = server.port
    middle = some_tls().listening if how == "its own network" else forged(real)
    with listening(port, middle, lets_in) as rogue:
        ended = program.run("post", f"127.0.0.1:{port}", "-u", "alice", "hello", variables=AS_ALICE)
        assert rogue.visited.wait(LIMIT)
    assert ended.status == 4
    assert rogue.said == b"" and heard_nothing(rogue)


@pytest.mark.parametrize("farewell", ["REDIRECT", "QUIT"])
@pytest.mark.parametrize("encrypts", [False, True], ids=["in clear", "another network"])
def test_a_server_sends_nobody_to_a_stranger(program: Program, farewell: str, encrypts: bool) -> None:
    with listening(tls=some_tls().listening if encrypts else None) as stranger:

        def sends_away(message: dict[str, Any]) -> list[dict[str, Any]]:
            if message["command"] != "LOGIN":
                return []
            away: dict[str, Any] = {"command": "REDIRECT", "hostname": "127.0.0.1", "port": stranger.port}
            if farewell == "QUIT":
                away = {"command": "QUIT", "new_server_ip": "127.0.0.1", "new_server_port": stranger.port}
            return [*lets_in(message), {"command": "CAUGHT_UP", "count": 0}, away]

        with (
            listening(tls=some_tls().listening, answer=sends_away) as server,
            program.running("tail", server.address, "-u", "alice", variables=AS_ALICE) as tail,
        ):
            assert tail.stderr is not None
            told = Lines(tail.stderr).wait("is not of the network")
            assert stranger.visited.wait(LIMIT)
            assert SECRET.encode() in server.said
    assert heard_nothing(stranger) and (stranger.said == b"" or not encrypts)
    assert f"{stranger.address} is not of the network" in told


def test_a_server_sends_people_to_another_one_of_its_network(program: Program) -> None:
    seed = secrets.token_bytes(32)
    with listening(tls=some_tls(seed).listening, answer=lets_in) as other:

        def redirects(message: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"command": "REDIRECT", "hostname": "127.0.0.1", "port": other.port}]

        with (
            listening(tls=some_tls(seed).listening, answer=redirects) as server,
            program.running("tail", server.address, "-u", "alice", variables=AS_ALICE) as tail,
        ):
            deadline = time.monotonic() + LIMIT
            while SECRET.encode() not in other.said and time.monotonic() < deadline:
                time.sleep(0.02)
            tail.terminate()
    assert SECRET.encode() in other.said and heard_nothing(other)


def test_who_knew_a_network_by_a_former_key_follows_without_a_question(program: Program) -> None:
    old = some_tls()
    with listening(tls=old.listening, answer=lets_in) as server:
        assert program.run("post", server.address, "x").status == 0
        port = server.port
    new = some_tls(None, NetworkKey(old.network.seed))
    with listening(port, new.listening, lets_in) as server:
        ended = program.run("post", server.address, "x", variables=CAUTIOUS)
        assert ended.status == 0
        assert f"the key of the network {old.fingerprint} was succeeded by {new.fingerprint}" in ended.err
        assert program.run("post", server.address, "x", variables=CAUTIOUS).err == ""
    assert old.fingerprint not in known(program).read_text()
    with listening(port, old.listening, lets_in) as server:
        # Back leads nothing.
        assert program.run("post", server.address, "x", variables=CAUTIOUS).status == 4


def test_who_met_a_server_before_it_was_let_in_where_it_was_to_join_follows_it(program: Program) -> None:
    key = NetworkKey(secrets.token_bytes(32))
    server_seed = secrets.token_bytes(32)
    tls = NetworkTls(server_seed, KeptNetwork(key.seed, key.public, None))
    with listening(tls=tls.listening, answer=lets_in) as server:
        assert program.run("post", server.address, "x").status == 0
        port = server.port
    joined = NetworkKey(secrets.token_bytes(32))
    tls.adopt(KeptNetwork(joined.seed, joined.public, 1.0))
    tls.adopt(KeptNetwork(joined.seed, joined.public, 2.0))
    started_again = NetworkTls(server_seed, tls.network)
    with listening(port, started_again.listening, lets_in) as server:
        ended = program.run("post", server.address, "x", variables=CAUTIOUS)
    assert ended.status == 0 and "was succeeded by" in ended.err
    # Other servers are not told: each of them has had such a key.
    assert tls.network.successions == ()


# --- in clear ---------------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_encrypt_is_talked_to_only_by_who_says_so(program: Program) -> None:
    with listening() as base:
        refused = program.run("post", base.address, "hello")
        assert refused.status == 4 and "it does not encrypt" in refused.err and "--plain" in refused.err
        assert heard_nothing(base)
        program.run("post", base.address, "hello", "--plain", "--timeout", "5")
    assert b"LOGIN" in base.said


def test_that_it_talks_in_clear_is_said_by_a_command(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        ended = program.run("post", node.address, "hello", "--plain")
        assert ended.status == 0
        assert "in clear: whoever is on the way can read and change what is said there, secrets too" in ended.err
        both = program.run("post", node.address, "hello", "--plain", "--network", some_tls().fingerprint)
        assert both.status == 2


def test_status_tells_the_network_and_who_talks_in_clear(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node, program.running("tail", node.address, "--plain"):
        deadline = time.monotonic() + LIMIT
        while "1 client here in clear" not in (told := program.run("status", node.address).out):
            assert time.monotonic() < deadline, told
        network = next(line for line in known(program).read_text().splitlines() if line.startswith("network "))
        assert network in told.splitlines()


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_what_is_known_can_be_listed_and_forgotten(program: Program) -> None:
    tls = some_tls()
    with listening(tls=tls.listening, answer=lets_in) as server:
        assert program.run("post", server.address, "x").status == 0
        assert program.run("known-networks").out == known(program).read_text()
        assert program.run("known-networks", "--remove", server.address).status == 0
        # Its network is known all the same.
        assert program.run("post", server.address, "x", variables=CAUTIOUS).status == 0
        assert program.run("known-networks", "--remove", tls.fingerprint).status == 0
        assert program.run("known-networks").out == ""
        assert program.run("post", server.address, "x", variables=CAUTIOUS).status == 4
        assert program.run("post", server.address, "x").status == 0
        other = program.run("known-networks", "--remove", "nobody.example")
        assert other.status == 1 and "Without --remove all are listed." in other.err


def test_who_knows_no_network_is_told_so(program: Program) -> None:
    removed = program.run("known-networks", "--remove", "nobody.example")
    assert removed.status == 1 and "You know no network yet" in removed.err
    listed = program.run("known-networks")
    assert (listed.status, listed.out) == (0, "") and "you know no network yet" in listed.err


def test_a_network_that_was_mistyped_is_told_as_such(program: Program) -> None:
    with listening(tls=some_tls().listening, answer=lets_in) as server:
        ended = program.run("post", server.address, "x", "--network", "a" * 26)
    assert ended.status == 4 and f"not of the network {'a' * 26} that you named" in ended.err, ended.err
    assert "Compare what you typed" in ended.err and "--remove" not in ended.err


def test_lines_that_somebody_has_written_stay(program: Program) -> None:
    file = known(program)
    file.parent.mkdir(parents=True)
    file.write_text("# mine\nsomething else\n")
    with listening(tls=some_tls().listening, answer=lets_in) as server:
        assert program.run("post", server.address, "x").status == 0
    assert file.read_text().startswith("# mine\nsomething else\nnetwork ")


def test_a_file_that_cannot_be_read_is_no_reason_to_trust_anybody(program: Program) -> None:
    file = known(program)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff\xfe")
    with listening(tls=some_tls().listening, answer=lets_in) as server:
        ended = program.run("post", server.address, "x")
    assert ended.status == 2 and str(file) in ended.err
    assert server.raw == b""


def test_a_file_that_others_can_change_is_believed_nothing(program: Program) -> None:
    with listening(tls=some_tls().listening, answer=lets_in) as server:
        assert program.run("post", server.address, "x").status == 0
        known(program).chmod(0o666)
        server.said.clear()
        ended = program.run("post", server.address, "x")
    assert ended.status == 2 and "others can change it" in ended.err and "chmod 600" in ended.err
    assert server.said == b""
