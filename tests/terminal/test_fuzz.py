"""Whatever a terminal sends, nothing raises, nothing is held for ever, and what is typed afterwards is read."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from tests.terminal.test_answers import ANSWERS, held
from tests.terminal.test_keys import KEYS
from tests.terminal.typing import Typist, sent
from tui.terminal import input as terminal_input
from tui.terminal.meaning import Interpreter
from tui.terminal.scanner import PASTE_MAX

VALID = [*KEYS, *ANSWERS.values(), b"\x1b[200~pasted\x1b[201~", b"plain text", "wörter 漢字 👩\u200d💻".encode()]
PARTS = [
    b"\x1b",
    b"\x1b[",
    b"\x1b]",
    b"\x1bP",
    b"\x1b_",
    b"\x1bO",
    b"\x9b",
    b"\x9d",
    b"\x9c",
    b"\x07",
    b"\x1b\\",
    b";",
    b":",
]
PARTS += [
    b"M",
    b"u",
    b"~",
    b"t",
    b"R",
    b"<",
    b"?",
    b"$y",
    b"200~",
    b"201~",
    b"\x1b[M",
    b"9" * 30,
    b"\xff",
    b"\xc3",
    b"\x00",
]

pieces = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(VALID),
        st.sampled_from(PARTS),
        st.builds(
            lambda one, place, part: one[:place] + part + one[place:],
            st.sampled_from(VALID),
            st.integers(0, 20),
            st.sampled_from(PARTS),
        ),
        st.floats(0, 6, allow_nan=False),
    ),
    max_size=20,
)


@pytest.fixture(autouse=True)
def nothing_is_hidden(monkeypatch):
    """The guard around the reader would hide what is wrong in it."""

    def failed(self: Any, error: Exception) -> None:
        raise error

    monkeypatch.setattr(terminal_input.TerminalInput, "_failed", failed)


def check(parts: list[bytes | float]) -> None:
    typist = Typist()
    for part in parts:
        typist.send(part)
        assert held(typist) <= PASTE_MAX + 20
    typist.send(30.0)
    before = len(typist.messages)
    assert typist.input.due is None
    # A paste that has no end is over with the first key.
    typist.send(b"x", 1.0, b"y")
    keys = [message.key for message in typist.messages[before:] if isinstance(message, events.Key)]
    assert keys[-2:] == ["x", "y"], parts
    for message in typist.messages:
        if isinstance(message, events.Key) and message.character is not None:
            assert len(message.character) == 1 or not message.is_printable
            message.character.encode()
        if isinstance(message, events.Paste):
            assert "\x1b" not in message.text
            message.text.encode()
        if isinstance(message, events.MouseEvent):
            assert 0 <= message.x < 80 and 0 <= message.y < 24


@settings(max_examples=400, deadline=None)
@given(pieces)
def test_anything_in_any_pieces_is_a_key_or_text_or_nothing(parts):
    check(parts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(VALID), min_size=1, max_size=6), st.data())
def test_what_comes_of_it_does_not_depend_on_the_pieces(parts, data):
    # What ends in an unfinished character or sequence means another thing when time passes.
    whole = b"".join(part + b"\x1b[I" for part in parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=10)))
    split = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert sent(*split) == sent(whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_valid_sequences_with_bytes_changed_left_out_and_doubled(seed):
    rng = random.Random(seed)
    for _ in range(5_000):
        data = bytearray(b"".join(rng.choices(VALID, k=rng.randint(1, 4))))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(data) + 1)
            match rng.randrange(4):
                case 0 if data:
                    data[place % len(data)] = rng.randrange(256)
                case 1:
                    del data[place : place + rng.randint(1, 3)]
                case 2:
                    data[place:place] = data[place : place + rng.randint(1, 8)]
                case _:
                    data[place:place] = rng.choice(PARTS)
        parts: list[bytes | float] = []
        while data:
            size = rng.choice((1, 1, 2, 5, 50))
            parts += [bytes(data[:size]), rng.choice((0.0, 0.0, 0.05, 0.2, 3.0))]
            del data[:size]
        check(parts)


def test_a_fault_of_the_reader_costs_what_it_was_reading_and_nothing_else(monkeypatch):
    monkeypatch.undo()
    typist = Typist()

    def fails(self: Any, tokens: Any) -> Any:
        raise KeyError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(Interpreter, "messages", fails)
        for _ in range(10):
            assert typist.send(b"\x1b[A", b"x", b"\x1b", 1.0) == []
    assert typist.send(b"\x1b[Ax") == ["up", "x"]
