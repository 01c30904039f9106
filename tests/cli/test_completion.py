"""A shell completes commands, options, and what they may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.wire.address import Address
from tests.cli.program import Program
from tests.terminal.pseudo import Terminal
from tui.remembered.credentials import confirm
from tui.remembered.known_networks import enter

_ASK_BASH = """
source "$1"; shift
COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
# As bash does it: colons are words.
COMP_WORDS=(); for word; do
  while [[ $word == ?*:* || $word == :?* ]]; do
    [[ $word == :* ]] && part=: || part="${word%%:*}"
    COMP_WORDS+=("$part"); word="${word#"$part"}"
  done
  COMP_WORDS+=("$word")
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_WORDBREAKS=' :='
function=$(complete -p activity-tui | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" activity-tui "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _offered(program: Program, shell_script: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    shell_script.write_text(program.run("completion", "bash").out)
    asked = ["bash", "--norc", "-c", _ASK_BASH, "bash", str(shell_script), "activity-tui", *words]
    answer = subprocess.run(
        asked, cwd=program.home, env=_surroundings(program), capture_output=True, text=True, timeout=20, check=True
    )
    return set(answer.stdout.split())


def _surroundings(program: Program) -> dict[str, str]:
    """Where a shell finds this program, and that the person's directories."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **program.environment, "PATH": path}


@pytest.fixture
def knowing(program: Program) -> Program:
    """Somebody who has met two servers, and has an account at a third."""
    file = program.home / ".config/activity-tui/known-networks"
    enter(file, "a" * 26, [Address("203.0.113.7", 3780), Address("2001:db8::1", 3780)])
    confirm(program.home / ".local/share/activity-tui/client", "ada", "secret", "203.0.113.9:4000")
    return program


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["kno"], {"known-hosts", "known-networks", "known-servers"}),
        (["serve", "--acc"], {"--accept-loss", "--accept-unsigned"}),
        (["serve", "--preset", ""], {"local", "lan", "wan"}),
        (["invite", ""], {"server", "person", "list", "revoke"}),
        (["completion", "z"], {"zsh"}),
        (["order", "localhost", "s"], {"silence", "secret"}),
    ],
)
def test_bash_offers_what_the_word_may_become(
    words: list[str], offered: set[str], program: Program, tmp_path: Path
) -> None:
    assert _offered(program, tmp_path / "script", *words) == offered


def test_bash_offers_files_where_a_file_is_meant(program: Program, tmp_path: Path) -> None:
    (program.home / "the-secret").write_text("s\n")
    assert _offered(program, tmp_path / "script", "serve", "--secret-file", "the") == {"the-secret"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_theirs(shell: str, program: Program, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(program.run("completion", shell).out)
    read = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=20, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_a_shell_that_is_not_known_is_a_usage_error(program: Program) -> None:
    ended = program.run("completion", "tcl")
    assert (ended.status, ended.out) == (2, "")
    assert "bash, zsh, fish" in ended.err


# --- servers that somebody knows --------------------------------------------------------------------------------------


def test_the_addresses_of_known_servers_are_told_one_a_line_the_latest_first(knowing: Program) -> None:
    ended = knowing.run("known-networks", "--addresses")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == ["[2001:db8::1]:3780", "203.0.113.7:3780", "203.0.113.9:4000"]


@pytest.mark.parametrize("host", ["$(reboot)", "`reboot`", "a;reboot", "a&reboot", "a|reboot", "~root", "a\x1bc", "*"])
def test_an_address_that_would_be_more_than_a_word_to_a_shell_is_not_told(host: str, knowing: Program) -> None:
    """A host is whatever an invitation or a server says; a shell puts what it is told into the line, as it is."""
    enter(knowing.home / ".config/activity-tui/known-networks", "a" * 26, [Address(host, 3780)])
    confirm(knowing.home / ".local/share/activity-tui/client", "ada", "secret", f"{host}:1")
    told = knowing.run("known-networks", "--addresses").out.splitlines()
    assert told == ["[2001:db8::1]:3780", "203.0.113.7:3780", "203.0.113.9:4000"]


def test_who_knows_no_server_is_offered_none_and_told_nothing(program: Program) -> None:
    ended = program.run("known-networks", "--addresses")
    assert (ended.status, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tail", ""], {"[2001:db8::1]:3780", "203.0.113.7:3780", "203.0.113.9:4000"}),
        (["join", "203.0.113.9"], {"203.0.113.9:4000"}),
        (["post", "203.0.113.9:"], {"4000"}),
        (["post", "203.0.113.9:40"], {"4000"}),
        (["known-networks", "--remove", "[20"], {"[2001:db8::1]:3780"}),
        (["order", "203.0.113.7:3780", "sil"], {"silence"}),
        (["order", "[2001:db8::1]:3780", "sil"], {"silence"}),
    ],
)
def test_bash_offers_known_servers_and_takes_one_for_a_word(
    words: list[str], offered: set[str], knowing: Program, tmp_path: Path
) -> None:
    assert _offered(knowing, tmp_path / "script", *words) == offered


def test_fish_offers_known_servers(knowing: Program, tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "script.fish"
    script.write_text(knowing.run("completion", "fish").out)
    asked = ["fish", "--no-config", "-c", f"source {script}; complete -C 'activity-tui tail 203.0.113.9'"]
    answer = subprocess.run(
        asked, env=_surroundings(knowing), capture_output=True, text=True, timeout=20, check=True
    ).stdout
    assert [line.partition("\t")[0] for line in answer.splitlines()] == ["203.0.113.9:4000"]


def test_zsh_completes_a_known_server(knowing: Program, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    script = tmp_path / "script.zsh"
    script.write_text(knowing.run("completion", "zsh").out)
    places = {"XDG_CONFIG_HOME": f"{knowing.home}/.config", "XDG_DATA_HOME": f"{knowing.home}/.local/share"}
    surroundings = {**_surroundings(knowing), **places, "TERM": "xterm"}
    shell = Terminal(knowing.home, interactive="zsh -f -i", environment=surroundings)
    try:
        shell.type(f"autoload -U compinit; compinit -D; eval \"$(cat {script})\"; PS1='rea''dy> '\n".encode())
        shell.shows("ready> ")
        shell.type(b"activity-tui tail 203.0.113.9\t")
        shell.shows(":4000")
    finally:
        shell.close()
