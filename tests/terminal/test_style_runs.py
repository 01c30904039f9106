"""A terminal shows the same when each style is said once."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tui.terminal.style_runs import styles_once

Cell = tuple[str, str]


def cells(stream: str) -> tuple[list[Cell], str]:
    """What a terminal does: everything but styles, each with the style that it is written in; and the style at the
    end. A style is what was said since the last reset. Moves have none."""
    found: list[Cell] = []
    style: list[str] = []
    for code, move, other in re.findall(r"\x1b\[([0-9;:]*)m|(\x1b\[[0-9;]*H)|(.)", stream, re.DOTALL):
        if move or other:
            found.append((move or other, "" if move else ";".join(style)))
            continue
        for number in code.split(";"):
            style = [] if number in ("", "0") else [*style, number]
    return found, ";".join(style)


PIECES = st.one_of(
    st.text(alphabet="ab c", min_size=1, max_size=5),
    st.sampled_from(
        ["\x1b[0m", "\x1b[m", "\x1b[1m", "\x1b[38;5;7;48;5;8m", "\x1b[0;1m", "\x1b[4;2H", "\r\n", "\x1b[K", "\x1b[4:3m"]
    ),
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_everything_is_written_in_the_style_that_it_had(stream: str) -> None:
    before, after = cells(stream)[0], cells(styles_once(stream))
    assert after[0] == before
    if len(re.findall(r"\x1b\[[0-9;:]*m", stream)) > 1:
        assert after[1] == "", "whatever comes next begins with none"


def test_words_of_one_style_have_it_said_once() -> None:
    style, other = "\x1b[38;5;254;48;5;233m", "\x1b[38;5;38;48;5;233m"
    painted = f"{style}words\x1b[0m{style} \x1b[0m{style}of\x1b[0m\x1b[4;2H{style} \x1b[0m{other}ann\x1b[0m"
    assert styles_once(painted) == f"{style}words of\x1b[4;2H \x1b[0;38;5;38;48;5;233mann\x1b[0m"


def test_what_is_no_style_is_left_alone() -> None:
    for sent in ("", "text", "\x1b[?2026h\x1b[>4;1m", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "\x1b[1mone\x1b[0m"):
        assert styles_once(sent) == sent
