"""Keys that people have are keys, in whatever pieces they come."""

from __future__ import annotations

import itertools

import pytest
from textual import events

from tests.terminal.typing import Typist, one_by_one, sent
from tui.terminal.scanner import PASTE_DELAY, PASTE_MAX, SYMBOL

KEYS = {
    b"a": ["a"],
    b"A": ["A"],
    b" ": ["space"],
    b"\r": ["enter"],
    b"\n": ["ctrl+j"],
    b"\t": ["tab"],
    b"\x00": ["ctrl+@"],
    b"\x01": ["ctrl+a"],
    b"\x03": ["ctrl+c"],
    b"\x11": ["ctrl+q"],
    b"\x08": ["backspace"],
    b"\x7f": ["backspace"],
    "ü".encode(): ["ü"],
    "€".encode(): ["euro_sign"],
    "漢".encode(): ["漢"],
    "👍".encode(): ["thumbs_up_sign"],
    b"\x1b": ["escape"],
    b"\x1b\x1b": ["escape", "escape"],
    b"\x1b\x1b[A": ["escape", "up"],
    b"\x1b[A": ["up"],
    b"\x1bOB": ["down"],
    b"\x1b[C": ["right"],
    b"\x1bOD": ["left"],
    b"\x1b[H": ["home"],
    b"\x1bOF": ["end"],
    b"\x1b[1~": ["home"],
    b"\x1b[3~": ["delete"],
    b"\x1b[5~": ["pageup"],
    b"\x1b[6~": ["pagedown"],
    b"\x1b[Z": ["shift+tab"],
    b"\x1b\t": ["shift+tab"],
    b"\x1bOP": ["f1"],
    b"\x1bOS": ["f4"],
    b"\x1b[11~": ["f1"],
    b"\x1b[15~": ["f5"],
    b"\x1b[24~": ["f12"],
    b"\x1b[[A": ["f1"],
    b"\x1b[[E": ["f5"],
    b"\x1b[1;2A": ["shift+up"],
    b"\x1b[1;5C": ["ctrl+right"],
    b"\x1b[1;3D": ["alt+left"],
    b"\x1b[1;6H": ["ctrl+shift+home"],
    b"\x1b[1;5P": ["ctrl+f1"],
    b"\x1b[3;5~": ["ctrl+delete"],
    b"\x1b[5;2~": ["shift+pageup"],
    b"\x1b[a": ["shift+up"],
    b"\x1bOc": ["ctrl+right"],
    b"\x1b[3$": ["shift+delete"],
    b"\x1b[3^": ["ctrl+delete"],
    b"\x1b[5A": ["ctrl+up"],
    b"\x1bx": ["alt+x"],
    b"\x1bN": ["alt+shift+n"],
    "\x1bü".encode(): ["alt+ü"],
    b"\x1bf": ["ctrl+right"],
    b"\x1b\x7f": ["ctrl+w"],
    b"\x1b\r": ["alt+enter"],
    b"\x1b[27;2;13~": ["shift+enter"],
    b"\x1b.": ["alt+full_stop"],
    b"\x1bO": ["alt+shift+o"],
    b"\x1bP": ["alt+shift+p"],
    b"\x1b[": ["alt+left_square_bracket"],
    b"\x1b]": ["alt+right_square_bracket"],
    b"\x9bA": ["up"],
    b"\xc2\x9bA": ["up"],
    b"\x8fP": ["f1"],
    # The kitty keyboard protocol.
    b"\x1b[97u": ["a"],
    b"\x1b[97;;97u": ["a"],
    b"\x1b[97;2;65u": ["A"],
    b"\x1b[97:65;2;65u": ["A"],
    b"\x1b[97;5u": ["ctrl+a"],
    b"\x1b[97;3u": ["alt+a"],
    b"\x1b[97;7u": ["alt+ctrl+a"],
    b"\x1b[97;133u": ["ctrl+a"],
    b"\x1b[97;1:1u": ["a"],
    b"\x1b[97;1:2u": ["a"],
    b"\x1b[113;5:1u": ["ctrl+q"],
    b"\x1b[13u": ["enter"],
    b"\x1b[27u": ["escape"],
    b"\x1b[9;2u": ["shift+tab"],
    b"\x1b[127u": ["backspace"],
    b"\x1b[57399u": ["0"],
    b"\x1b[0;;228u": ["ä"],
    b"\x1b[0;;104:105u": ["h", "i"],
    b"\x1b[1;1:2B": ["down"],
    b"\x1b[13;2~": ["shift+f3"],
    # Not keys, and needed.
    b"\x1b[I": ["AppFocus"],
    b"\x1b[O": ["AppBlur"],
    b"\x1b[?2026;2$y": ["TerminalSupportsSynchronizedOutput"],
    b"\x1b[?2026;0$y": [],
    b"\x1b[?2048;2$y": ["InBandWindowResize"],
    b"\x1b[48;24;80;480;800t": ["Resize 80x24"],
    b"\x1b[48;40:600;120:900;600;900t": ["Resize 120x40"],
    b"\x1b[48;0;0;0;0t": [],
    b"\x1b[48;60000;60000;0;0t": [],
    b"\x1b[<0;3;4M": ["MouseDown 1 2,3"],
    b"\x1b[<0;3;4m": ["MouseUp 1 2,3"],
    b"\x1b[<2;80;24M": ["MouseDown 3 79,23"],
    b"\x1b[<35;1;1M": ["MouseMove 0 0,0"],
    b"\x1b[<32;90;30M": ["MouseMove 1 79,23"],
    b"\x1b[<0;90;0m": ["MouseUp 1 79,0"],
    b"\x1b[<64;5;5M": ["MouseScrollUp 0 4,4"],
    b"\x1b[<65;5;5M": ["MouseScrollDown 0 4,4"],
    b"\x1b[<80;5;5M": ["MouseScrollUp 0 4,4"],
}
ids = [repr(key) for key in KEYS]


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.09])
@pytest.mark.parametrize(("data", "keys"), KEYS.items(), ids=ids)
def test_a_key_is_what_it_is_byte_by_byte(data, keys, pause):
    assert sent(data) == keys
    assert sent(*one_by_one(data, pause)) == keys


@pytest.mark.parametrize(("data", "keys"), KEYS.items(), ids=ids)
def test_a_key_follows_upon_any_other(data, keys):
    for other in (b"\x1b[A", b"\x1bOP", "ü".encode(), b"\x1b[97;;97u", b"\x1b]11;rgb:0/0/0\x1b\\"):
        assert sent(other, 1.0, data) == sent(other) + keys
        assert sent(data, 1.0, other) == keys + sent(other)


def test_keys_that_come_at_once_are_keys():
    complete = [(data, keys) for data, keys in KEYS.items() if data[-1:] not in (b"\x1b", b"[", b"O", b"P", b"]", b".")]
    for (first, its), (second, others) in itertools.product(complete, repeat=2):
        assert [*map(kind, sent(first + second))] == [*map(kind, its + others)]


def kind(told: str) -> str:
    return told.partition(" ")[0]


def test_what_is_typed_with_a_character_has_it_and_what_only_acts_has_none():
    typist = Typist()
    typist.send("aü€ ".encode(), b"\x1b[65;2;65u", b"\x1bx", b"\x1b[97;5u")
    characters = [message.character for message in typist.messages if isinstance(message, events.Key)]
    assert characters == ["a", "ü", "€", " ", "A", None, None]


def test_the_mouse_says_how_far_it_moved():
    typist = Typist()
    typist.send(b"\x1b[<35;10;5M", b"\x1b[<35;13;4M")
    move = typist.messages[1]
    assert isinstance(move, events.MouseMove)
    assert (move.delta_x, move.delta_y) == (3, -1)
    assert not move.shift


BEGIN, END = b"\x1b[200~", b"\x1b[201~"
HOSTILE = b"one\rtwo\r\x1b[31mred\x1b\x11\x1b[20 \x1b[200~nested \x9d11;rgb \xff three"
CLEAN = repr(HOSTILE.decode("utf-8", "replace").replace("\x1b", SYMBOL))


def test_a_paste_is_one_paste_and_no_keys_whatever_is_in_it_and_wherever_it_is_cut():
    whole = b"a" + BEGIN + HOSTILE + END + b"b"
    assert sent(whole) == ["a", CLEAN, "b"]
    for place in range(1, len(whole)):
        assert sent(whole[:place], 0.09, whole[place:]) == ["a", CLEAN, "b"], place
    assert sent(*one_by_one(whole)) == ["a", CLEAN, "b"]


def test_a_paste_between_8_bit_controls_is_one_and_is_not_ended_by_others():
    assert sent(b"\x9b200~x\x9b201~y") == ["'x'", "y"]
    assert sent(b"\x1b[200~x\x9b201~\xc2\x9b201~y" + END) == [repr("x\ufffd201~\x9b201~y")]


def test_megabytes_are_pasted_in_parts_none_of_which_is_too_large():
    typist = Typist()
    text = "ü🎉\r" * 200_000
    data = BEGIN + text.encode() + END
    for place in range(0, len(data), 8192):
        typist.send(data[place : place + 8192])
    pastes = [message.text for message in typist.messages if isinstance(message, events.Paste)]
    assert len(pastes) == len(typist.messages)
    assert "".join(pastes) == text and max(map(len, pastes)) <= PASTE_MAX
    assert typist.send(b"x")[-1] == "x"


def test_a_paste_that_never_ends_is_shown_and_the_next_key_is_a_key():
    typist = Typist()
    assert typist.send(BEGIN + b"half of it", PASTE_DELAY + 0.1) == ["'half of it'"]
    assert typist.send(b"\x1b[A", b"x") == ["'half of it'", "up", "x"]
    typist = Typist()
    typist.send(BEGIN + b"half of it", PASTE_DELAY + 0.1)
    assert typist.send(b"\rand the rest" + END, b"x") == ["'half of it'", repr("\rand the rest"), "x"]


def test_a_paste_of_nothing_is_nothing():
    assert sent(BEGIN + END + b"x") == ["x"]
    assert sent(BEGIN + b"\x00\x00" + END + b"x") == ["x"]
