"""Text from the network on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text.fitting import cut, fit
from tui.text.safe_text import neutralise, neutralise_lines, neutralise_name


def test_plain_text_stays_as_it_is():
    assert neutralise("Grüße, 漢字, Ελληνικά [bold]not markup[/]") == "Grüße, 漢字, Ελληνικά [bold]not markup[/]"


def test_control_characters_are_shown_and_not_sent():
    assert neutralise("\x1b[2J\x07\x9b31m") == "␛[2J␇\N{REPLACEMENT CHARACTER}31m"


def test_line_breaks_of_every_kind_are_shown_on_one_line():
    assert neutralise("a\nb\u2028c\td") == "a⏎b⏎c d"


@pytest.mark.parametrize("mark", list("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"))
def test_marks_that_turn_the_reading_direction_become_visible(mark):
    assert neutralise(f"abc{mark}def") == "abc\N{REPLACEMENT CHARACTER}def"


@pytest.mark.parametrize("nothing", list("\u200b\u2060\ufeff\u00ad\u3164\u2800\u115f\U000e0041"))
def test_what_paints_nothing_becomes_visible(nothing):
    assert neutralise(f"ali{nothing}ce") == "ali\N{REPLACEMENT CHARACTER}ce"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("👩\u200d💻 ann", "👩⁀💻 ann"),
        ("👍\U0001f3fd", "👍⁀"),
        ("❤\ufe0f", "❤⁀"),
        ("👩⁀💻", "👩\N{REPLACEMENT CHARACTER}💻"),
        ("👩💻", "👩💻"),
        ("x\u200dy", "x\N{REPLACEMENT CHARACTER}y"),
    ],
)
def test_what_joins_symbols_in_a_name_is_a_tie_and_no_other_name_shows_one(name, shown):
    assert neutralise_name(name) == shown


def test_two_names_that_look_alike_are_one_name():
    assert neutralise_name("ali\u200dce") != neutralise_name("alice")
    assert neutralise_name("ali\u200bce") != neutralise_name("alice")


def test_stacks_of_combining_marks_are_cut():
    shown = neutralise("e" + "\u0301" * 50 + "f")
    assert shown == "e\u0301\u0301f"


def test_a_combining_mark_without_a_letter_is_dropped():
    assert neutralise("\u0301x") == "x"


def test_lines_stay_lines_where_that_is_wanted():
    assert neutralise_lines("a\r\nb\n\x1bc") == "a\nb\n␛c"


def test_a_limit_ends_with_an_ellipsis():
    assert neutralise("abcdef", 3) == "abc…"
    assert neutralise("abc", 3) == "abc"


def test_wide_characters_are_never_torn():
    assert cut("漢字", 3) == ("漢", "字")
    assert fit("漢字漢", 4) == "漢… "
    assert fit("漢", 4) == "漢  "


@given(st.text(), st.integers(0, 40))
def test_fitted_text_is_exactly_as_wide_as_asked(text, width):
    assert cell_len(fit(neutralise(text), width)) == width


@given(st.text())
def test_nothing_that_a_terminal_would_obey_gets_through(text):
    for character in neutralise(text).replace("\u200c", ""):
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"), hex(ord(character))


@given(st.text())
def test_what_is_safe_is_not_changed_again(text):
    once = neutralise(text)
    assert neutralise(once) == once


def test_the_colour_of_a_skin_is_left_out_because_terminals_disagree_on_its_width():
    assert neutralise("\U0001f44d\U0001f3fd ok") == "\U0001f44d ok"
    assert neutralise_name("a\U0001f3fd") == "a\N{REPLACEMENT CHARACTER}", "two names that look alike must be one"


PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
HINDI = "\u0936\u094d\u200c\u0930\u0940"


@pytest.mark.parametrize("word", [PERSIAN, HINDI, f"\u0628\u064e{PERSIAN[2:]}"])
def test_a_word_keeps_the_non_joiner_that_its_spelling_needs_and_no_width_comes_of_it(word):
    assert neutralise(word) == word
    assert cell_len(word) == cell_len(word.replace("\u200c", ""))
    assert neutralise_lines(f"{word}\n{word}") == f"{word}\n{word}"
    assert cell_len(fit(word * 3, 5)) == 5


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("ali\u200cce", "alice"),
        ("\u200c\u0645", "\u0645"),
        ("\u0645\u200c", "\u0645"),
        ("\u0645\u200c\u200c\u06cc", "\u0645\u06cc"),
        ("\u0645\u200ca", "\u0645a"),
        ("\u064e\u200c\u0645", "\u0645"),
        ("\u06dd\u200c\u0645", "\N{REPLACEMENT CHARACTER}\u0645"),
    ],
)
def test_a_non_joiner_that_no_spelling_needs_is_dropped(sent, shown):
    assert neutralise(sent) == shown


def test_a_name_shows_the_non_joiner_of_any_script():
    assert "\N{REPLACEMENT CHARACTER}" in neutralise_name(PERSIAN)


@given(
    st.text(alphabet="\u0645\u06cc\u0915\u094d\u064e\u200c\u200d\u0301\u06dd\u0378a\n ", max_size=12),
    st.integers(0, 12),
)
def test_text_with_non_joiners_is_safe_once_it_was_made_so_and_fits(text, width):
    once = neutralise(text)
    assert neutralise(once) == once
    assert "\u200c\u200c" not in once and not once.startswith("\u200c") and not once.endswith("\u200c")
    assert cell_len(fit(once, width)) == width
