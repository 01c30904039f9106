"""`register` and `passwd` against a real server: what is printed, what is remembered, and what they end with."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Ended, Lines, Node, Program, running_node
from tui.remembered import credentials

MADE = re.compile(r"[a-z2-7]{26}\n")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One server for all tests; each has names of its own."""
    directory = tmp_path_factory.mktemp("node")
    with running_node(Program(directory), directory / "data") as node:
        yield node


def file_of(program: Program) -> Path:
    return program.home / ".local/share/activity-tui/client" / credentials.FILE_NAME


def account(program: Program, node: Node, name: str) -> credentials.SavedAccount | None:
    remembered = credentials.load(file_of(program).parent)
    return remembered.account(name, node.address) if remembered is not None else None


def logs_in(program: Program, node: Node, name: str, secret: str) -> bool:
    variables = {"ACTIVITY_TUI_USER_SECRET": secret}
    ended = program.run("status", node.address, "-u", name, "--json", variables=variables)
    assert ended.status in (0, 4), ended.err
    return ended.status == 0


@pytest.mark.slow
def test_a_made_secret_is_all_of_the_output_and_remembered_for_later_commands(program: Program, shared: Node) -> None:
    ended = program.run("register", shared.address, "-u", "ada")
    assert ended.status == 0 and MADE.fullmatch(ended.out), ended.err
    assert "ada is registered" in ended.err and str(file_of(program)) in ended.err
    assert ended.out.strip() not in ended.err
    assert stat.S_IMODE(file_of(program).stat().st_mode) == 0o600
    assert program.run("post", shared.address, "-u", "ada", "hello").status == 0
    assert logs_in(program, shared, "ada", ended.out.strip())


def test_a_secret_that_is_given_is_not_printed(program: Program, shared: Node, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("difference engine\n")
    ended = program.run("register", shared.address, "-u", "bea", "--user-secret-file", str(tmp_path / "secret"))
    assert (ended.status, ended.out) == (0, "")
    kept = account(program, shared, "bea")
    assert kept is not None and kept.secret == "difference engine"


def test_whoever_does_not_want_it_remembered_says_so(program: Program, shared: Node) -> None:
    ended = program.run("register", shared.address, "-u", "cay", "--no-remember")
    assert ended.status == 0 and MADE.fullmatch(ended.out)
    assert "not remembered (you said so)" in ended.err and not file_of(program).exists()


def test_a_name_that_is_taken_is_refused_and_nothing_of_it_is_remembered(program: Program, shared: Node) -> None:
    made = program.run("register", shared.address, "-u", "dan").out.strip()
    ended = program.run("register", shared.address, "-u", "dan")
    assert (ended.status, ended.out) == (4, "")
    assert "dan is already registered" in ended.err
    kept = account(program, shared, "dan")
    assert kept is not None and kept.secrets == (made,)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("register", "HERE"), 2, "-u NAME"),
        (("register", "HERE", "-u", "anonymous"), 2, "nobody's name"),
        (("register", "HERE", "-u", "a\nb"), 2, "control characters"),
        (("register", "127.0.0.1:1", "-u", "eve"), 3, "cannot be reached"),
        (("register", "127.0.0.1:1", "-u", "eve~abcdef"), 2, "kept for renamed accounts"),
        (("passwd", "127.0.0.1:1", "-u", "eve~abcdef"), 2, "needs the present one"),
        (("passwd", "HERE"), 2, "-u NAME"),
        (("passwd", "HERE", "-u", "nobody"), 2, "needs the present one"),
        (("passwd", "HERE", "-u", "nobody", "--new-secret-file", "/nowhere"), 2, "needs the present one"),
        (("paswd", "HERE", "-u", "eve"), 2, "did you mean 'passwd'?"),
        (("regsiter", "HERE", "-u", "eve"), 2, "did you mean 'register'?"),
    ],
)
def test_what_is_wrong_is_said_and_told_by_the_status(
    program: Program, shared: Node, arguments: tuple[str, ...], status: int, words: str
) -> None:
    ended = program.run(*(shared.address if one == "HERE" else one for one in arguments))
    assert (ended.status, ended.out) == (status, "")
    assert words in ended.err
    assert not file_of(program).exists() or account(program, shared, "eve") is None


def test_a_secret_that_cannot_be_remembered_is_printed_and_that_is_said(program: Program, shared: Node) -> None:
    (program.home / ".local").write_text("in the way")
    ended = program.run("register", shared.address, "-u", "fay")
    assert ended.status == 0 and MADE.fullmatch(ended.out)
    assert "not remembered" in ended.err and "keep it where you keep your passwords" in ended.err
    assert logs_in(program, shared, "fay", ended.out.strip())


def test_without_a_home_directory_data_dir_says_where(program: Program, shared: Node, tmp_path: Path) -> None:
    ended = program.run("register", shared.address, "-u", "gil", "--data-dir", str(tmp_path / "mine"))
    assert ended.status == 0
    assert credentials.load(tmp_path / "mine") is not None and not file_of(program).exists()


def test_where_nobody_takes_the_output_the_secret_is_told_all_the_same(program: Program, shared: Node) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            program.command("register", shared.address, "-u", "hal", "--no-remember"),
            env=program.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    assert ended.returncode == 1
    told = re.search(r"It is: ([a-z2-7]{26})", ended.stderr)
    assert told and logs_in(program, shared, "hal", told[1])


def test_a_registration_that_is_killed_before_its_answer_is_taken_up_with_the_same_secret(program: Program) -> None:
    """The server takes the registration, and says nothing of it before the command has died."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    asked = threading.Event()
    lines: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        lines.append(connection.makefile("rb").readline())
        asked.set()

    threading.Thread(target=serve, daemon=True).start()
    with program.running("register", address, "-u", "ida", "--plain") as process:
        assert asked.wait(LIMIT)
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT)
    listener.close()
    remembered = credentials.load(file_of(program).parent)
    assert remembered is not None
    (kept,) = remembered.accounts
    assert kept.expected is not None and kept.expected.encode() in lines[0]


@pytest.mark.slow
def test_a_secret_is_changed_to_one_that_is_made_and_later_commands_use_it(program: Program, shared: Node) -> None:
    old = program.run("register", shared.address, "-u", "jan").out.strip()
    ended = program.run("passwd", shared.address, "-u", "jan")
    assert ended.status == 0 and MADE.fullmatch(ended.out), ended.err
    new = ended.out.strip()
    assert new != old and "changed, in the whole network" in ended.err
    assert program.run("post", shared.address, "-u", "jan", "hello").status == 0
    assert logs_in(program, shared, "jan", new) and not logs_in(program, shared, "jan", old)
    kept = account(program, shared, "jan")
    assert kept is not None and kept.secrets == (new,)


@pytest.mark.slow
def test_both_secrets_may_come_from_files_or_variables(program: Program, shared: Node, tmp_path: Path) -> None:
    old = program.run("register", shared.address, "-u", "kim", "--no-remember").out.strip()
    (tmp_path / "old").write_text(old)
    (tmp_path / "new").write_text("from a file\n")
    files = ("--user-secret-file", str(tmp_path / "old"), "--new-secret-file", str(tmp_path / "new"))
    ended = program.run("passwd", shared.address, "-u", "kim", "--no-remember", *files)
    assert (ended.status, ended.out) == (0, ""), ended.err
    variables = {"ACTIVITY_TUI_USER_SECRET": "from a file", "ACTIVITY_TUI_NEW_SECRET": "from a variable"}
    ended = program.run("passwd", shared.address, "-u", "kim", "--no-remember", variables=variables)
    assert (ended.status, ended.out) == (0, ""), ended.err
    assert logs_in(program, shared, "kim", "from a variable") and not logs_in(program, shared, "kim", "from a file")
    assert not file_of(program).exists()


@pytest.mark.slow
def test_a_wrong_present_secret_changes_nothing(program: Program, shared: Node) -> None:
    secret = program.run("register", shared.address, "-u", "lou", "--no-remember").out.strip()
    ended = program.run("passwd", shared.address, "-u", "lou", variables={"ACTIVITY_TUI_USER_SECRET": "guess"})
    assert (ended.status, ended.out) == (4, "")
    assert "do not match" in ended.err
    assert logs_in(program, shared, "lou", secret)


@pytest.mark.slow
def test_who_is_in_with_the_secret_that_was_changed_has_to_log_in_again(program: Program, shared: Node) -> None:
    program.run("register", shared.address, "-u", "mia")
    with program.running("tail", shared.address, "-u", "mia", "--since", "9") as tail:
        assert tail.stderr is not None and tail.stdout is not None
        out, err = Lines(tail.stdout), Lines(tail.stderr)
        assert program.run("post", shared.address, "sign of life").status == 0
        out.wait("sign of life")
        assert program.run("passwd", shared.address, "-u", "mia").status == 0
        err.wait("secret of this account was changed")
        assert tail.wait(LIMIT) == 4


def test_a_name_that_nobody_has_is_told_so_with_the_way_to_it(program: Program, shared: Node) -> None:
    variables = {"ACTIVITY_TUI_USER_SECRET": "x"}
    ended = program.run("post", shared.address, "-u", "nobody", "hello", variables=variables)
    assert ended.status == 4
    assert "there is no nobody" in ended.err
    assert f"activity-tui register {shared.address} -u nobody" in ended.err


def test_a_remembered_secret_that_is_right_no_more_is_called_that(program: Program, shared: Node) -> None:
    secret = program.run("register", shared.address, "-u", "oda").out.strip()
    variables = {"ACTIVITY_TUI_USER_SECRET": secret, "ACTIVITY_TUI_NEW_SECRET": "changed elsewhere"}
    assert program.run("passwd", shared.address, "-u", "oda", "--no-remember", variables=variables).status == 0
    ended = program.run("post", shared.address, "-u", "oda", "hello")
    assert ended.status == 4 and str(file_of(program)) in ended.err


def test_a_secret_that_is_remembered_for_one_server_is_not_told_to_another(program: Program, shared: Node) -> None:
    program.run("register", shared.address, "-u", "pia")
    listener = socket.create_server(("127.0.0.1", 0))
    ended = program.run("post", f"127.0.0.1:{listener.getsockname()[1]}", "-u", "pia", "hello")
    listener.close()
    assert ended.status == 2 and "needs a secret" in ended.err


def test_a_change_whose_answer_was_lost_is_found_out_with_either_secret(program: Program, shared: Node) -> None:
    old = program.run("register", shared.address, "-u", "quy").out.strip()
    credentials.expect(file_of(program).parent, "quy", "the lost one", shared.address)
    variables = {"ACTIVITY_TUI_USER_SECRET": old, "ACTIVITY_TUI_NEW_SECRET": "the lost one"}
    assert program.run("passwd", shared.address, "-u", "quy", "--no-remember", variables=variables).status == 0
    ended = program.run("passwd", shared.address, "-u", "quy")
    assert ended.status == 0 and MADE.fullmatch(ended.out), ended.err
    kept = account(program, shared, "quy")
    assert kept is not None and kept.secrets == (ended.out.strip(),)


def on_a_terminal(program: Program, arguments: list[str], answers: list[tuple[str, str]]) -> tuple[Ended, str]:
    """Run a command whose input and narration are a terminal, and answer its questions; what it did, and showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        program.command(*arguments),
        env=program.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    try:
        for question, answer in answers:
            while question not in shown:
                shown += os.read(ours, 4096).decode()
            shown = shown.partition(question)[2]
            os.write(ours, answer.encode() + b"\n")
        out, _ = process.communicate(timeout=LIMIT)
        os.set_blocking(ours, False)
        try:
            while more := os.read(ours, 4096):
                shown += more.decode()
        except OSError:
            pass
    finally:
        process.kill()
        os.close(ours)
    return Ended(process.returncode, out, shown), shown


def test_secrets_are_asked_for_at_a_terminal_and_not_shown(program: Program, shared: Node) -> None:
    old = program.run("register", shared.address, "-u", "ray", "--no-remember").out.strip()
    asked = [
        ("present secret of ray", old),
        ("new secret of ray", "typed"),
        ("the new one again", "tpyed"),
        # A question drops what was typed before it, so nothing is answered before it is asked.
        ("the two differ; once more\r\nnew secret of ray", ""),
    ]
    ended, shown = on_a_terminal(program, ["passwd", shared.address, "-u", "ray", "--no-remember"], asked)
    assert ended.status == 0 and MADE.fullmatch(ended.out), ended
    assert "typed" not in shown and old not in shown
    assert logs_in(program, shared, "ray", ended.out.strip())


def test_an_account_that_was_registered_in_the_window_of_ones_own_server_is_known_to_commands(
    program: Program, tmp_path: Path
) -> None:
    with running_node(program, tmp_path / "elsewhere") as node:
        secret = program.run("register", node.address, "-u", "ida", "--no-remember").out.strip()
        own = program.home / ".local/share/activity-tui" / f"node-{node.port}"
        own.mkdir(parents=True, mode=0o700)
        credentials.enter(own, "ida", secret, credentials.HERE)
        assert program.run("post", node.address, "-u", "ida", "hello").status == 0
        assert program.run("post", f"localhost:{node.port}", "-u", "ida", "hello", "--accept-new").status == 0
        assert program.run("passwd", node.address, "-u", "ida").status == 0
        kept = credentials.load(own)
        assert kept is not None and kept.account("ida", credentials.HERE) is not None
        assert program.run("post", node.address, "-u", "ida", "with the new one").status == 0
