"""Lines typed at a terminal for a command: as the terminal of the system does it in canonical mode (termios)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import termios
import tty
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.ssh.commands.line_input import LINE_MAX, LineInput


class Typing:
    """Somebody at a terminal, and what the command gets of it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.echo = b""
        self.ends = 0
        self.interrupts = 0
        self.input = LineInput(self.lines.append, self._echoed, self._ended, self._interrupted)

    def _echoed(self, data: bytes) -> None:
        self.echo += data

    def _ended(self) -> None:
        self.ends += 1

    def _interrupted(self) -> None:
        self.interrupts += 1

    def type(self, *pieces: bytes) -> Typing:
        for piece in pieces:
            self.input.typed(piece)
        return self


@contextlib.contextmanager
def canonical_terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal of the system's in its usual mode: a person's, and a program's."""
    person, program = os.openpty()
    try:
        attributes = termios.tcgetattr(program)
        attributes[tty.IFLAG] = termios.ICRNL | getattr(termios, "IUTF8", 0o40000)
        attributes[tty.OFLAG] = termios.OPOST | termios.ONLCR
        attributes[tty.LFLAG] = termios.ICANON | termios.ECHO | termios.ECHOE | termios.ECHOK | 0o4000  # ECHOKE
        termios.tcsetattr(program, termios.TCSANOW, attributes)
        fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 500, 0, 0))
        yield person, program
    finally:
        os.close(person)
        os.close(program)


def systems_answer(typed: bytes, last: bytes) -> tuple[list[bytes], bytes]:
    """What a program reads from the system's terminal, until the line `last`, and what the person is shown."""
    with canonical_terminal() as (person, program):
        os.write(person, typed)
        lines: list[bytes] = []
        while not lines or lines[-1] != last:
            assert select.select([program], [], [], 10)[0], f"the system gives no line after {lines}"
            lines.append(os.read(program, 8192))
        echo = b""
        while select.select([person], [], [], 0.0 if echo.endswith(last[:-1] + b"\r\n") else 10)[0]:
            echo += os.read(person, 65536)
        return lines, echo


KEYS = st.sampled_from(
    [*(bytes((code,)) for code in b"abc XYZ~0"), "é".encode(), "€".encode(), b"\x7f", b"\x15", b"\r"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(KEYS, max_size=25).map(b"".join))
def test_what_is_typed_becomes_the_lines_and_the_echo_of_the_systems_own_terminal(typed: bytes) -> None:
    last = b"the end\n"
    typed += b"\x15the end\r"
    lines, echo = systems_answer(typed, last)
    ours = Typing().type(typed)
    assert ours.lines == lines
    assert ours.echo == echo


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b", "é".encode(), b"\x04", b"\r", b"\x7f"]), max_size=12).map(b"".join))
def test_the_key_for_the_end_hands_over_what_there_is_and_on_an_empty_line_it_is_the_end(typed: bytes) -> None:
    typed += b"\x15the end\r"
    lines, _ = systems_answer(typed, b"the end\n")
    ours = Typing().type(typed)
    assert ours.lines == [line for line in lines if line]
    assert ours.ends == lines.count(b""), "a program that reads nothing is at the end of its input"


@settings(max_examples=100, deadline=None)
@given(st.lists(KEYS, max_size=15), st.randoms(use_true_random=False))
def test_it_makes_no_difference_in_how_many_pieces_it_comes(keys: list[bytes], dice: object) -> None:
    whole = Typing().type(b"".join(keys))
    pieces = Typing().type(*(bytes((byte,)) for byte in b"".join(keys)))
    assert (whole.lines, whole.echo) == (pieces.lines, pieces.echo)


def test_both_keys_that_terminals_send_for_backspace_erase() -> None:
    assert Typing().type(b"ab\x08c\r").lines == Typing().type(b"ab\x7fc\r").lines == [b"ac\n"]


@pytest.mark.parametrize("key", [b"\x03", b"\x1c"])
def test_interrupt_and_quit_interrupt_and_what_follows_goes_nowhere(key: bytes) -> None:
    typing = Typing().type(b"half" + key + b" a line\r")
    assert (typing.interrupts, typing.lines) == (1, [])
    assert typing.echo == b"half^C\r\n"


def test_what_is_hidden_is_not_shown_but_its_end_is() -> None:
    typing = Typing()
    typing.input.hidden = True
    typing.type(b"secrex\x7ft\x15secret\r")
    assert (typing.lines, typing.echo) == ([b"secret\n"], b"\r\n")


def test_keys_that_are_no_text_and_what_the_terminal_answers_are_in_no_line() -> None:
    up, f1, size_answer, colour_answer = b"\x1b[A", b"\x1bOP", b"\x1b[24;80R", b"\x1b]11;rgb:0000/0000/0000\x1b\\"
    typing = Typing().type(b"a" + up + b"b" + f1 + b"c" + size_answer + b"d" + colour_answer + b"e\r")
    assert (typing.lines, typing.echo) == ([b"abcde\n"], b"abcde\r\n")


def test_a_paste_is_text_and_its_marks_are_not() -> None:
    assert Typing().type(b"\x1b[200~one\rtwo\x1b[201~\r").lines == [b"one\n", b"two\n"]


@pytest.mark.parametrize("byte", [byte for byte in range(0x20) if byte not in b"\x03\x04\x08\t\n\r\x15\x1b\x1c"])
def test_other_control_characters_are_neither_kept_nor_shown(byte: int) -> None:
    typing = Typing().type(b"a" + bytes((byte,)) + b"b\r")
    assert (typing.lines, typing.echo) == ([b"ab\n"], b"ab\r\n")


def test_a_line_without_end_is_kept_up_to_the_limit_and_then_only_its_end_is_taken() -> None:
    typing = Typing().type(b"x" * (LINE_MAX + 1_000), b"\r")
    assert typing.lines == [b"x" * LINE_MAX + b"\n"]
    assert len(typing.echo) == LINE_MAX + 2
