"""Terminals that have no Unicode: nothing is broken, and what they have is used."""

from __future__ import annotations

import signal

import pytest
from rich.cells import cell_len

from tests.terminal.pseudo import Terminal
from tests.terminal.test_own_terminal import SERVE
from tui.terminal.charset import Charset, charset_of, like


def test_what_a_terminal_cannot_show_is_painted_as_wide_and_as_like_as_can_be():
    assert Charset("ascii").encode("╭─ F2 Feed ─╮ │● › café…") == b"+- F2 Feed -+ |* > cafe."
    for char in "éß漢👍\u0301█✓\ufffd\ud800":
        assert like(char).isascii()
        assert len(like(char)) == cell_len(char), repr(char)
    assert Charset("latin-1").encode("café — €") == b"caf\xe9 - ?"
    assert Charset("utf-8").encode("café —") == "café —".encode()
    assert Charset("no such thing").encode("é") == b"\xc3\xa9"


@pytest.mark.parametrize(
    ("name", "text"),
    [("latin-1", "wörter"), ("cp1252", "“wörter”"), ("euc_jp", "日本"), ("gb18030", "汉字"), ("koi8_r", "слово")],
)
def test_what_is_typed_in_another_encoding_is_what_was_meant_in_any_pieces(name, text):
    charset = Charset(name)
    assert b"".join(charset.to_utf8(bytes((byte,))) for byte in text.encode(name)) == text.encode()


def test_what_is_no_character_in_the_terminal_s_encoding_is_nothing_and_utf_8_is_read_elsewhere():
    assert Charset("euc_jp").to_utf8(b"a\xffb\x1b[A") == b"ab\x1b[A"
    assert Charset("utf-8").to_utf8(b"\xff\xc3") == b"\xff\xc3"


def test_what_is_typed_where_a_locale_knows_ascii_only_is_utf_8_as_nearly_all_terminals_send_it():
    assert (
        b"".join(Charset("ascii").to_utf8(bytes((byte,))) for byte in "wörter 日本".encode()) == "wörter 日本".encode()
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "de_DE.ISO-8859-1"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C"},
    ],
    ids=["latin-1", "a locale that is not installed", "ascii", "C"],
)
def test_without_unicode_the_screen_has_frames_of_ascii(tmp_path, environment):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), environment=environment)
    try:
        terminal.read_until(b"Welcome")
        terminal.type(b"\x1b[27u")
        terminal.has("F2 Feed")
        terminal.until(lambda: "Welcome" not in terminal.screen.text, "the end of the dialog")
        terminal.type(b"W\xf6rter\xff")
        latin = environment.get("LC_ALL") != "C"
        terminal.read_until(b"W\xf6rter\xff" if latin else b"Wrter")
        assert (
            "-" * 20 in terminal.screen.text and "[F2 Feed]" in terminal.screen.text and b"\xe2" not in terminal.output
        )
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
    finally:
        terminal.close()


LOCALES = {
    "nothing": ({}, "utf-8"),
    "UTF-8": ({"LANG": "de_DE.UTF-8"}, "utf-8"),
    "utf8": ({"LANG": "C.utf8"}, "utf-8"),
    "UTF-8 wins": ({"LC_ALL": "en_GB.UTF-8", "LANG": "C"}, "utf-8"),
    "empty counts as unset": ({"LC_ALL": "", "LANG": "C.UTF-8"}, "utf-8"),
    "C": ({"LC_ALL": "C"}, "ascii"),
    "POSIX": ({"LANG": "POSIX"}, "ascii"),
    "Latin-1": ({"LC_CTYPE": "de_DE.ISO-8859-1"}, "iso8859-1"),
    "Euro": ({"LANG": "de_DE.ISO-8859-15@euro"}, "iso8859-15"),
    "a language alone": ({"LANG": "de_DE"}, "ascii"),
    "nobody knows it": ({"LANG": "de_DE.KLINGON-1"}, "ascii"),
    "no charset of a terminal": ({"LANG": "de_DE.UTF-16"}, "ascii"),
    "no charset at all": ({"LANG": "de_DE.rot13"}, "ascii"),
}


@pytest.mark.parametrize(("variables", "charset"), LOCALES.values(), ids=LOCALES)
def test_the_locale_says_what_a_terminal_shows(variables, charset):
    assert charset_of(variables) == charset
