"""What a terminal answers is no key and no text, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from tests.terminal.typing import Typist, one_by_one, sent
from tui.terminal.scanner import PASTE_MAX, SEQUENCE_MAX, STRING_DELAY, STRING_LIFE

ST = b"\x1b\\"
ANSWERS = {
    "background colour": b"\x1b]11;rgb:1e1e/1e1e/2e2e" + ST,
    "foreground colour, ended by BEL": b"\x1b]10;rgb:ffff/ffff/ffff\x07",
    "palette colour": b"\x1b]4;1;rgba:ff/00/00/ff" + ST,
    "window title": b"\x1b]lactivity-tui \xe2\x80\x9cfeed\xe2\x80\x9d" + ST,
    "clipboard": b"\x1b]52;c;aGVsbG8=" + ST,
    "colour, 8 bits": b"\x9d11;rgb:1e1e/1e1e/2e2e\x9c",
    "colour, 8 bits in UTF-8": b"\xc2\x9d11;rgb:1e1e/1e1e/2e2e\xc2\x9c",
    "primary device attributes": b"\x1b[?62;1;4;6;9;15;22c",
    "secondary device attributes": b"\x1b[>41;370;0c",
    "tertiary device attributes": b"\x1bP!|00000000" + ST,
    "device attributes, 8 bits": b"\x9b?62;22c",
    "a status": b"\x1b[0n",
    "where the cursor is": b"\x1b[12;40R",
    "where the cursor is, as Shift+F3 looks": b"\x1b[1;2R",
    "where the cursor is, with the page": b"\x1b[?12;40;1R",
    "name and version": b"\x1bP>|XTerm(370)" + ST,
    "name and version, 8 bits": b"\x90>|XTerm(370)\x9c",
    "a capability": b"\x1bP1+r544e=787465726d" + ST,
    "no capability": b"\x1bP0+r" + ST,
    "a setting": b'\x1bP1$r0;1"q' + ST,
    "a picture in sixels": b'\x1bP0;1;0q"1;1;8;6#0;2;0;0;0#0~~@@vv@@~~@@~~$-' + ST,
    "kitty graphics": b"\x1b_Gi=31;OK" + ST,
    "kitty graphics, 8 bits": b"\x9fGi=31;ENOENT:no such image\x9c",
    "a privacy message": b"\x1b^something" + ST,
    "a start of string": b"\x1bXsomething" + ST,
    "an empty string": b"\x1b]\x07",
    "a mode": b"\x1b[?1016;2$y",
    "an ANSI mode": b"\x1b[4;2$y",
    "kitty keyboard flags": b"\x1b[?25u",
    "xterm key format": b"\x1b[>4;2m",
    "size of the window in characters": b"\x1b[8;24;80t",
    "size of the window in pixels": b"\x1b[4;480;640t",
    "state of the window": b"\x1b[1t",
    "terminal parameters": b"\x1b[2;1;1;128;128;1;0x",
    "a light or dark theme": b"\x1b[?997;1n",
    "a locator": b"\x1b[1;2;3;4;0&w",
    "a checksum": b"\x1bP1!~0000" + ST,
    "an unknown single shift": b"\x1bOz",
    "a designation of characters": b"\x1b(B",
    "a stray end of a string": ST,
    "a stray end of a paste": b"\x1b[201~",
    "a mouse report of old": b"\x1b[M !!",
    "a mouse report of old, far out": b"\x1b[M\x20\xff\xfe",
    "a mouse report of rxvt": b"\x1b[32;10;10M",
    "a mouse button without a name": b"\x1b[<129;10;10M",
    "the mouse outside of the window": b"\x1b[<0;81;1M",
    "the mouse at zero": b"\x1b[<0;0;0M",
    "the mouse where no screen is": b"\x1b[<0;99999;99999M",
    "the mouse beyond all numbers": b"\x1b[<0;" + b"9" * 200 + b";1M",
    "the mouse with a sign": b"\x1b[<0;-4;-2M",
    "half a mouse report": b"\x1b[<0;4M",
    "a key of no character": b"\x1b[1114112u",
    "a key of a surrogate": b"\x1b[55296u",
    "a key beyond all numbers": b"\x1b[" + b"9" * 200 + b"u",
    "a key with the text of a control character": b"\x1b[97;1;27u",
    "a key with the text of a surrogate": b"\x1b[97;1;57343u",
    "a key with modifiers beyond all numbers": b"\x1b[97;99999u",
    "a key that is let go": b"\x1b[97;1:3u",
    "an arrow that is let go": b"\x1b[1;1:3A",
    "a key with colons": b"\x1b[:::u",
    "an unknown function key": b"\x1b[99~",
    "an unknown modified function key": b"\x1b[200;5~",
    "an unknown control sequence": b"\x1b[?1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16h",
    "a control sequence without end": b"\x1b[" + b"1;" * 100,
    "a string without end": b"\x1b]11;rgb:",
    "a string cancelled": b"\x1b]11;rgb:\x18",
    "a number in Arabic digits": "\x1b[٩٧u".encode(),
    "no UTF-8": b"\xff\xfe",
    "a Latin-1 u umlaut": b"\xfc",
    "half a character": b"\xc3",
    "an overlong character": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "a character beyond Unicode": b"\xf4\x90\x80\x80",
    "Alt and a byte that is no UTF-8": b"\x1b\xfc",
    "8-bit controls that begin nothing": b"\x80\x81\x85\x8d\x99",
}
PIECES = [0.0, 0.01, 0.09]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_swallowed_whole(answer):
    assert sent(b"a", answer, 5.0, b"b") == ["a", "b"]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_swallowed_in_two_pieces_cut_anywhere(answer):
    for place in range(1, min(len(answer), 100)):
        assert sent(b"a", answer[:place], 0.05, answer[place:], 5.0, b"b") == ["a", "b"], place


@pytest.mark.parametrize("pause", PIECES)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_swallowed_byte_by_byte(answer, pause):
    if pause * len(answer) > STRING_LIFE:
        pytest.skip("no terminal takes so long")
    assert sent(b"a", *one_by_one(answer, pause), 5.0, b"b") == ["a", "b"]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_keys_right_behind_an_answer_are_keys(answer):
    """Behind what has an end; what has none takes with it what comes at once."""
    if answer in (ANSWERS["a string without end"], ANSWERS["a control sequence without end"]):
        return
    assert sent(b"a", answer, b"\x1b[A") == ["a", "up"]


@pytest.mark.parametrize("answer", [b"\x1b[<0;%b;1M", b"\x1b[%bu", b"\x1b[97;%bu", b"\x1b[97;1;%bu", b"\x1b[%b;1R"])
def test_numbers_beyond_what_python_reads_are_swallowed(answer):
    """int() raises for more than 4,300 digits."""
    assert sent(answer % (b"9" * 10_000), b"a") == ["a"]


def test_a_long_pause_within_a_string_is_waited_for():
    assert sent(b"\x1b]11;rgb:1e", 1.5, b"1e/1e1e/2e2e\x1b", 1.5, b"\\", 0.2, b"a") == ["a"]


@pytest.mark.parametrize(
    "rest", [b"]11;rgb:1e1e/1e1e/2e2e\x1b\\", b"P>|XTerm(370)\x1b\\", b"_Gi=31;OK\x1b\\", b"[?62;22c", b"^x\x1b\\"]
)
def test_the_rest_of_an_answer_whose_beginning_was_taken_for_the_escape_key_is_no_text(rest):
    assert sent(b"\x1b", 0.3, rest, b"a") == ["escape", "a"]


@pytest.mark.parametrize(
    ("first", "rest", "key"),
    [
        (b"\x1b]", b"11;rgb:1e1e/1e1e/2e2e\x1b\\", "alt+right_square_bracket"),
        (b"\x1bP", b">|XTerm(370)\x1b\\", "alt+shift+p"),
        (b"\x1b_", b"Gi=31;OK\x1b\\", "alt+underscore"),
        (b"\x1b[", b"?62;22c", "alt+left_square_bracket"),
    ],
)
def test_the_rest_of_an_answer_whose_beginning_was_taken_for_an_alt_key_is_no_text(first, rest, key):
    typist = Typist()
    typist.send(first, 0.7, rest, b"a")
    assert typist.finish() == [key, "a"]
    assert not typist.messages[0].is_printable  # type: ignore[attr-defined]


def test_what_somebody_types_after_the_escape_key_is_text():
    assert sent(b"\x1b", 0.3, b"P", 0.1, b"o", 0.1, b"[", 0.1, b"]") == [
        "escape",
        "P",
        "o",
        "left_square_bracket",
        "right_square_bracket",
    ]
    assert sent(b"\x1b", 0.3, b"Of course") == ["escape", *"Of", "space", *"course"]
    assert sent(b"\x1b", 10.0, b"[1]")[1:] == ["left_square_bracket", "1", "right_square_bracket"]


def test_a_string_without_end_lets_go_of_the_keyboard():
    typist = Typist()
    typist.send(b"\x1bPq", STRING_DELAY + 0.1, b"a")
    assert typist.told == ["a"]
    typist.send(b"\x1b]0;x")
    for _ in range(100):
        typist.send(0.2, b"b")
    assert "b" in typist.told, "somebody who types on and on is heard in the end"
    typist = Typist()
    assert typist.send(b"\x1b]0;x", 0.3, b"\x1b[A") == ["up"], "a key that is a sequence gets through at once"


def test_nothing_that_is_unfinished_holds_more_than_its_bound():
    for beginning, bound in ((b"\x1b[", SEQUENCE_MAX), (b"\x1bO", SEQUENCE_MAX), (b"\x1b(", SEQUENCE_MAX + 2)):
        typist = Typist()
        typist.send(beginning, *[b"0123456789;; !$" * 20] * 20)
        assert held(typist) <= bound
    for beginning in (b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX", b"\x90x"):
        typist = Typist()
        typist.send(beginning, *[b"x" * 2_000] * 20)
        assert held(typist) == 0 and typist.told == []
    typist = Typist()
    typist.send(b"\x1b[200~", *[b"x" * 10_000] * 100)
    assert held(typist) <= PASTE_MAX + 20
    assert len(typist.messages) == 3, "and what is more than a paste may hold has been handed on"


def held(typist: Typist) -> int:
    scanner = typist.input._scanner
    return len(scanner._held) + sum(map(len, scanner._pasted)) + len(scanner._tail)
