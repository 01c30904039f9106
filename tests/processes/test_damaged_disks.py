"""Databases that are damaged while their server is down: it starts by itself, and neighbours bring what is lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
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
