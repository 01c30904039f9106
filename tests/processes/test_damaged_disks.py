"""Databases that are damaged while their server is down: it starts by itself, and neighbours bring what is lost."""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.processes.harness import NodeNetwork, NodeProcess, wait_for
from tests.processes.people import Person
from tests.store.damaging import become_something_else, cut_off, flip_a_hundred_bits

TEXTS = [f"number {number}" for number in range(30)]


@pytest.mark.parametrize("damage", [flip_a_hundred_bits, cut_off, become_something_else], ids=lambda one: one.__name__)
async def test_a_damaged_server_is_complete_again_with_its_neighbour_and_without_a_person(
    nodes: NodeNetwork, damage: Callable[[Path, random.Random], None]
) -> None:
    first = await nodes.start()
    second = await nodes.start(first)
    await nodes.settled()
    async with await first.client() as client:
        await client.register("ann", "her secret")
    async with Person([first], "ann", "her secret") as writer:
        await writer.post_accepted(TEXTS)
    await wait_for(lambda: _activities(second, len(TEXTS)), 10, "the neighbour has them")
    before = await _self(first)
    await first.quit()
    for file in first.data_dir.glob("backups/*"):
        file.unlink()
    damage(first.data_dir / "node.db", random.Random(1))
    # As a supervisor does: the same command as ever.
    await first.restart()
    await first.said("was damaged")
    await nodes.settled()
    assert await _self(first) == before
    await wait_for(lambda: _activities(first, len(TEXTS)), 10, "it has them again")
    async with Person([first], "ann", "her secret", history=100) as late:
        await late.has(TEXTS)
    assert list(first.data_dir.glob("replaced-*/node.db"))


async def _self(node: NodeProcess) -> str:
    return next(str(one["id"]) for one in (await node.status())["servers"] if one["state"] == "here")


async def _activities(node: NodeProcess, count: int) -> bool:
    return int((await node.status())["activities"]) == count


async def test_a_lone_server_whose_log_was_damaged_goes_on_with_what_can_be_read(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", options=("--backup-interval", "0"))
    async with node, Person([node]) as person:
        await person.post_accepted(TEXTS)
        node.kill9()
        await node.wait()
    log = node.data_dir / "node.db-wal"
    size = log.stat().st_size
    content = bytearray(log.read_bytes())
    content[size // 2] ^= 1
    log.write_bytes(content)
    shutil.copytree(node.data_dir, tmp_path / "copy")
    async with node, Person([node], history=100) as late:
        await node.said("was damaged")
        assert int((await node.status())["activities"]) >= len(TEXTS) - 1
        await late.has(TEXTS[:5])


def damage_a_record(node: NodeProcess, texts: Sequence[str]) -> list[int]:
    """Have two bytes be others in a record of the server's own that has one of these texts; the numbers of all its
    entries. It runs: nothing but the line is changed."""
    with sqlite3.connect(node.data_dir / "node.db") as connection:
        rows = connection.execute("SELECT no, line FROM records WHERE flags & 1 ORDER BY no").fetchall()
        for no, line in rows:
            said = [text for text in texts if json.dumps(text).encode() in line]
            if said:
                record = json.loads(line)
                damaged = bytearray(line)
                at = line.index(said[0].encode())
                damaged[at] ^= 1
                damaged[at + 1] ^= 1
                connection.execute("UPDATE records SET line = ? WHERE no = ?", (bytes(damaged), no))
                break
    connection.close()
    assert rows and said, "a record has one of the texts"
    return list(range(record["first"], record["first"] + record["count"]))


def numbers_of(node: NodeProcess, texts: Sequence[str]) -> dict[int, str]:
    """Which text has which number in the server's own stream."""
    found: dict[int, str] = {}
    with sqlite3.connect(f"file:{node.data_dir / 'node.db'}?mode=ro", uri=True) as connection:
        for (line,) in connection.execute("SELECT line FROM records WHERE flags & 1"):
            record = json.loads(line)
            for place, entry in enumerate(record["entries"]):
                for text in texts:
                    if json.dumps(text) in json.dumps(entry[0]):
                        found[record["first"] + place] = text
    connection.close()
    return found


async def test_what_nobody_else_has_is_told_by_its_numbers_and_all_else_is_served(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", options=("--backup-interval", "0"))
    async with node:
        async with Person([node]) as person:
            for text in TEXTS:
                # Each in a commit of its own.
                await person.post_accepted([text])
        numbers = numbers_of(node, TEXTS)
        assert sorted(numbers.values()) == sorted(TEXTS)
        [lost] = damage_a_record(node, ["number 7"])
        left = [text for text in TEXTS if text != numbers[lost]]
        async with Person([node], history=100) as late:
            await late.has(left)
            await node.said("no other server is linked that has 1 entry that was damaged on this server's disk")
            assert numbers[lost] not in late.arrived
        assert re.search(rf"\({await _self(node)}\.\d+\.{lost}\)", node.stderr)
        assert numbers[lost].encode()[2:] in (node.data_dir / "node.damaged-records").read_bytes()
    # Its next start goes on without it, and without a person. It says it again: somebody may come who has it.
    async with node, Person([node], history=100) as late:
        await late.has(left)
        assert numbers[lost] not in late.arrived
        await node.said("no other server is linked that has 1 entry that was damaged on this server's disk")


async def test_what_is_damaged_while_the_others_are_gone_is_told_and_comes_when_they_are_back(
    nodes: NodeNetwork,
) -> None:
    first = await nodes.start()
    second = await nodes.start(first)
    await nodes.settled()
    async with Person([first]) as writer:
        await writer.post_accepted(TEXTS)
    await wait_for(lambda: _activities(second, len(TEXTS)), 10, "the neighbour has them")
    numbers = numbers_of(first, TEXTS)
    second.kill9()
    await second.wait()
    await first.said("is gone")
    lost = damage_a_record(first, ["number 7"])
    left = [text for number, text in numbers.items() if number not in lost]
    async with Person([first], history=100) as early:
        await early.has(left)
        await first.said("no other server is linked that has")
        assert not {numbers[number] for number in lost} & set(early.arrived)
        await second.restart()
        await first.said("that had been damaged came again from the other servers", 30.0)
        # Who came meanwhile and had nothing is not owed the past: it would come behind what was written since.
        assert early.arrived == left
    async with Person([first], history=100) as late:
        await late.has(TEXTS)
        assert late.arrived == TEXTS
    assert await _activities(first, len(TEXTS))
