"""Dies by SIGKILL before any step in which a store touches the disk; run by `test_killed_anywhere`.

What is on the disk before a step is what is there after the one before, so nothing else is left to look at.

Usage: python -m tests.store.killing LIFE DIRECTORY STRIDE. LIFE is what is lived through (see `LIVES`). Each run is
killed STRIDE steps later than the one before, until one comes to its end; after each the store is opened as the next
start does. Prints how many steps there were.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.store import DataLost, downgrade_store, restore_backup
from tests.store.making import WALL, A, activity, ids, open_at

DUMP = Path(__file__).parent / "schema-3.sql"
KEPT = [activity(A, seq, size=200) for seq in range(1, 31)]
MORE = [activity(A, seq, size=200) for seq in range(31, 41)]


def first_start(data: Path, committed: Callable[[], None]) -> None:
    store, _ = open_at(data)
    store.commit(KEPT)
    committed()
    store.backup(data / "backups", keep=2)
    store.close()


def later_start(data: Path, committed: Callable[[], None]) -> None:
    store, _ = open_at(data, WALL + 10)
    store.commit(MORE)
    committed()
    store.backup(data / "backups", keep=2)
    store.backup(data / "backups", keep=2)
    store.close()


def restoration(data: Path, committed: Callable[[], None]) -> None:
    (backup,) = (data / "backups").iterdir()
    restore_backup(backup, data, force=True)
    committed()


def upgrade(data: Path, committed: Callable[[], None]) -> None:
    open_at(data, WALL + 10)[0].close()


def way_back(data: Path, committed: Callable[[], None]) -> None:
    downgrade_store(data)


def prepared(life: Callable[..., None], data: Path) -> None:
    """What is there before the life begins."""
    if life is first_start:
        return
    if life in (upgrade, way_back):
        data.mkdir(mode=0o700)
        with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
            connection.executescript(DUMP.read_text())
        (data / "node.db").chmod(0o600)
        if life is way_back:
            open_at(data, WALL + 5)[0].close()
        return
    first_start(data, lambda: None)
    if life is restoration:
        (data / "node.db").unlink()


LIVES = {life.__name__: life for life in (first_start, later_start, restoration, upgrade, way_back)}


def touches_the_disk(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", None), sqlite3.Connection) or getattr(
        function, "__module__", None
    ) in ("posix", "fcntl")


def lived(life: Callable[..., None], data: Path, dies_at: int) -> tuple[bool, bool]:
    """Whether what is kept was acknowledged before the death, and whether it came to its end."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        steps = 0

        def count(frame: Any, event: str, argument: Any) -> None:
            nonlocal steps
            if event == "c_call" and touches_the_disk(argument):
                steps += 1
                if steps == dies_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            life(data, lambda: os.write(writer, b"."))
        finally:
            sys.setprofile(None)
            os._exit(0)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    acknowledged = os.read(reader, 1) == b"."
    os.close(reader)
    return acknowledged, not os.WIFSIGNALED(status)


def main(name: str, directory: Path, stride: int) -> None:
    life, steps = LIVES[name], 1 - stride
    before, data = directory / "before", directory / "data"
    prepared(life, before)
    while True:
        steps += stride
        if before.exists():
            shutil.copytree(before, data)
        acknowledged, over = lived(life, data, steps)
        if life is restoration and not acknowledged:
            # Not decided yet: a start says so, and nothing else has happened.
            try:
                store, recovered = open_at(data, WALL + 20, name=b"another!")
            except DataLost as refusal:
                if refusal.backup is None:
                    raise
                restore_backup(refusal.backup, data, force=True)
                store, recovered = open_at(data, WALL + 20, name=b"another!")
        else:
            store, recovered = open_at(data, WALL + 20, name=b"12345678" if life is first_start else b"another!")
        assert recovered.node == "gezdgnbvgy3t", recovered
        told = [finding for finding in store.findings if "was of version" not in finding]
        assert not told, (steps, told)
        kept = len(ids(store))
        least = 30 if life is not first_start else 0
        if life in (upgrade, way_back):
            least = 44
        if acknowledged:
            least = 40 if life is later_start else 30
        assert kept >= least, (steps, kept, least)
        store.close()
        shutil.rmtree(data)
        if over:
            print(steps)
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
