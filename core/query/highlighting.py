"""Where in a text that is shown stands what was looked for."""

from __future__ import annotations

from collections.abc import Iterable

from core.query.folding import tokens_of
from core.query.query import Term


def spans_of(terms: Iterable[Term], text: str) -> list[tuple[int, int]]:
    """The places of the words of terms in a text, by their first characters and what is behind them, in order."""
    wanted = [term for term in terms if term.kind == "word"]
    if not wanted:
        return []
    tokens = tokens_of(text)
    found: list[tuple[int, int]] = []
    for term in wanted:
        *before, last = term.words
        for place in range(len(tokens) - len(before)):
            if [token.text for token in tokens[place : place + len(before)]] != before:
                continue
            end = tokens[place + len(before)]
            if end.text == last or (term.begins and end.text.startswith(last)):
                found.append((tokens[place].begin, end.end))
    return _united(found)


def _united(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((begin, end))
    return united
