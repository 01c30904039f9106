"""The README is true: its commands work, its table is the application's, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.terminal import TerminalCommand
from tui.user_actions.action_registry import markdown_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECRET = "the-network-secret"
LIMIT = 30.0


def commands() -> list[str]:
    """Every indented line of the README that a person would type."""
    return [line.strip() for line in README.splitlines() if line.startswith("    ") and line.strip()]


class Running:
    """A server as `activity-tui serve --headless` of the README starts it, on a free port."""

    def __init__(self, directory: Path) -> None:
        self.environment = os.environ | {
            "HOME": str(directory),
            "XDG_DATA_HOME": str(directory / "data"),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "ACTIVITY_TUI_SECRET": SECRET,
            "ACTIVITY_TUI_HOST": "127.0.0.1",
            "ACTIVITY_TUI_BACKUP_INTERVAL": "1",
            "ACTIVITY_TUI_DATA_DIR": str(directory / "node"),
        }
        self.directory = directory
        self._log = (directory / "log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", "serve", "--headless", "--port", "0", "--ssh", "127.0.0.1:0"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self.port = int(self._wait_for(r"listening on 127\.0\.0\.1:(\d+)"))
        self.ssh_port = int(self._wait_for(r"SSH at 127\.0\.0\.1:(\d+)"))
        self._make_ssh(directory / "bin")

    def _make_ssh(self, directory: Path) -> None:
        """An `ssh` that knows nobody of this machine's own, and a program that answers its question for the secret."""
        directory.mkdir()
        options = f"-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile={directory / 'hosts'} -o LogLevel=ERROR"
        real = f"exec {shutil.which('ssh')} {options} -o PubkeyAuthentication=no"
        for name, line in (("ssh", f'{real} "$@"'), ("ask", f"echo {SECRET}")):
            (directory / name).write_text(f"#!/bin/sh\n{line}\n")
            (directory / name).chmod(0o700)
        self.environment |= {
            "PATH": f"{directory}:{self.environment['PATH']}",
            "SSH_ASKPASS": str(directory / "ask"),
            "SSH_ASKPASS_REQUIRE": "force",
        }

    def register(self, name: str) -> None:
        """An account whose secret is the network's."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT) as connection:
            connection.sendall(f'{{"command":"REGISTER","username":"{name}","secret":"{SECRET}"}}\n'.encode())
            assert b"REGISTER_SUCCESS" in connection.recv(4096)

    def adapted(self, line: str) -> str:
        """A line of the README, as it is run against this server."""
        line = line.replace("HOST:3780", f"127.0.0.1:{self.port}").replace("HOST 3780", f"127.0.0.1 {self.port}")
        line = line.replace("3722 NAME@HOST", f"{self.ssh_port} zoe@127.0.0.1")
        line = line.replace("3722 anonymous@HOST", f"{self.ssh_port} anonymous@127.0.0.1")
        line = line.replace("BACKUP", shlex.quote(str(self.backup())) if "BACKUP" in line else "")
        line = line.replace("DIR", str(self.directory / "restored"))
        return line.replace("activity-tui", f"{shlex.quote(sys.executable)} -m tui")

    def _wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            found = re.search(pattern, (self.directory / "log").read_text(encoding="utf-8"))
            if found:
                return found[1]
            assert self.process.poll() is None, (self.directory / "log").read_text(encoding="utf-8")
            time.sleep(0.05)
        raise AssertionError(f"the server did not say {pattern!r}")

    def backup(self) -> Path:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            found = sorted((self.directory / "node" / "backups").glob("backup-*.db"))
            if found:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError("no backup was written")

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of the README against this server."""
        return subprocess.run(
            ["sh", "-c", self.adapted(line)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LIMIT)
        self._log.close()
        return status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("readme"))
    running.register("zoe")
    yield running
    assert running.end() == 0


ORDERS = (
    'activity-tui order HOST:3780 silence bob --because "advertising"',
    "activity-tui order HOST:3780 close bob",
    "activity-tui order HOST:3780 remove ACTIVITY",
    "activity-tui order HOST:3780 ban 203.0.113.0/24",
    "activity-tui order HOST:3780 code bob",
    "activity-tui order HOST:3780 expel kitchen --since 2026-11-20",
    "activity-tui order HOST:3780 readmit carol",
    "activity-tui order HOST:3780 list",
    "activity-tui order HOST:3780 undo ORDER",
    "activity-tui order HOST:3780 key",
    "activity-tui order HOST:3780 appoint bob KEY",
    "activity-tui order HOST:3780 dismiss bob",
    "activity-tui order HOST:3780 rekey",
    "activity-tui secret rotate HOST:3780 --for 7d",
)


def test_the_orders_of_the_readme_are_given_by_who_registers_first(tmp_path: Path) -> None:
    running = Running(tmp_path)
    try:
        for name in ("ada", "bob", "carol"):
            running.register(name)
        running.environment |= {"ACTIVITY_TUI_USER": "ada", "ACTIVITY_TUI_USER_SECRET": SECRET}
        posted = running.run('activity-tui post HOST:3780 "to be removed"').stdout.split()[1]
        bobs = running.run(f"activity-tui order HOST:3780 key --key {tmp_path / 'bobs'}").stdout.strip()
        order = ""
        for line in ORDERS:
            # A server that has gone has no name any more.
            written = line.replace("ACTIVITY", posted, 1) if line.endswith(" ACTIVITY") else line
            written = written.replace("kitchen", "a" * 24).replace(" ORDER", f" {order}")
            ended = running.run(written.replace(" KEY", f" {shlex.quote(bobs)}"))
            assert ended.returncode == 0, (line, ended.stderr)
            order = ended.stdout.strip() if "ban" in line else order
    finally:
        running.end()


def test_the_readme_names_only_commands_that_a_test_runs() -> None:
    tried = {
        "make serve",
        "make test",
        "activity-tui serve",
        "ACTIVITY_TUI_SECRET=... activity-tui join HOST:3780",
        "activity-tui invite server HOST",
        "activity-tui invite person HOST",
        "activity-tui join HOST:3780/NETWORK/CODE",
        "activity-tui join HOST:3780",
        "activity-tui join HOST:3780 --network FINGERPRINT",
        """echo '{"command":"LOGIN","username":"anonymous"}' | nc HOST 3780""",
        "activity-tui serve --ssh 3722",
        "ssh -p 3722 NAME@HOST",
        "ssh -t -p 3722 NAME@HOST feed '#ops'",
        'ssh -p 3722 NAME@HOST post "deployed 1.4"',
        "ssh -p 3722 NAME@HOST keys",
        "ssh -t -p 3722 NAME@HOST passwd",
        "ssh -p 3722 anonymous@HOST tail --since 10m --json",
        "ssh -p 3722 anonymous@HOST help",
        "activity-tui serve --advertise chat.example.org:3780",
        "activity-tui serve --headless",
        'activity-tui post HOST:3780 "deployed 1.4"',
        "activity-tui tail HOST:3780 --since 10m --json",
        """activity-tui search HOST:3780 '"out of disk" after:2026-11-01' --limit 0""",
        "ssh -p 3722 anonymous@HOST search --json '#ops from:ann'",
        "activity-tui tail HOST:3780 --since 1000 --filter 'deploy* -rollback from:ann'",
        "activity-tui status HOST:3780",
        "activity-tui check HOST:3780",
        "activity-tui known-hosts HOST:3780",
        "activity-tui register HOST:3780 -u NAME",
        "activity-tui passwd HOST:3780 -u NAME",
        "activity-tui config show",
        *ORDERS,
        "activity-tui restore BACKUP --data-dir DIR",
        "activity-tui verify --data-dir DIR",
        "activity-tui events --since 1h",
        "activity-tui known-servers --data-dir DIR",
        "activity-tui known-networks",
    }
    assert {line.partition("  #")[0].rstrip() for line in commands()} == tried


def test_what_a_server_is_told_to_advertise_is_what_it_tells_others(tmp_path: Path) -> None:
    [line] = [one for one in commands() if "--advertise" in one]
    command = [sys.executable, "-m", "tui", *shlex.split(line)[1:], "--headless", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "node")],
        cwd=ROOT,
        env=os.environ | {"HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            told = next(one for one in process.stderr if "join as a client" in one)
        finally:
            process.terminate()
    assert re.search(r"activity-tui join chat\.example\.org:3780 --network [a-z2-7]{26}$", told.rstrip())


def test_posting_says_what_became_of_it(server: Running) -> None:
    done = server.run('activity-tui post HOST:3780 "deployed 1.4"')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accepted ")


def test_tail_shows_what_was_posted(server: Running) -> None:
    server.run('activity-tui post HOST:3780 "seen by tail"')
    done = server.run("activity-tui tail HOST:3780 --since 10m --json --no-follow")
    assert done.returncode == 0, done.stderr
    assert "seen by tail" in done.stdout


def test_tail_shows_what_matches_a_filter(server: Running) -> None:
    for words in ("filter deploys 1", "filter deploys 2, a rollback"):
        server.run(f'activity-tui post HOST:3780 "{words}"')
    [line] = [line for line in commands() if "--filter" in line]
    done = server.run(f"{line.replace('from:ann', 'filter')} --no-follow")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("filter deploys 1\n") and len(done.stdout.splitlines()) == 1
    assert server.run(f"{line} --no-follow").stdout == ""


def test_search_finds_what_was_posted_here_and_over_ssh(server: Running) -> None:
    server.run('activity-tui post HOST:3780 "out of disk, once more #ops"')
    for line in [line for line in commands() if " search " in line]:
        done = server.run(line.replace("from:ann", "from:anonymous"))
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1 and "once more #ops" in done.stdout


def test_status_shows_the_servers(server: Running) -> None:
    done = server.run("activity-tui status HOST:3780")
    assert done.returncode == 0, done.stderr
    assert f"127.0.0.1:{server.port}" in done.stdout


def test_the_network_of_a_server_that_one_runs_is_known(server: Running) -> None:
    done = server.run("activity-tui known-networks")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^127\.0\.0\.1:{server.port} [a-z2-7]{{26}}$", done.stdout, re.MULTILINE)


def test_checking_tells_what_it_posts_and_that_all_of_it_holds(server: Running) -> None:
    done = server.run("activity-tui check HOST:3780")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("This posts 200 activities")
    assert re.search(r"^nothing dropped +holds", done.stdout, re.MULTILINE)


def test_a_secret_is_made_printed_remembered_and_changed(server: Running) -> None:
    made = [server.run(f"activity-tui {command} HOST:3780 -u NAME") for command in ("register", "passwd")]
    assert [done.returncode for done in made] == [0, 0], made
    first, second = (done.stdout.strip() for done in made)
    assert first and second and first != second


def test_the_settings_are_shown_without_secrets(server: Running) -> None:
    done = server.run("activity-tui config show")
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_backup_can_be_restored(server: Running) -> None:
    done = server.run("activity-tui restore BACKUP --data-dir DIR")
    assert done.returncode == 0, done.stderr
    assert (server.directory / "restored" / "node.db").exists()
    done = server.run("activity-tui verify --data-dir DIR")
    assert done.returncode == 0, done.stdout + done.stderr
    done = server.run("activity-tui known-servers --data-dir DIR")
    assert (done.returncode, done.stdout) == (0, "")
    assert "made of their keys" in done.stderr


def test_the_events_tell_that_the_server_was_started(server: Running) -> None:
    deadline = time.monotonic() + LIMIT
    while "started with no activities yet" not in (done := server.run("activity-tui events --since 1h")).stdout:
        assert time.monotonic() < deadline, done.stdout + done.stderr
    assert done.returncode == 0


def test_a_line_of_json_is_enough_to_log_in(server: Running) -> None:
    line = next(line for line in commands() if line.startswith("echo"))
    text = shlex.split(line)[1]
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as connection:
        connection.sendall(text.encode() + b"\n")
        assert b"LOGIN_SUCCESS" in connection.recv(4096)


def test_the_commands_over_ssh_do_what_they_do_locally(server: Running) -> None:
    done = server.run('ssh -p 3722 NAME@HOST post "deployed 1.4"')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accepted ")
    done = server.run("ssh -p 3722 anonymous@HOST tail --since 10m --json --no-follow")
    assert done.returncode == 0, done.stderr
    assert "deployed 1.4" in done.stdout and "zoe" in done.stdout
    assert server.run("ssh -p 3722 NAME@HOST keys").returncode == 0
    assert "ssh HOST post" in server.run("ssh -p 3722 anonymous@HOST help").stdout


def test_the_line_for_known_hosts_is_printed(server: Running) -> None:
    done = server.run("activity-tui known-hosts HOST:3780")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"@cert-authority \[127\.0\.0\.1\]:\d+ ssh-ed25519 \S+\n", done.stdout)


async def test_a_secret_is_changed_over_ssh_where_nobody_sees_it(server: Running) -> None:
    server.register("yan")
    line = server.adapted("ssh -t -p 3722 NAME@HOST passwd").replace("zoe@", "yan@")
    environment = server.environment | {"TERM": "xterm-256color"}
    async with TerminalCommand(["sh", "-c", line], environment=environment) as terminal:
        await terminal.shows("present secret")
        terminal.type(f"{SECRET}\r")
        await terminal.shows("new secret")
        terminal.type("another one\r")
        await terminal.shows("again")
        terminal.type("another one\r")
        await terminal.shows("is changed")
        assert await terminal.status() == 0
        assert b"another" not in terminal.output and SECRET.encode() not in terminal.output


async def test_the_application_opens_over_ssh(server: Running) -> None:
    server.run('activity-tui post HOST:3780 "please look, #ops"')
    for line in ("ssh -p 3722 NAME@HOST", "ssh -t -p 3722 NAME@HOST feed '#ops'"):
        words = ["sh", "-c", server.adapted(line)]
        async with TerminalCommand(words, environment=server.environment | {"TERM": "xterm-256color"}) as terminal:
            await terminal.shows("zoe")
            await terminal.shows("#ops")
            terminal.type("\x11")
            assert await terminal.status() == 0


def test_the_two_make_commands_are_in_the_makefile() -> None:
    for target in ("serve", "test"):
        done = subprocess.run(
            ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_table_of_keys_is_the_applications() -> None:
    shown = README.partition("<!-- keys: made from tui/user_actions/action_table.py -->\n")[2].partition(
        "\n<!-- /keys -->"
    )[0]
    assert shown == markdown_table().strip()


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
