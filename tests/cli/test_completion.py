"""A shell completes commands, options, and what they may be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import Program

_ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function=$(complete -p activity-tui | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" activity-tui "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _offered(program: Program, shell_script: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    shell_script.write_text(program.run("completion", "bash").out)
    asked = ["bash", "--norc", "-c", _ASK_BASH, "bash", str(shell_script), "activity-tui", *words]
    answer = subprocess.run(asked, cwd=program.home, capture_output=True, text=True, timeout=20, check=True)
    return set(answer.stdout.split())


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
