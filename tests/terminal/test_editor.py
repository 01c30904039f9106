"""A text is written in the person's own editor, on their terminal, and comes back to be looked at."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.processes.harness import REPOSITORY
from tests.ssh.tmux import AS_IT_WAS, Tmux
from tui.own_screen.editor import EditorFailed, editor_command

LIMIT = 60.0

EDITOR = """#!/bin/sh
stat -c %a "$1" > "$HOME/mode"
printf 'the editor has: '; cat "$1"; printf '\\nwhat to add? '
read -r word
printf '\\n%s\\n' "$word" >> "$1"
printf %s "$1" > "$HOME/path"
[ "$word" != fail ]
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "set VISUAL or EDITOR"),
        ({"EDITOR": "  "}, "set VISUAL or EDITOR"),
        ({"EDITOR": "no-such-editor --wait"}, "'no-such-editor', which EDITOR names, is not there"),
        ({"VISUAL": "'", "EDITOR": "cat"}, "VISUAL cannot be read"),
    ],
)
def test_an_editor_that_cannot_be_is_told(environment: dict[str, str], said: str):
    with pytest.raises(EditorFailed, match=said):
        editor_command({**environment})


def test_visual_goes_before_editor_and_arguments_go_along():
    assert editor_command({"VISUAL": "cat -u", "EDITOR": "sh"}) == ["cat", "-u"]


def left_behind(home: Path) -> list[Path]:
    """What there still is of the file that the editor was given."""
    path = Path((home / "path").read_text())
    return [one for one in (path, path.parent) if one.exists()]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_an_editor_saves_is_shown_and_not_sent(tmp_path: Path, size: tuple[int, int]):
    editor = tmp_path / "editor.sh"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    async with Tmux(tmp_path, size=size) as tmux:
        await tmux.enter(["cd", str(REPOSITORY)])
        serve = [sys.executable, "-m", "tui", "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir"]
        await tmux.enter(["env", f"EDITOR={editor}", *serve, str(tmp_path / "node"), "-u", "anonymous"])
        await tmux.shows("Write to everybody", LIMIT)
        await tmux.types("the plan:")
        await tmux.shows("the plan:", LIMIT)
        await tmux.keys("C-o")
        await tmux.shows("the editor has: the plan:", LIMIT)
        await tmux.shows("what to add?", LIMIT)
        # What is typed is the editor's, Ctrl+C as well, in whatever mode it has the terminal.
        await tmux.types("step 1")
        await tmux.keys("Enter")
        await tmux.shows("F1 Help", LIMIT)
        await tmux.shows("step 1", LIMIT)
        screen = await tmux.screen()
        assert "what to add?" not in screen and "anonymous    the plan" not in screen
        assert (tmp_path / "mode").read_text().strip() == "600"
        assert left_behind(tmp_path) == []

        await tmux.keys("C-o")
        await tmux.shows("what to add?", LIMIT)
        await tmux.types("fail")
        await tmux.keys("Enter")
        await tmux.shows("ended with status 1", LIMIT)

        await tmux.keys("C-o")
        await tmux.shows("what to add?", LIMIT)
        await tmux.keys("C-c")
        await tmux.shows("the text is as it was before", LIMIT)
        await tmux.keys("Enter")
        await tmux.shows("Write to everybody", LIMIT)
        await tmux.shows("step 1", LIMIT)


STUBBORN = """#!/bin/sh
echo "saved by the editor" > "$1"
echo $PPID $$ > "$HOME/pids"
printf 'the editor is busy'
while :; do sleep 1000; done
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told to end", "killed"])
async def test_a_server_that_ends_while_somebody_is_in_their_editor_gives_the_terminal_back(
    tmp_path: Path, number: signal.Signals
):
    editor = tmp_path / "editor.sh"
    editor.write_text(STUBBORN)
    editor.chmod(0o700)
    async with Tmux(tmp_path, size=(160, 30)) as tmux:
        await tmux.enter(["cd", str(REPOSITORY)])
        node = tmp_path / "node"
        serve = [sys.executable, "-m", "tui", "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(node)]
        await tmux.enter(["env", f"EDITOR={editor}", *serve, "-u", "anonymous"])
        await tmux.shows("Write to everybody", LIMIT)
        await tmux.keys("C-o")
        await tmux.shows("the editor is busy", LIMIT)
        screen_process = int((tmp_path / "pids").read_text().split()[0])
        os.kill(parent_of(screen_process), number)
        await tmux.shows("what you had saved there is in", LIMIT)
        # The words typed do not have what the shell makes of them, wherever its prompt comes among them.
        await tmux.enter("echo back to $((40 + 2))")
        screen = await tmux.shows("back to 42", LIMIT)
        assert kept(screen) == ("saved by the editor\n", 0o600)
        assert await tmux.modes() == AS_IT_WAS


def kept(screen: str) -> tuple[str, int]:
    """What is in the file that the screen names, and its mode; the file goes."""
    (said,) = re.findall(r"is in (/\S+)", screen)
    path = Path(said)
    found = path.read_text(), path.stat().st_mode & 0o777
    shutil.rmtree(path.parent)
    return found


def parent_of(process: int) -> int:
    """The process that has started another one: as Linux tells it."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
