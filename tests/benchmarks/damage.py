"""Bytes of a small database flipped one at a time: what a server with it serves, and whether it becomes whole again.

The server has a neighbour that has everything. Both run in this process, on real sockets and files.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.engine.engine_errors import CannotBind
from core.engine.engine_settings import EngineSettings, PasswordSettings
from core.engine.server import Server
from core.store.store_errors import StoreError
from core.wire.address import Address
from core.wire.entries import EntryId
from tests.benchmarks.data import Contents, copied

ACTIVITIES: Final = 60
ACCOUNTS: Final = 4
HEAL_LIMIT: Final = 2.0
"""Seconds in which a server has to be complete again."""
LANES: Final = 4
EXAMPLES_MAX: Final = 3
"""Of each kind."""
DATABASE: Final = "node.db"


@dataclass
class Found:
    """What came of all tries."""

    size: int = 0
    """Of the database, in bytes."""
    tries: int = 0
    wrong: int = 0
    """Bodies that nobody wrote."""
    tracebacks: int = 0
    """Faults that were not told as a sentence."""
    refused: int = 0
    """Starts that ended in a sentence."""
    incomplete: int = 0
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, place: int, kind: str, what: str = "") -> None:
        """Remember some of each kind."""
        kept = self._examples.setdefault(kind, [])
        if len(kept) < EXAMPLES_MAX:
            kept.append(f"byte {place:,}: {kind}" + (f": {what}" if what else ""))

    @property
    def examples(self) -> list[str]:
        return [example for kept in self._examples.values() for example in kept]


class _Faults(logging.Handler):
    """Counts what is logged as a fault of ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            error = record.exc_info[1] if record.exc_info else None
            self.seen.append(f"{record.getMessage()} {type(error).__name__ if error else ''}: {error}".strip())


async def flipped(directory: Path, tries: int, seconds: float) -> Found:
    """Try so many bytes, spread over the whole file, or as many as can be tried in a time."""
    found = Found()
    faults = _Faults()
    logging.getLogger().addHandler(faults)
    try:
        # Several pairs of servers side by side: what takes long is to wait for one that does not become whole.
        lanes = [_lane(directory / str(lane), lane, tries, time.monotonic() + seconds, faults, found)
                 for lane in range(LANES)]  # fmt: skip
        await asyncio.gather(*lanes)
    finally:
        logging.getLogger().removeHandler(faults)
    return found


async def _lane(directory: Path, lane: int, tries: int, ends: float, faults: _Faults, found: Found) -> None:
    """Every so many-th of the tries, with a server and a neighbour of its own."""
    contents = Contents(activities=ACTIVITIES, accounts=ACCOUNTS, copy=f"lane{lane}")
    pristine = copied(contents, directory / "pristine")
    chance = random.Random(lane)
    neighbour = Server(_settings(directory / "neighbour"))
    await neighbour.start()
    try:
        truth = await _seeded(pristine, neighbour)
        found.size = size = (pristine / DATABASE).stat().st_size
        for number in range(lane, tries, LANES):
            if time.monotonic() > ends:
                break
            place = size * number // tries + chance.randrange(max(1, size // tries))
            found.tries += 1
            await _one(directory / "flipped", pristine, place, chance, neighbour, truth, found)
            for fault in faults.seen:
                found.tracebacks += 1
                found.note(place, "a fault", fault[:200])
            faults.seen.clear()
    finally:
        await neighbour.abort()


async def _seeded(pristine: Path, neighbour: Server) -> dict[EntryId, bytes]:
    """Let the neighbour have all that is in a data directory; what that is."""
    server = Server(_settings(pristine, join=neighbour.address))
    await server.start()
    truth = await _served(server)
    assert len(truth) == ACTIVITIES
    async with asyncio.timeout(30.0):
        while await _served(neighbour) != truth:
            await asyncio.sleep(0.05)
    server.request_drain()
    await server.wait_closed()
    return truth


def _settings(directory: Path, join: Address | None = None) -> EngineSettings:
    return EngineSettings(
        data_dir=directory,
        host="127.0.0.1",
        port=0,
        secret="s3cret",
        join=join,
        preset="local",
        backup_interval=0.0,
        passwords=PasswordSettings(memory_kib=64, passes=1),
    )


async def _served(server: Server) -> dict[EntryId, bytes]:
    return {entry.id: entry.body for entry in (await server.history(newest=10 * ACTIVITIES)).entries}


async def _one(
    where: Path,
    pristine: Path,
    place: int,
    chance: random.Random,
    neighbour: Server,
    truth: Mapping[EntryId, bytes],
    found: Found,
) -> None:
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(pristine, where)
    with (where / DATABASE).open("r+b") as file:
        file.seek(place)
        (before,) = file.read(1)
        file.seek(place)
        file.write(bytes([before ^ chance.choice([1 << bit for bit in range(8)])]))
    server = Server(_settings(where, neighbour.address))
    try:
        await server.start()
    except (StoreError, CannotBind) as error:
        found.refused += 1
        found.incomplete += 1
        found.note(place, "it does not start", str(error))
        return
    except Exception as error:
        # Whatever it is, it is no sentence for a person.
        found.tracebacks += 1
        found.incomplete += 1
        found.note(place, "a fault at the start", f"{type(error).__name__}: {error}")
        return
    try:
        await _looked_at(server, place, truth, found)
    finally:
        with contextlib.suppress(Exception):
            await server.abort()


async def _looked_at(server: Server, place: int, truth: Mapping[EntryId, bytes], found: Found) -> None:
    """Look at what a server serves until that is right, or the time is over."""
    wrong: set[EntryId] = set()
    why = ""
    ends = time.monotonic() + HEAL_LIMIT
    while True:
        try:
            served = await _served(server)
        except StoreError as error:
            served, why = {}, f"it cannot read ({error})"
        except Exception as error:
            found.tracebacks += 1
            found.incomplete += 1
            found.note(place, "a fault at reading", f"{type(error).__name__}: {error}")
            return
        else:
            right = sum(served.get(entry_id) == body for entry_id, body in truth.items())
            why = f"{len(truth) - right} activities are missing or wrong"
        wrong |= {entry_id for entry_id, body in served.items() if truth.get(entry_id) != body}
        accounts = [server.account(f"somebody{number:06d}") for number in range(1, ACCOUNTS + 1)]
        if served == truth and None not in accounts:
            break
        if time.monotonic() > ends:
            found.incomplete += 1
            found.note(place, "it does not become complete", why if served != truth else "an account is missing")
            break
        await asyncio.sleep(0.05)
    if wrong:
        found.wrong += len(wrong)
        found.note(place, "what nobody wrote is served", f"{len(wrong)} bodies")
