"""People are told once that there is little room left, before there is none."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from core.engine.upkeep.storage_room import DISK_LEAST, StorageRoom
from core.store import Retention, Usage

MEBIBYTE = 2**20
Disk = namedtuple("Disk", "total used free")


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are free on the disk."""
    free = [100 * DISK_LEAST]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(0, 0, free[0]))
    return free


@pytest.fixture
def room(tmp_path: Path) -> StorageRoom:
    return StorageRoom(Retention(activities=1000, bytes=100 * MEBIBYTE), tmp_path)


def texts(room: StorageRoom, activities: int, megabytes: int) -> list[str]:
    return [text for text, _ in room.news(Usage(activities, megabytes * MEBIBYTE))]


def test_nothing_is_said_while_there_is_room(room: StorageRoom) -> None:
    assert texts(room, 799, 79) == []


@pytest.mark.parametrize(("activities", "megabytes"), [(850, 10), (10, 85)])
def test_a_warning_comes_once_before_the_oldest_go(room: StorageRoom, activities: int, megabytes: int) -> None:
    (said,) = texts(room, activities, megabytes)
    assert "100 MB" in said and "1,000 activities" in said and "bytes_kept" in said
    assert texts(room, activities + 1, megabytes) == []


def test_it_is_said_once_that_the_oldest_go(room: StorageRoom) -> None:
    texts(room, 900, 0)
    (said,) = texts(room, 1000, 0)
    assert "oldest activities go" in said
    assert texts(room, 999, 0) == texts(room, 1000, 0) == []


def test_it_is_said_again_after_there_was_room(room: StorageRoom) -> None:
    assert len(texts(room, 850, 0)) == 1
    assert texts(room, 500, 0) == []
    assert len(texts(room, 850, 0)) == 1


def test_without_limits_only_the_disk_is_watched(tmp_path: Path, disk: list[int]) -> None:
    room = StorageRoom(Retention(), tmp_path)
    assert texts(room, 10**9, 10**6) == []
    disk[0] = DISK_LEAST - 1
    (said,) = texts(room, 1, 0)
    assert str(tmp_path) in said and "255 MB" in said
    assert texts(room, 1, 0) == []
    disk[0] = 3 * DISK_LEAST
    assert texts(room, 1, 0) == []
    disk[0] = 1
    assert len(texts(room, 1, 0)) == 1
