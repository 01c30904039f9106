"""What a server notes outlives it, and is bounded."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from core.store import events_file, kept_lines
from core.store.events_file import FORMER, PRESENT, SECONDS_MAX, append_lines
from core.stories import StoryLine
from tests.stories.noted import BEGIN, OSLO

NOW = BEGIN / 1_000_000


def line(number: int, at: float = 0.0) -> StoryLine:
    return StoryLine(BEGIN + round(at * 1_000_000), number, number, OSLO, "whole", count=3)


def numbers(data_dir: Path) -> list[int]:
    return [one.number for one in kept_lines(data_dir, NOW)]


def test_lines_are_read_as_they_were_kept(tmp_path: Path) -> None:
    append_lines(tmp_path, [line(1), line(2)])
    append_lines(tmp_path, [line(3)])
    assert kept_lines(tmp_path, NOW) == [line(1), line(2), line(3)]


def test_where_nothing_was_kept_there_is_nothing(tmp_path: Path) -> None:
    assert kept_lines(tmp_path, NOW) == []


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_lines(tmp_path / "nowhere", NOW)


def test_half_a_line_takes_no_other_with_it(tmp_path: Path) -> None:
    append_lines(tmp_path, [line(1), line(2)])
    whole = (tmp_path / PRESENT).read_bytes()
    (tmp_path / PRESENT).write_bytes(whole[:-7])
    append_lines(tmp_path, [line(3)])
    assert numbers(tmp_path) == [1, 3]


def test_nonsense_among_them_is_left_out(tmp_path: Path) -> None:
    append_lines(tmp_path, [line(1)])
    with (tmp_path / PRESENT).open("ab") as file:
        file.write(b"\xff\xfe nonsense\n{}\n\n")
    append_lines(tmp_path, [line(2)])
    assert numbers(tmp_path) == [1, 2]


def test_the_oldest_go_when_there_is_no_room(tmp_path: Path) -> None:
    for number in range(1, 200):
        append_lines(tmp_path, [line(number)], bytes_max=4096)
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 200))
    assert 5 < len(kept) < 100
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4096 + 200


def test_what_is_too_old_is_not_told(tmp_path: Path) -> None:
    append_lines(tmp_path, [line(1, -SECONDS_MAX - 1.0), line(2)])
    assert numbers(tmp_path) == [2]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        append_lines(tmp_path, [line(1)])
    finally:
        os.umask(before)
    assert (tmp_path / PRESENT).stat().st_mode & 0o777 == 0o600


def test_of_many_the_latest_are_read(tmp_path: Path) -> None:
    append_lines(tmp_path, [line(number) for number in range(1, 9)], bytes_max=64)
    append_lines(tmp_path, [line(9)])
    assert [one.number for one in kept_lines(tmp_path, NOW, most=3)] == [7, 8, 9]
    assert [one.number for one in kept_lines(tmp_path, NOW, most=100)] == list(range(1, 10))


def test_a_file_that_takes_the_place_of_the_other_while_they_are_read_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_lines(tmp_path, [line(1), line(2)])
    opened = events_file._opened

    def meanwhile(path: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
        found = opened(path, stack)
        if path.name == PRESENT and numbered == [1, 2]:
            numbered.append(3)
            os.replace(tmp_path / PRESENT, tmp_path / FORMER)
            append_lines(tmp_path, [line(3)])
        return found

    numbered = [1, 2]
    monkeypatch.setattr(events_file, "_opened", meanwhile)
    assert numbers(tmp_path) == [1, 2, 3]
