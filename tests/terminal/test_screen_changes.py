"""A terminal shows the same whether it is sent everything that was painted or only what has changed."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.ssh.tmux import Tmux
from tests.terminal.emulator import Emulator
from tui.terminal import written_cells
from tui.terminal.screen_changes import ScreenChanges
from tui.terminal.terminal_kinds import scrolls

STYLES = (
    "",
    "38;5;254;48;5;233",
    "38;5;38;48;5;233",
    "1;38;5;38;48;5;233",
    "4;48;5;9",
    "7",
    "2;38;2;1;2;3",
    "48;5;233",
    "31;42",
    "1;97;100",
    "97;40",
)
NARROW = "ab cé│▐●→ "
WIDE = "字あ한"
JOINED = ("👍", "e\u0301", "❤\ufe0f", "👩\u200d💻", "☂", "\u0627", "か\u3099", "हि", "न्")
characters = st.one_of(st.sampled_from(NARROW), st.sampled_from(NARROW), st.sampled_from(WIDE), st.sampled_from(JOINED))
links = st.sampled_from(["", "", "", "http://a", "http://b"])
runs = st.lists(st.tuples(st.lists(characters, max_size=6), st.sampled_from(STYLES), links), max_size=6)
Runs = list[tuple[list[str], str, str]]


def painted(row: int, column: int, written: Runs, room: int) -> str:
    """Output as Textual makes it: a move, then each run between its style and a reset, no wider than there is room."""
    output = [f"\x1b[{row + 1};{column + 1}H"]
    for text, style, link in written:
        fitting = ""
        for character in text:
            width = cell_len(fitting + character) - cell_len(fitting)
            if cell_len(fitting + character) <= room and width == cell_len(character):
                fitting += character
        room -= cell_len(fitting)
        if fitting:
            run = f"\x1b[{style}m{fitting}\x1b[0m" if style else fitting
            output.append(f"\x1b]8;id=1;{link}\x1b\\{run}\x1b]8;;\x1b\\" if link else run)
    return "".join(output)


@st.composite
def screens(draw: st.DrawFn) -> tuple[int, int, list[str]]:
    """A size, and frames: some whole, some of parts, some of rows that have moved."""
    width, height = draw(st.integers(1, 30)), draw(st.integers(1, 10))
    rows: list[Runs] = [draw(runs) for _ in range(height)]
    frames = ["".join(filled(number, row, width) for number, row in enumerate(rows))]
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["moved", "moved", "part", "same", "whole"]))
        if kind == "moved":
            by = draw(st.integers(-3, 3))
            first, last = sorted((draw(st.integers(0, height)), draw(st.integers(0, height))))
            moved = [rows[number + by] if first <= number + by < last else draw(runs) for number in range(first, last)]
            rows[first:last] = moved
            frames.append("".join(filled(number, rows[number], width) for number in range(first, last)))
        elif kind == "part":
            places = draw(st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1), runs), max_size=4))
            pieces = [(row, painted(row, column, what, width - column)) for row, column, what in places]
            frames.append("".join(piece + "\n" * (row < height - 1) for row, piece in pieces))
        elif kind == "whole":
            rows = [draw(runs) for _ in range(height)]
            frames.append("".join(filled(number, row, width) for number, row in enumerate(rows)))
        else:
            frames.append(frames[-1])
    return width, height, [f"\x1b[?2026h{frame}\x1b[{height};1H\x1b[?2026l" for frame in frames]


def filled(number: int, row: Runs, width: int) -> str:
    """A whole row."""
    output = painted(number, 0, row, width)
    seen = Emulator(width, 1)
    seen.feed(re.sub(r"^\x1b\[\d+;", "\x1b[1;", output))
    used = seen.column + (1 if seen.column == width - 1 and cell_len(plain(output)) >= width else 0)
    return output + f"\x1b[48;5;233m{' ' * (width - used)}\x1b[0m"


def plain(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;:?]*[A-Za-z]|\x1b\]8[^\x1b]*\x1b\\", "", output)


@given(screens(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_screen_is_the_same_at_every_size(screen: tuple[int, int, list[str]], can_scroll: bool) -> None:
    width, height, frames = screen
    whole, less = Emulator(width, height), Emulator(width, height)
    changes = ScreenChanges(width, height, can_scroll=can_scroll)
    for frame in frames:
        whole.feed(frame)
        less.feed(changes.update(frame))
        assert less.seen == whole.seen
        assert (less.row, less.column) == (whole.row, whole.column)
        assert less.pen == whole.pen


@given(screens(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_it_is_the_same_when_what_is_remembered_is_forgotten(screen: tuple[int, int, list[str]], when: int) -> None:
    width, height, frames = screen
    whole, less = Emulator(width, height), Emulator(width, height)
    changes = ScreenChanges(width, height, can_scroll=True)
    for number, frame in enumerate(frames):
        if number == when:
            written_cells.forget()
        if number == when + 1:
            changes.forget()
        whole.feed(frame)
        less.feed(changes.update(frame))
        assert less.seen == whole.seen


@given(screens())
@settings(max_examples=20, deadline=None)
def test_what_is_there_already_takes_no_byte(screen: tuple[int, int, list[str]]) -> None:
    width, height, frames = screen
    changes = ScreenChanges(width, height, can_scroll=True)
    changes.update(frames[0])
    assert changes.update(frames[0]) == ""


@pytest.mark.parametrize("width_of", [lambda text: 1, lambda text: cell_len(text) + 1, lambda text: 2])
def test_text_stands_where_it_belongs_however_wide_a_terminal_takes_an_emoji_to_be(width_of):
    def theirs(text: str) -> int:
        return width_of(text) if text in JOINED else cell_len(text)

    changes, terminal = ScreenChanges(40, 1, can_scroll=True), Emulator(40, 1, theirs)
    for text in (
        "one 👍 two ❤\ufe0f three",
        "one 👍 twO ❤\ufe0f three",
        "oNe x two ❤\ufe0f three",
        "one 👍👍 two",
        "x",
    ):
        terminal.feed(changes.update(f"\x1b[1;1H{text}{' ' * (40 - cell_len(text))}"))
        for place, character in enumerate(text):
            if character.isalpha():
                assert terminal.seen[0][cell_len(text[:place])].text == character, (text, terminal.text)


def test_what_stands_behind_cells_that_nobody_knows_is_written_too():
    changes, terminal = ScreenChanges(24, 1, can_scroll=True), Emulator(24, 1)
    terminal.feed(changes.update("\x1b[1;1Haaaaaहि\x1b[1;20Hb"))
    assert terminal.seen[0][19].text == "b" and terminal.text[0].startswith("aaaaaहि")


HINDI = "हिन्दी में लिखा है"


def in_cells_of_their_own(text: str) -> int:
    """What the C library takes as the width of vowel signs that stand beside their letter, and many terminals do."""
    return 1 if unicodedata.category(text) == "Mc" else cell_len(text)


@pytest.mark.parametrize("width_of", [cell_len, in_cells_of_their_own])
def test_vowel_signs_are_seen_and_borders_stand_however_a_terminal_counts_them(width_of):
    changes, terminal = ScreenChanges(40, 1, can_scroll=True), Emulator(40, 1, width_of)
    for text in (
        f"ann  {HINDI}",
        f"anN  {HINDI}",
        f"ann  {HINDI} too",
        f"ann  one {HINDI}",
        "ann  one",
        f"{HINDI}      {HINDI}",
    ):
        for border in ("│ x", "▐ x", "▐ y"):
            row = text + " " * (37 - cell_len(text)) + border
            terminal.feed(changes.update(f"\x1b[1;1H\x1b[1m{row[:-3]}\x1b[0;2m{border}\x1b[0m"))
            (seen,) = terminal.text
            assert re.sub(" +", " ", seen) == re.sub(" +", " ", row)
            assert [cell.text for cell in terminal.seen[0][37:]] == [*border]


def test_what_has_no_room_for_its_vowel_signs_is_cut_and_nothing_beside_it_is_overwritten():
    changes, terminal = ScreenChanges(20, 1, can_scroll=True), Emulator(20, 1, in_cells_of_their_own)
    room = 17 - cell_len(HINDI)
    terminal.feed(changes.update(f"\x1b[1;1H{'x' * room}{HINDI}│ x"))
    assert "".join(cell.text for cell in terminal.seen[0][17:]) == "│ x"
    assert terminal.text[0].startswith("x" * room + HINDI[:8])


def test_a_list_that_moves_on_by_a_line_is_moved_by_the_terminal():
    rows = [f"line {number} of a list that is longer than the screen" for number in range(30)]
    changes = ScreenChanges(60, 20, can_scroll=True)
    frames = [
        "".join(f"\x1b[{number + 1};1H\x1b[1m{rows[first + number]:60}\x1b[0m" for number in range(20))
        for first in (0, 1, 3, 2)
    ]
    assert len(changes.update(frames[0])) > 1000
    sent = [changes.update(frame) for frame in frames[1:]]
    assert max(map(len, sent)) < 180
    assert sent[0].startswith("\x1b[1;20r\x1b[20H\n\x1b[r")
    assert "\x1bM" in sent[2]


def test_a_terminal_that_moves_no_lines_is_not_told_to():
    assert scrolls("xterm-256color") and scrolls("tmux-256color tmux") and scrolls("linux")
    assert not scrolls("") and not scrolls("dumb") and not scrolls("ansi")
    changes = ScreenChanges(20, 10, can_scroll=False)
    for first in range(3):
        sent = changes.update("".join(f"\x1b[{n + 1};1Hline {first + n:<15}" for n in range(10)))
        assert "\n" not in sent and "r" not in sent.replace("\r", "")


@pytest.mark.parametrize(
    "output", ["\x1b[2J", "text without a place", "\x1b[1;1H\tx", "\x1b[1;1H\x1b[1mno end", "\x1b[1;18Htoo long"]
)
def test_what_is_not_understood_goes_out_as_it_is_and_nothing_is_taken_for_known_behind_it(output):
    changes = ScreenChanges(20, 3, can_scroll=True)
    frame = f"\x1b[1;1H{'words':20}"
    changes.update(frame)
    assert changes.update(output) == output
    assert "words" in changes.update(frame)


def test_what_concerns_no_cell_is_handed_on():
    changes = ScreenChanges(20, 3, can_scroll=True)
    changes.update("\x1b[1;1Hwords")
    said = "\x1b]2;a title\x1b\\\x07\x1b]52;c;eA==\x07\x1b[?1000h"
    assert changes.update(said) == said
    painted = f"\x1b[?2026h\x1b[1;1Hwords\x1b[2;1H{said}\x1b[?2026l"
    assert changes.update(painted) == f"{said}\x1b[?2026h\x1b[2;1H\x1b[?2026l"
    assert changes.update(painted) == said


def test_a_frame_that_began_is_ended():
    changes = ScreenChanges(20, 3, can_scroll=True)
    assert changes.update("\x1b[?2026h\x1b[1;1Hwords").startswith("\x1b[?2026h")
    assert changes.update("\x1b[?2026l") == "\x1b[?2026l"
    assert changes.update("\x1b[?2026h\x1b[?2026l") == ""


def test_characters_of_one_width_are_one_everywhere():
    def ranges(pattern: str) -> list[str]:
        return [chr(code) for code in range(0x20, 0x30000) if re.fullmatch(f"[{pattern}]", chr(code))]

    assert {character for character in ranges(written_cells._NARROW) if cell_len(character) != 1} == set()
    assert {character for character in ranges(written_cells._WIDE) if cell_len(character) != 2} == set()


def lists(chance: random.Random, width: int, height: int) -> list[str]:
    """Frames of a list that moves, beside something that does not, in scripts that all terminals have."""
    words = ("one", "été", "字字", "한글", "──▶", "a", "│ ▐", "longer words")
    styles = ("38;5;254;48;5;233", "1;38;5;38;48;5;233", "4;38;5;9", "7;38;5;32", "")
    lines: list[str] = []
    for _ in range(60):
        runs, room = [], width - 6
        while (word := f"{chance.choice(words)} ") and cell_len(word) <= room:
            style = chance.choice(styles)
            runs.append(f"\x1b[{style}m{word}\x1b[0m" if style else word)
            room -= cell_len(word)
        lines.append("".join(runs) + f"\x1b[48;5;233m{' ' * room}\x1b[0m")
    frames, first = [], 20
    for _ in range(12):
        rows = [f"\x1b[{row + 1};1H{lines[first + row]}" for row in range(height)]
        bar = chance.randrange(height)
        beside = [f"\x1b[{row + 1};{width - 5}H{'▐' if row == bar else '│'} {first:>3}" for row in range(height)]
        frames.append("".join(rows + beside) + "\x1b[1;1H")
        first += chance.randint(-3, 4)
    return frames


async def test_tmux_shows_the_same(tmp_path: Path) -> None:
    width, height = 44, 16
    async with Tmux(tmp_path, size=(width, height)) as tmux:
        for seed in range(4):
            frames = lists(random.Random(seed), width, height)
            changes = ScreenChanges(width, height, can_scroll=True)
            screens: list[Emulator] = []
            for name, output in (("whole", "".join(frames)), ("less", "".join(map(changes.update, frames)))):
                file = tmp_path / f"{name}-{seed}"
                file.write_text(output)
                await tmux.enter(
                    f"clear; printf '\\033[?7l\\033[2J'; stty -onlcr; cat {file}; tmux wait -S {name}{seed}; read x"
                )
                await tmux._run("wait-for", f"{name}{seed}")
                screens.append(Emulator(width, height))
                screens[-1].feed((await tmux.painted()).removesuffix("\n").replace("\n", "\r\n"))
                await tmux.keys("Enter")
                await tmux.enter("stty onlcr; clear")
                await tmux.prompts()
            assert screens[0].seen == screens[1].seen
            assert "longer words" in " ".join(screens[0].text)


async def test_tmux_shows_every_vowel_sign(tmp_path: Path) -> None:
    async with Tmux(tmp_path, size=(50, 10)) as tmux:
        changes = ScreenChanges(50, 10, can_scroll=True)
        rows = (f"ann  {HINDI} {number}" for number in range(3))
        frame = "".join(f"\x1b[{row + 1};1H{text:{47 - 10}}│" for row, text in enumerate(rows))
        file = tmp_path / "frame"
        file.write_text(changes.update(frame) + "\x1b[6;1H")
        await tmux.enter(f"clear; printf '\\033[?7l\\033[2J'; cat {file}; tmux wait -S shown; read x")
        await tmux._run("wait-for", "shown")
        screen = await tmux.shows(f"ann  {HINDI} 2")
        assert screen.count(HINDI) == 3 and screen.count("│") == 3
        await tmux.keys("Enter")
