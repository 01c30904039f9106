"""What stays of a person on their machine between two sessions."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tui.model.concerns import Concerns
from tui.model.personal import Personal, ReadMark, encode
from tui.own_screen import personal_keeper
from tui.own_screen.personal_keeper import PersonalFileKeeper
from tui.remembered import personal_files


@contextlib.asynccontextmanager
async def somebody(directory: Path) -> AsyncIterator[Concerns]:
    """What concerns somebody who is logged in, and what is kept of it, for as long as the block runs."""
    keeper = PersonalFileKeeper(directory)
    await keeper.read()
    concerns = Concerns(keeper)
    concerns.begin("/alice")
    task = asyncio.create_task(keeper.keep_up(concerns))
    await asyncio.sleep(0)
    try:
        yield concerns
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a file tells no news
            await asyncio.sleep(0.01)


def read_to(concerns: Concerns, stamp: int) -> None:
    concerns.changed_elsewhere(encode(Personal(ReadMark(stamp=stamp, since=stamp + 1))))


async def test_what_was_read_stays_for_the_next_time_readable_by_its_owner_alone(tmp_path):
    async with somebody(tmp_path) as concerns:
        assert not concerns.knows_mark
        read_to(concerns, 7)
    async with somebody(tmp_path) as concerns:
        assert concerns.knows_mark
        assert not concerns.is_new("aa.1.1", 7) and concerns.is_new("aa.1.2", 8)
    assert os.stat(tmp_path / personal_files.FILE_NAME).st_mode & 0o777 == 0o600


async def test_what_is_read_in_one_application_is_read_in_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(personal_keeper, "INTERVAL", 0.01)
    async with somebody(tmp_path) as one, somebody(tmp_path) as other:
        read_to(one, 7)
        await until(lambda: other._mark.stamp == 7)
        read_to(other, 9)
        await until(lambda: one._mark.stamp == 9)


async def test_what_is_changed_soon_after_it_was_written_down_is_not_taken_back_by_what_was_written(tmp_path):
    keeper = PersonalFileKeeper(tmp_path)
    concerns = Concerns(keeper)
    concerns.begin("/alice")
    concerns.mute("zoe")
    await keeper.bring_together(concerns)
    concerns.unmute("zoe")
    concerns.mute("#x")
    # Whoever shares it with the servers comes first.
    concerns.keep()
    await keeper.bring_together(concerns)
    assert concerns.mutes == ("#x",)
    assert b"zoe" not in personal_files.load(tmp_path)["/alice"]


async def test_what_is_changed_here_stays_while_another_application_has_read_on(tmp_path):
    here, elsewhere = PersonalFileKeeper(tmp_path), PersonalFileKeeper(tmp_path)
    mine, theirs = Concerns(here), Concerns(elsewhere)
    for concerns in (mine, theirs):
        concerns.begin("/alice")
    read_to(mine, 3)
    await here.bring_together(mine)
    await elsewhere.bring_together(theirs)
    read_to(theirs, 7)
    await elsewhere.bring_together(theirs)
    mine.mute("zoe")
    await here.bring_together(mine)
    assert mine.mutes == ("zoe",) and mine._mark.stamp == 7
    await elsewhere.bring_together(theirs)
    assert theirs.mutes == ("zoe",) and theirs._mark.stamp == 7


async def test_what_is_muted_in_another_application_is_muted_here_although_one_reads_on(tmp_path):
    here, elsewhere = PersonalFileKeeper(tmp_path), PersonalFileKeeper(tmp_path)
    mine, theirs = Concerns(here), Concerns(elsewhere)
    for keeper, concerns in ((here, mine), (elsewhere, theirs)):
        concerns.begin("/alice")
        read_to(concerns, 3)
        await keeper.bring_together(concerns)
    theirs.mute("zoe")
    await elsewhere.bring_together(theirs)
    mine.read_all()
    mine._personal = Personal(ReadMark(stamp=9, since=10))
    mine.keep()
    await here.bring_together(mine)
    assert mine.mutes == ("zoe",) and mine._mark.stamp == 9


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"/alice":7}', b'{"/alice":{"mark":"x"}}'])
async def test_a_damaged_file_is_as_good_as_none(tmp_path, content):
    (tmp_path / personal_files.FILE_NAME).write_bytes(content)
    async with somebody(tmp_path) as concerns:
        assert not concerns.knows_mark
        read_to(concerns, 7)
    assert b'"stamp":7' in personal_files.load(tmp_path)["/alice"]


def test_of_so_many_accounts_those_that_were_used_last_are_kept(tmp_path):
    for number in range(personal_files.ACCOUNTS_MAX + 3):
        personal_files.keep(tmp_path, f"/{number}", b"{}")
    kept = list(personal_files.load(tmp_path))
    assert len(kept) == personal_files.ACCOUNTS_MAX and kept[0] == "/3"


async def test_a_disk_that_takes_nothing_is_told_once_and_ends_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(personal_keeper, "INTERVAL", 0.01)

    def full(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(personal_files, "keep", full)
    async with somebody(tmp_path) as concerns:
        for stamp in range(1, 4):
            read_to(concerns, stamp)
            await until(lambda: "no space left" in caplog.text)
    assert caplog.text.count("no space left") == 1
