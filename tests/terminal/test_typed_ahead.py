"""What somebody types before the first screen stands is for that screen, Enter included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.pseudo import Terminal


@pytest.mark.parametrize("patience", [0.0, 0.7, 1.5])
def test_a_name_that_is_typed_while_the_program_starts_is_registered_whole(tmp_path: Path, patience: float) -> None:
    server = Terminal(tmp_path, "serve", "--host", "127.0.0.1", "--port", "0")
    try:
        server.type(b"a", pause=patience)
        server.type(b"da\r\r")
        server.has("You are ada")
    finally:
        server.close()


def test_a_line_that_was_meant_for_the_shell_is_shown_and_not_sent(tmp_path: Path) -> None:
    server = Terminal(tmp_path, "serve", "--host", "127.0.0.1", "--port", "0", "-u", "anonymous")
    try:
        server.type(b"rm notes\r")
        server.has("you are anonymous")
        server.has("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}  rm notes")
        assert "anonymous    rm notes" not in server.screen.text
        server.has("Nothing here yet.")
    finally:
        server.close()


@pytest.mark.parametrize("arguments", [("serve",), ("join", "127.0.0.1:1")], ids=lambda words: words[0])
def test_a_terminal_that_can_place_no_cursor_is_told_so_in_plain_words(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    terminal = Terminal(tmp_path, *arguments, environment={"TERM": "dumb"})
    try:
        assert terminal.wait() == 2
        assert "TERM says that this is 'dumb'" in " ".join(terminal.text.split()) and b"\x1b" not in terminal.output
    finally:
        terminal.close()
