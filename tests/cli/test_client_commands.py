"""`post`, `tail` and `status` against a real server, as scripts use them."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from tests.cli.program import LIMIT, Lines, Node, Program, running_node


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One server for all tests that leave it as it was."""
    directory = tmp_path_factory.mktemp("node")
    with running_node(Program(directory), directory / "data", "--name", "kitchen") as node:
        yield node


@pytest.fixture
def ada(shared: Node, tmp_path: Path) -> tuple[str, ...]:
    """Flags that log in as a registered user."""
    file = tmp_path / "ada-secret"
    file.write_text("difference engine\n")
    with socket.create_connection(("127.0.0.1", shared.port), 10) as connection, connection.makefile("rwb") as stream:
        request = {"command": "REGISTER", "username": "ada", "secret": "difference engine"}
        stream.write(json.dumps(request).encode() + b"\n")
        stream.flush()
        assert json.loads(stream.readline())["command"] in ("REGISTER_SUCCESS", "REGISTER_FAILED")
    return ("-u", "ada", "--user-secret-file", str(file))


def posted(program: Program, node: Node, count: int = 100) -> list[dict[str, object]]:
    """What the server remembers, oldest first."""
    ended = program.run("tail", node.address, "--since", str(count), "--no-follow", "--json")
    assert ended.status == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def test_a_text_is_posted_as_a_note_and_its_id_is_told(program: Program, shared: Node) -> None:
    ended = program.run("post", shared.address, "the bread is ready")
    assert ended.status == 0
    assert re.fullmatch(r"accepted (\S+) activity:\1\n", ended.out)
    newest = posted(program, shared, 1)[0]
    assert newest["object"] == {"type": "Note", "mediaType": "text/plain", "content": "the bread is ready"}
    assert newest["authenticated_user"] == "anonymous"


def test_an_object_is_posted_as_it_is(program: Program, shared: Node) -> None:
    body = '{ "n": 123456789012345678901234567890.50, "nested": {"a":\n [1.0, "\\u0000"]} }'
    assert program.run("post", shared.address, "--json", body).status == 0
    ended = program.run("tail", shared.address, "--since", "1", "--no-follow", "--json")
    assert ended.out.startswith('{"n":123456789012345678901234567890.50,"nested":{"a":[1.0,"\\u0000"]}')


def test_a_registered_user_posts_under_the_name(program: Program, shared: Node, ada: tuple[str, ...]) -> None:
    assert program.run("post", shared.address, "from ada", *ada).status == 0
    assert posted(program, shared, 1)[0]["authenticated_user"] == "ada"


def test_the_secret_may_come_from_the_environment(program: Program, shared: Node, ada: tuple[str, ...]) -> None:
    variables = {"ACTIVITY_TUI_USER": "ada", "ACTIVITY_TUI_USER_SECRET": "difference engine"}
    assert program.run("post", shared.address, "again", variables=variables).status == 0


def test_a_wrong_secret_is_status_4_and_is_not_shown(program: Program, shared: Node, ada: tuple[str, ...]) -> None:
    ended = program.run("post", shared.address, "x", "-u", "ada", variables={"ACTIVITY_TUI_USER_SECRET": "abacus"})
    assert ended.status == 4
    assert "refused" in ended.err
    assert "abacus" not in ended.err + ended.out


@pytest.mark.parametrize("command", ["post", "tail", "search", "status"])
def test_a_server_that_is_not_there_is_status_3(program: Program, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = program.run(command, f"127.0.0.1:{port}", *(("x",) if command in ("post", "search") else ()))
    assert ended.status == 3
    assert f"activity-tui: 127.0.0.1:{port} cannot be reached: nobody listens there\n" in ended.err
    assert "Check the address, and that a server runs there" in ended.err
    assert ended.out == ""


def test_a_name_that_cannot_be_found_is_status_3(program: Program) -> None:
    assert program.run("status", "no-such-host.invalid").status == 3


@pytest.mark.parametrize("command", [("post", "x"), ("tail",), ("status",)])
def test_something_else_that_listens_there_is_named_once(program: Program, command: tuple[str, ...]) -> None:
    def answer() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with connected:
                connected.recv(1024)
                connected.sendall(b"HTTP/1.0 400 Bad request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=answer, daemon=True).start()
        ended = program.run(command[0], address, *command[1:], "--plain")
        listener.shutdown(socket.SHUT_RDWR)
    sentence = ended.err.splitlines()[-2]
    assert ended.status == 3 and sentence.startswith(f"activity-tui: {address} talks nonsense: "), ended.err
    assert sentence.count(address) == 1 and "no server of such a network answers" in ended.err


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = program.run("post", f"127.0.0.1:{silent.getsockname()[1]}", "x", "--timeout", "0.5")
    assert ended.status == 3


def test_lines_of_standard_input_are_posted_in_order_and_each_fate_is_told(program: Program, shared: Node) -> None:
    lines = [f"line {number}" for number in range(200)]
    ended = program.run("post", shared.address, "-", stdin="\n".join(lines) + "\n\n")
    assert ended.status == 0
    assert len(ended.out.splitlines()) == 200
    assert all(line.startswith("accepted ") for line in ended.out.splitlines())
    assert "200 accepted" in ended.err
    kept = [item["object"]["content"] for item in posted(program, shared, 200)]  # type: ignore[index]
    assert kept == lines


def test_a_line_that_is_no_object_is_refused_and_the_rest_goes_on(program: Program, shared: Node) -> None:
    ended = program.run("post", shared.address, "--json", "-", stdin='{"a":1}\nnonsense\n{"a":2}\n')
    assert ended.status == 4
    assert [line.split()[0] for line in ended.out.splitlines()] == ["accepted", "refused", "accepted"]
    assert "2 accepted, 1 refused" in ended.err


def test_all_of_standard_input_can_be_one_note_whose_lines_tail_indents(program: Program, shared: Node) -> None:
    ended = program.run(
        "post", shared.address, "--whole", "-", stdin="the plan:\n  step 1\n\n12:00:00  ada: I quit\n\n"
    )
    assert ended.status == 0 and len(ended.out.splitlines()) == 1
    told = program.run("tail", shared.address, "--since", "1", "--no-follow").out.splitlines()
    assert told[0].endswith("anonymous: the plan:")
    assert told[1:] == ["            step 1", "          ", "          12:00:00  ada: I quit"]


def test_an_object_may_stand_on_many_lines_of_standard_input(program: Program, shared: Node) -> None:
    ended = program.run(
        "post", shared.address, "--whole", "--json", "-", stdin='{\n  "type": "Note",\n  "content": "x"\n}\n'
    )
    assert ended.status == 0 and ended.out.startswith("accepted ")
    assert program.run("post", shared.address, "--whole", "hello").status == 2


def test_a_line_is_posted_as_soon_as_it_is_there(program: Program, shared: Node) -> None:
    with program.running("post", shared.address, "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        lines = Lines(process.stdout)
        for text in ("one", "two"):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            lines.wait("accepted")
        process.stdin.close()
        assert process.wait(LIMIT) == 0


def test_a_line_without_end_is_refused_without_being_kept(program: Program, shared: Node) -> None:
    ended = program.run("post", shared.address, "-", stdin="first\n" + "x" * 1_000_000)
    assert ended.status == 4
    assert [line.split()[0] for line in ended.out.splitlines()] == ["accepted", "refused"]


def test_posting_ends_when_nobody_reads_any_more_what_became_of_it(program: Program, shared: Node) -> None:
    """As in `yes | activity-tui post HOST - | head -1`: input that never ends, and output that nobody takes."""
    assert program.run("status", shared.address).status == 0  # It is known from now on.
    with program.running("post", shared.address, "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        feeding = threading.Thread(target=feed_without_end, args=(process.stdin,))
        feeding.start()
        assert process.stdout.readline().startswith("accepted ")
        process.stdout.close()
        try:
            assert process.wait(LIMIT) == 0
        finally:
            process.kill()
            feeding.join(LIMIT)
        assert process.stderr.read() == ""
        process.stdin = process.stdout = None


def feed_without_end(stream: IO[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while True:
            stream.write("y\n" * 100)
            stream.flush()


def test_waiting_for_standard_input_ends_on_interrupt_with_130(program: Program, shared: Node) -> None:
    assert program.run("status", shared.address).status == 0  # It is known from now on.
    with program.running("post", shared.address, "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        Lines(process.stdout).wait("accepted")
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
        assert process.stderr.read() == ""


def test_tail_shows_one_line_an_activity_as_it_comes(program: Program, shared: Node) -> None:
    program.run("post", shared.address, "long ago")
    with program.running("tail", shared.address, "--since", "1") as process:
        assert process.stdout is not None and process.stderr is not None
        lines = Lines(process.stdout)
        lines.wait("long ago")
        program.run("post", shared.address, "just now\x1b[2J")
        line = lines.wait("just now")
        assert re.match(r"\d\d:\d\d:\d\d  anonymous: just now", line)
        assert "\x1b" not in line
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
        assert process.stderr.read() == ""


def test_tail_tells_at_which_server_each_activity_was_accepted_and_whether_that_has_signed_it(
    program: Program, shared: Node
) -> None:
    assert program.run("post", shared.address, "from somewhere").status == 0
    past = ("--since", "1", "--no-follow")
    ended = program.run("tail", shared.address, *past, "--json", "--origin")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    alone = json.loads(program.run("tail", shared.address, *past, "--json").out)
    assert {**told["activity"], "reference": told["reference"], "acceptedAt": told["acceptedAt"]} == alone
    moment = datetime.fromisoformat(alone["acceptedAt"])
    assert moment.utcoffset() == timedelta(0) and round(moment.timestamp() * 1_000_000) == told["stamp"]
    assert abs(moment.timestamp() - time.time()) < 60
    status = json.loads(program.run("status", shared.address, "--json").out)
    accepted = told["accepted"]
    assert (accepted["server"], accepted["name"], accepted["signed"]) == (status["id"], status["name"], True)
    assert accepted["entry"].startswith(f"{status['id']}.{status['incarnation']}.")
    (line,) = program.run("tail", shared.address, *past, "--origin").out.splitlines()
    assert line.endswith(f"[at {status['name']} ({status['id']}), signed by it]")


def test_tail_begins_with_what_is_younger_than_a_time(program: Program, shared: Node) -> None:
    program.run("post", shared.address, "a moment ago")
    ended = program.run("tail", shared.address, "--since", "1h", "--no-follow")
    assert "a moment ago" in ended.out
    assert program.run("tail", shared.address, "--since", "1ms", "--no-follow").out == ""


def test_tail_shows_only_what_matches_a_filter(program: Program, shared: Node) -> None:
    for words in ("deployed kiwi 1.4", "deployed plum", "kiwi 東京タワー"):
        program.run("post", shared.address, words)
    past = ("tail", shared.address, "--since", "100", "--no-follow")
    found = program.run(*past, "--filter", "kiwi deploy* -plum after:1h")
    assert (found.status, len(found.out.splitlines())) == (0, 1) and found.out.endswith("deployed kiwi 1.4\n")
    assert program.run(*past, "--filter", "京タ").out.endswith("東京タワー\n")


def test_search_looks_through_all_of_the_past_the_newest_first(program: Program, shared: Node) -> None:
    for number in range(5):
        program.run("post", shared.address, f"quince {number} 京都")
    ended = program.run("search", shared.address, "quince", "京")
    assert ended.status == 0, ended.err
    assert [line.split()[-2] for line in ended.out.splitlines()] == ["4", "3", "2", "1", "0"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  anonymous: quince 4 京都\n", ended.out)
    two = program.run("search", shared.address, "--limit", "2", "quince after:1h not 4", "--json")
    told = [json.loads(line) for line in two.out.splitlines()]
    assert [one["activity"]["object"]["content"].split()[1] for one in told] == ["3", "2"]
    assert told[0]["stamp"] > told[1]["stamp"] and told[0]["id"] != told[1]["id"]
    assert "these are the newest 2; --limit 0 shows all" in two.err


def test_search_that_finds_nothing_says_so_with_a_status_of_its_own(program: Program, shared: Node) -> None:
    ended = program.run("search", shared.address, "nowhere to be found")
    assert (ended.status, ended.out) == (8, "") and "nothing was found" in ended.err
    for words in ((), ("from:",), ("x", "--limit", "many")):
        assert program.run("search", shared.address, *words).status == 2


def test_a_filter_that_cannot_be_understood_is_told_with_its_place(program: Program, shared: Node) -> None:
    ended = program.run("tail", shared.address, "--filter", "kiwi from:")
    assert ended.status == 2
    assert "from: needs a value, such as from:ann (at character 6)" in ended.err
    assert "  kiwi from:\n       ^\n" in ended.err


def test_tail_gives_the_whole_past_that_is_asked_for_in_order(program: Program, shared: Node) -> None:
    lines = [f"of many {number}" for number in range(1200)]
    assert program.run("post", shared.address, "-", stdin="\n".join(lines)).status == 0
    ended = program.run("tail", shared.address, "--since", "1200", "--no-follow")
    assert [line.partition(": ")[2] for line in ended.out.splitlines()] == lines


def test_tail_ends_silently_when_nobody_reads_it_any_more(program: Program, shared: Node) -> None:
    assert program.run("status", shared.address).status == 0  # It is known from now on.
    with program.running("tail", shared.address, "--since", "1") as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT) == 0
        assert process.stderr.read() == ""
        process.stdout = None


def test_tail_survives_its_servers_restart_and_misses_nothing(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        port = node.port
        program.run("post", node.address, "before")
        with program.running("tail", node.address, "--since", "1") as process:
            assert process.stdout is not None
            lines = Lines(process.stdout)
            lines.wait("before")
            node.process.kill()
            node.process.wait(LIMIT)
            with running_node(program, tmp_path / "data", "--port", str(port)) as again:
                assert again.port == port
                program.run("post", again.address, "after")
                lines.wait("after")
            assert [line.partition(": ")[2] for line in lines.seen] == ["before", "after"]


def test_tail_that_is_refused_ends_with_status_4(program: Program, shared: Node) -> None:
    ended = program.run("tail", shared.address, "-u", "nobody", variables={"ACTIVITY_TUI_USER_SECRET": "x"})
    assert ended.status == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_tail_whose_lines_cannot_be_written_ends_with_status_1_and_one_sentence(program: Program, shared: Node) -> None:
    for number in range(3):
        assert program.run("post", shared.address, f"line {number}").status == 0
    for more in ((), ("--no-follow",)):
        with open("/dev/full", "wb") as full:
            ended = subprocess.run(
                program.command("tail", shared.address, "--since", "3", *more),
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=LIMIT,
                check=False,
            )
        assert ended.returncode == 1
        assert ended.stderr.decode().splitlines() == [
            "activity-tui: standard output cannot be written: No space left on device",
            "Make room there, or send it elsewhere.",
        ]


def test_where_nobody_may_be_anonymous_it_is_said_how_to_say_who_one_is(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data", "--no-anonymous") as node:
        ended = program.run("post", node.address, "x")
    assert ended.status == 4
    assert ended.err.splitlines()[-1] == "Say who you are with -u NAME."


def test_status_is_a_table_for_people(program: Program, shared: Node, ada: tuple[str, ...]) -> None:
    ended = program.run("status", shared.address)
    assert ended.status == 0
    assert ended.out.startswith(f"kitchen at {shared.address}: 1 server, ")
    assert re.search(r"^SERVER +ADDRESS +LOAD +STATE", ended.out, re.MULTILINE)
    assert re.search(r"^ada ", ended.out, re.MULTILINE)


def test_status_is_an_object_for_scripts(program: Program, shared: Node) -> None:
    ended = program.run("status", shared.address, "--json")
    assert ended.status == 0
    status = json.loads(ended.out)
    assert status["servers"][0]["port"] == shared.port
    assert status["name"] == "kitchen"
    assert shared.secret not in ended.out


def test_status_shows_both_servers_of_a_network(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "a", "--name", "first") as first,
        running_node(program, tmp_path / "b", "--name", "second", join=first.address) as second,
    ):
        first.log.wait("linked")
        second.log.wait("linked")
        out = program.run("status", second.address).out
        assert "2 servers" in out
        assert re.search(r"^first +127\.0\.0\.1:", out, re.MULTILINE)


def test_status_is_of_the_server_that_was_asked_also_if_others_have_fewer_people(
    program: Program, tmp_path: Path
) -> None:
    with (
        running_node(program, tmp_path / "a", "--name", "full") as full,
        running_node(program, tmp_path / "b", "--name", "empty", join=full.address) as empty,
        socket.create_connection(("127.0.0.1", full.port), 10) as client,
        client.makefile("rwb") as stream,
    ):
        full.log.wait("linked")
        empty.log.wait("linked")
        stream.write(b'{"command":"LOGIN","username":"anonymous"}\n')
        stream.flush()
        assert json.loads(stream.readline())["command"] == "LOGIN_SUCCESS"
        ended = program.run("status", full.address)
        assert ended.status == 0, ended.err
        assert ended.out.startswith(f"full at {full.address}")
        assert re.search(rf"^full +{re.escape(full.address)} +1 +here", ended.out, re.MULTILINE)


def test_status_does_not_count_the_anonymous_among_the_registered(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "a") as node:
        with program.running("tail", node.address) as tail:
            node.log.wait("anonymous logged in")
            out = program.run("status", node.address).out
            tail.send_signal(signal.SIGINT)
            tail.wait(LIMIT)
        assert "1 client, 0 registered users" in out
        assert re.search("^anonymous", out, re.MULTILINE)


def test_status_does_not_count_itself(program: Program, shared: Node, ada: tuple[str, ...]) -> None:
    for who in ((), ada):
        out = program.run("status", shared.address, *who).out
        assert out.startswith(f"kitchen at {shared.address}: 1 server, 0 clients, 1 registered user, ")
        assert re.search(rf"^kitchen +{re.escape(shared.address)} +0 +here", out, re.MULTILINE)
        assert not re.search("^anonymous", out, re.MULTILINE)
        assert re.search(r"^ada +[-\d]+ [:\d]+$", out, re.MULTILINE), "nor is the name here by it"
        told = json.loads(program.run("status", shared.address, "--json", *who).out)
        assert (told["load"], told["servers"][0]["load"], told["servers"][0]["users"]) == (0, 0, [])


def test_status_counts_everybody_else_also_those_of_the_same_name(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "a") as node, program.running("tail", node.address) as tail:
        node.log.wait("anonymous logged in")
        told = json.loads(program.run("status", node.address, "--json").out)
        assert (told["load"], told["servers"][0]["users"]) == (1, ["anonymous"])
        assert [(user["name"], len(user["servers"])) for user in told["users"]] == [("anonymous", 1)]
        tail.send_signal(signal.SIGINT)
        tail.wait(LIMIT)


def test_status_tells_servers_of_one_name_apart_by_their_addresses(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "a", "--name", "desk") as first,
        running_node(program, tmp_path / "b", "--name", "desk", join=first.address) as second,
    ):
        first.log.wait("linked")
        second.log.wait("linked")
        out = program.run("status", first.address).out
        assert re.search(
            rf"^desk +{re.escape(first.address)} .*desk \({re.escape(second.address)}\)$", out, re.MULTILINE
        )


def test_a_status_that_is_watched_is_told_again_and_again(program: Program, shared: Node) -> None:
    with program.running("status", shared.address, "--watch", "0.2", "--json") as process:
        assert process.stdout is not None
        pictures = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert [picture["id"] for picture in pictures] == [pictures[0]["id"]] * 3
    assert pictures[0]["at"] < pictures[1]["at"] < pictures[2]["at"]


@pytest.mark.parametrize("words", ["never", "0", "-1", "1e9"])
def test_a_time_that_none_can_wait_is_no_time_to_watch_in(program: Program, words: str) -> None:
    ended = program.run("status", "localhost", f"--watch={words}")
    assert ended.status == 2
    assert ended.err.startswith("activity-tui: --watch: ")


@pytest.mark.slow
def test_a_status_that_is_watched_goes_on_at_another_server_when_its_own_dies(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "first") as first,
        running_node(program, tmp_path / "second", join=first.address) as second,
    ):
        second.log.wait("linked")
        with program.running("status", first.address, "--watch", "0.2", "--json") as process:
            assert process.stdout is not None
            here = json.loads(process.stdout.readline())["id"]
            first.process.kill()
            while (there := json.loads(process.stdout.readline()))["id"] == here:
                pass
    assert there["load"] == 0, "whoever watches is not counted"
