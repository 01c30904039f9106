"""Documents of accounts in a server's data: from the version before them, back to one without, and through damage."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from core.store import downgrade_store, restore_backup, verify
from core.wire.account_documents import DocumentVersion
from tests.store.making import WALL, data_of, everything, open_at

DUMP = Path(__file__).parent / "schema-5.sql"
"""Written by that version; never made again."""
DOCUMENT = DocumentVersion("b.1.1", 5, "a", b'{"x":1}', b"k" * 32, b"s" * 64)


def with_document(path: Path) -> Path:
    """The data of a server that has started from that version's, and been given a document."""
    data = data_of(DUMP, path)
    store, recovered = open_at(data, WALL + 1)
    assert recovered.documents == ()
    store.commit([DOCUMENT])
    store.close()
    return data


def test_data_from_before_documents_is_brought_up_with_all_that_is_in_it(tmp_path: Path) -> None:
    data = with_document(tmp_path / "data")
    assert verify(data / "node.db").damage == []
    store, recovered = open_at(data, WALL + 2)
    assert recovered.documents == (DOCUMENT,)
    assert sum(len(page.entries) for page in everything(store)[0]) == 4
    store.close()


def test_a_backup_has_the_documents(tmp_path: Path) -> None:
    data = with_document(tmp_path / "data")
    store, _ = open_at(data, WALL + 2)
    backup = store.backup(data / "backups", 5)
    store.close()
    restore_backup(backup, tmp_path / "elsewhere")
    store, recovered = open_at(tmp_path / "elsewhere", WALL + 3)
    assert recovered.documents == (DOCUMENT,)
    store.close()


def test_the_way_back_leads_to_a_version_that_knows_no_documents_and_on_again(tmp_path: Path) -> None:
    data = with_document(tmp_path / "data")
    downgrade_store(data)
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'documents'").fetchone() == (0,)
    store, recovered = open_at(data, WALL + 3)
    assert recovered.documents == ()
    assert sum(len(page.entries) for page in everything(store)[0]) == 4
    store.close()


def test_a_damaged_document_is_found_and_the_others_are_kept(tmp_path: Path) -> None:
    data = with_document(tmp_path / "data")
    store, _ = open_at(data, WALL + 2)
    store.commit([DocumentVersion(f"b.1.{number}", 1, "a", b'{"y":"' + b"y" * 5_000 + b'"}') for number in range(2, 9)])
    store.close()
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        connection.execute("UPDATE documents SET body = '{\"x\":2}' WHERE claim = 'b.1.1'")
        connection.commit()
    assert any("documents" in one.what for one in verify(data / "node.db").damage)
    store, recovered = open_at(data, WALL + 3)
    assert sorted(one.claim for one in recovered.documents) == [f"b.1.{number}" for number in range(2, 9)]
    assert any("damaged" in text for text in store.findings)
    store.close()
