"""How texts are compared: the one defined way in which case and accents fold, and what a word is."""

from __future__ import annotations

import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query.folding import fold, tokens_of, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Déployé", "deploye"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("ёлка", "ЕЛКА"),
        ("ﬁle", "FILE"),
        ("Ångström", "angstrom"),
        ("Ｆｕｌｌ", "full"),
        ("İstanbul", "istanbul"),
        ("Łódź", "lodz"),
        ("smørrebrød", "SMORREBROD"),
        ("ｶﾞ", "ガ"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        (unicodedata.normalize("NFD", "한국어"), "한국어"),
    ],
)
def test_case_accents_and_forms_of_a_letter_make_no_difference(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("हिन्दी", "हन्द"), ("ไม่", "ไม"), ("か", "が")])
def test_marks_that_are_letters_of_their_own_make_one(one, other):
    assert fold(one) != fold(other)


@given(st.text())
def test_folding_what_is_folded_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_the_words_of_words_are_the_same_words(text):
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert not any(" " in word or "\ue000" in word for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("out of disk: /var", ["out", "of", "disk", "var"]),
        ("e-mail, snake_case 1.4", ["e", "mail", "snake", "case", "1", "4"]),
        ("東京タワーtower", ["東", "京", "タ", "ワ", "ー", "tower"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("हिन्दी है", ["हिन्दी", "है"]),
        ("done 🎉👍🏽", ["done", "🎉", "👍"]),
        ("!?", []),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_or_a_character_where_there_are_no_blanks(text, words):
    assert words_of(text) == words


@given(st.text(alphabet=st.sampled_from("aé ßL.東がｶﾞไ่हि🎉_-1\n")))
def test_each_word_is_known_by_where_it_stands(text):
    for token in tokens_of(text):
        assert 0 <= token.begin < token.end <= len(text)
        assert token.text in words_of(text[token.begin : token.end])


def test_a_text_of_nothing_but_marks_is_folded_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Putting marks in order takes the square of their number, and one activity of them held up the whole process."""
    lengths: list[int] = []

    def normalised(form: Literal["NFC", "NFKD"], text: str) -> str:
        lengths.append(len(text))
        return unicodedata.normalize(form, text)

    spy = SimpleNamespace(normalize=normalised, category=unicodedata.category)
    monkeypatch.setattr("core.query.folding.unicodedata", spy)
    for marks in ("\u0301\u0323", "\u0f71\u0f72\u0f74"):
        fold("a" + marks * 5_000)
    assert max(lengths) <= 256


def test_long_texts_are_folded_as_short_ones_are() -> None:
    words = ["Déployé", "Ångström", "한국어", "हिन्दी", "東京", "\u1e69", "s\u0307\u0323", "plain"]
    text = " ".join(words * 200)
    assert fold(text) == " ".join([fold(word) for word in words] * 200)
