"""A node's key: made at its first start, never without its id, and in backups, because a backup is the server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.store import DataDirectoryUnusable, SqliteStore, open_store, restore_backup
from core.store.identity import KEY_SETTING, NewIdentity
from core.wire.recovered import Recovered
from core.wire.server_keys import certified_id
from tests.store.making import WALL, open_at

MADE = NewIdentity(certified_id(b"k" * 32), "the private key")
OTHER = NewIdentity(certified_id(b"l" * 32), "another private key")


def opened(path: Path, identity: NewIdentity = MADE, wall: float = WALL) -> tuple[SqliteStore, Recovered]:
    return open_store(path, identity_factory=lambda: identity, wall=wall)


def test_a_new_node_has_the_id_that_is_made_of_its_key(tmp_path: Path) -> None:
    store, recovered = opened(tmp_path)
    assert (recovered.node, store.get_setting(KEY_SETTING)) == MADE
    store.close()


def test_it_keeps_both(tmp_path: Path) -> None:
    opened(tmp_path)[0].close()
    store, recovered = opened(tmp_path, OTHER, WALL + 1)
    assert (recovered.node, store.get_setting(KEY_SETTING)) == MADE
    store.close()


def test_a_node_from_before_keys_keeps_its_id_and_gets_a_key_once(tmp_path: Path) -> None:
    open_at(tmp_path)[0].close()
    for identity in (MADE, OTHER):
        store, recovered = opened(tmp_path, identity, WALL + 1)
        assert (recovered.node, store.get_setting(KEY_SETTING)) == ("gezdgnbvgy3t", MADE.private)
        store.close()


def test_a_backup_is_the_server_with_its_key(tmp_path: Path) -> None:
    store, _ = opened(tmp_path / "data")
    backup = store.backup(tmp_path / "backups", 1)
    store.close()
    restore_backup(backup, tmp_path / "restored")
    store, recovered = opened(tmp_path / "restored", OTHER, WALL + 1)
    assert (recovered.node, store.get_setting(KEY_SETTING)) == MADE
    store.close()


def test_an_id_whose_key_is_gone_is_nobodys_any_more(tmp_path: Path) -> None:
    opened(tmp_path)[0].close()
    connection = sqlite3.connect(tmp_path / "node.db")
    connection.execute("DELETE FROM settings")
    connection.commit()
    connection.close()
    with pytest.raises(DataDirectoryUnusable, match=r"key of the server .* is missing .*; restore a backup"):
        opened(tmp_path, OTHER, WALL + 1)


def test_a_start_that_fails_leaves_neither_an_id_nor_a_key(tmp_path: Path) -> None:
    def no_randomness() -> NewIdentity:
        raise OSError("no randomness")

    with pytest.raises(DataDirectoryUnusable):
        open_store(tmp_path, identity_factory=no_randomness, wall=WALL)
    store, recovered = opened(tmp_path)
    assert recovered.node == MADE.node
    store.close()
