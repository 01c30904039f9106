"""`status --queues`: what waits where in a server, for an operator at its machine or with the network's secret."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Program, running_node
from tui.cli.chosen_settings import default_data_dir

QUEUES = {"bytes waiting for connections", "bytes waiting for the disk", "entries not durable", "registrations"}


def test_on_the_servers_machine_its_data_directory_is_proof_enough(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        ended = program.run("status", node.address, "--queues", "--data-dir", str(tmp_path / "node"))
        assert ended.status == 0, ended.err
        assert re.search(r"^WAITING +HOW MANY$", ended.out, re.MULTILINE)
        assert all(re.search(rf"^{name} +\d+$", ended.out, re.MULTILINE) for name in QUEUES)
        assert node.secret not in ended.out + ended.err


def test_the_directory_of_the_servers_port_is_found_by_itself(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_node(program, tmp_path / "node") as node:
        monkeypatch.setenv("HOME", str(program.home))
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        usual = default_data_dir(node.port)
        usual.parent.mkdir(parents=True)
        usual.symlink_to(tmp_path / "node")
        ended = program.run("status", node.address, "--queues")
        assert ended.status == 0, ended.err
        assert "bytes waiting for the disk" in ended.out


def test_from_elsewhere_the_networks_secret_is_given_in_a_file(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        ended = program.run(
            "status", node.address, "--queues", "--json", "--secret-file", str(tmp_path / "node/network-secret")
        )
        assert ended.status == 0, ended.err
        assert set(json.loads(ended.out)["queues"]) >= QUEUES


def test_without_the_networks_secret_nothing_more_is_told(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node") as node:
        ended = program.run("status", node.address, "--queues")
        assert (ended.status, ended.out) == (2, "")
        assert "--queues needs the network's secret" in ended.err and "--secret-file" in ended.err
        ended = program.run("status", node.address, "--queues", variables={"ACTIVITY_TUI_SECRET": "guess"})
        assert (ended.status, ended.out) == (4, "")
        assert "not this network's secret" in ended.err
        node.log.wait("asked for the queues of this server with a wrong network secret", LIMIT)
        assert "queues" not in json.loads(program.run("status", node.address, "--json").out)


def test_a_server_with_another_data_directory_is_asked_with_it_and_the_hint_says_so(
    program: Program, tmp_path: Path
) -> None:
    with running_node(program, tmp_path / "another") as node:
        ended = program.run("status", node.address, "--queues")
        assert ended.status == 2
        assert "--data-dir" in ended.err and "--secret-file" in ended.err


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("nothing", "there is no directory"),
        ("file", "is not a directory"),
        ("empty", "no server keeps its data in"),
        ("damaged", "holds no secret"),
    ],
)
def test_a_data_directory_that_tells_no_secret_is_named_with_the_reason(
    program: Program, tmp_path: Path, made: str, said: str
) -> None:
    named = tmp_path / "named"
    if made == "file":
        named.write_text("")
    elif made != "nothing":
        named.mkdir()
    if made == "damaged":
        (named / "network-secret").write_text("")
    ended = program.run("status", "127.0.0.1:1", "--queues", "--data-dir", str(named))
    assert (ended.status, ended.out) == (2, "")
    assert "--data-dir: " in ended.err and said in ended.err and str(named) in ended.err
    assert "Traceback" not in ended.err


def test_what_a_reader_does_not_take_is_shown_with_who_it_is(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "node", "--anonymous-rate", "0") as node:
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", node.port))
            reader.sendall(b'{"command": "LOGIN", "username": "anonymous"}\n')
            big = json.dumps({"type": "Note", "content": "x" * 60_000})
            lines = "\n".join([big] * 100)
            # It is slowed down for the sake of who does not read, so that the last ones may not be known.
            program.run("post", node.address, "--json", "-", "--timeout", "2", stdin=lines)
            ended = program.run("status", node.address, "--queues", "--data-dir", str(tmp_path / "node"))
            port = reader.getsockname()[1]
        found = re.search(rf"^bytes waiting for connection \d+ \(127\.0\.0\.1:{port}\) +([\d,]+)$", ended.out, re.M)
        assert found is not None, ended.out
        assert int(found[1].replace(",", "")) > 60_000


def test_of_a_server_that_does_not_know_the_question_it_is_told_that_it_may_be_older(program: Program) -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("r") as lines:
            for line in lines:
                command = json.loads(line)["command"]
                if command == "LOGIN":
                    connection.sendall(b'{"command":"LOGIN_SUCCESS","info":"","id":"aa","vector":{}}\n')
                    connection.sendall(b'{"command":"CAUGHT_UP","count":0}\n')
                elif command == "STATUS_REQUEST":
                    connection.sendall(b'{"command":"STATUS","status":{"id":"aa","at":1.0}}\n')

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        variables = {"ACTIVITY_TUI_SECRET": "s3cret"}
        ended = program.run("status", address, "--queues", "--timeout", "1", "--plain", variables=variables)
    assert (ended.status, ended.out) == (1, "")
    assert "did not tell its queues within 1 seconds; it may be of an earlier version" in ended.err
