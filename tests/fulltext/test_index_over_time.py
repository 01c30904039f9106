"""What becomes of the index: what is dropped goes from it, and whatever happens to its file harms nothing else."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.fulltext.data_view import DataReplaced
from core.fulltext.index_file import INDEX, VERSION, discard_index, has_fts
from core.fulltext.parts import END
from core.store import Retention, restore_backup, verify
from core.store.gone import REMEMBERED_MAX, Gone
from core.wire.codec import decode, encode
from core.wire.entries import EntryId
from core.wire.messages import PastDone
from tests.fulltext.finding import A, B, found, note, read, searched

SECRET = "geheimniskraemerei"


def of_files(path: Path) -> bytes:
    return b"".join((path / f"{INDEX}{suffix}").read_bytes() for suffix in ("", "-wal"))


def test_nothing_is_left_in_its_files_of_what_an_operator_has_removed(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit(
            [note(A, number, f"{SECRET} {number}" if number == 50 else "else") for number in range(1, 99)]
        )
        place.bring_up()
        assert SECRET.encode() in of_files(tmp_path)
        place.store.remove([EntryId(*A, 50)], frozenset())
        assert found(place.search, read(SECRET)) == []
        place.bring_up()
        assert SECRET.encode() not in of_files(tmp_path)
        assert len(found(place.search, read("else"))) == 97
        assert place.indexing.index.parts.size == 97


def test_what_was_removed_while_nobody_told_the_index_goes_with_the_next_start(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, f"word{number}") for number in range(1, 31)])
        place.bring_up()
        # As after a crash: nothing is written in the end.
        place.indexing.index.close()
        place.view.close()
        place.store.remove([EntryId(*A, 3)], frozenset())
        place.store.commit([note(A, 31, "word31"), note(B, 1, "word3", 25)])
        place.open()
        place.bring_up()
        assert place.indexing.index.parts.size == 31
        assert found(place.search, read("word3")) == [EntryId(*B, 1)]


def test_what_retention_drops_is_not_found_and_a_part_goes_when_all_of_it_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fulltext.indexing.PART_MAX", 20)
    with searched(tmp_path, Retention(activities=30)) as place:
        for number in range(1, 101):
            place.store.commit([note(A, number, f"old{number} word")])
            place.bring_up()
        while place.store.trim(0.0):
            pass
        place.bring_up()
        assert [one.seq for one in found(place.search, read("word"))] == list(range(100, 70, -1))
        assert place.indexing.index.parts.size == 30
        assert len(place.indexing.index.parts.all) <= 4
        assert b"old1 " not in of_files(tmp_path)


def test_a_part_of_which_little_is_left_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.fulltext.indexing.PART_MAX", 40)
    with searched(tmp_path) as place:
        for number in range(1, 81):
            place.store.commit([note(A, number, "word")])
            place.bring_up()
        gone = [(number * 10, EntryId(*A, number)) for number in range(1, 36)]
        place.store.gone.note(gone)
        place.bring_up()
        # The data has them all the same, so they are there once more.
        assert len(found(place.search, read("word"))) == 80
        assert all(part.dropped < 35 for part in place.indexing.index.parts.all)


def test_more_than_anybody_remembers_is_looked_for(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, "word") for number in range(1, 81)])
        place.bring_up()
        place.store.gone.take()
        place.store.remove([EntryId(*A, 7)], frozenset())
        place.store.gone.take()
        assert place.indexing.index.parts.size == 80
        place.store.gone.note([(0, EntryId(*A, 999))] * (REMEMBERED_MAX + 1))
        place.bring_up()
        assert place.indexing.index.parts.size == 79


def test_nothing_is_remembered_for_nobody() -> None:
    gone = Gone()
    assert not gone.is_wanted
    assert not gone.take() and gone.is_wanted
    gone.note([(1, EntryId(*A, 1))])
    assert gone.take().items == ((1, EntryId(*A, 1)),) and not gone.take()


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff" * 20_000)


def delete(path: Path) -> None:
    path.unlink()


def swap(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE state SET json = replace(json, '\"version\":{VERSION}', '\"version\":1')")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("harm", [cut, delete, swap, empty, other_version])
def test_an_index_that_is_lost_or_damaged_is_made_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, f"word{number}") for number in range(1, 500)])
        place.bring_up()
        place.close_index()
        harm(tmp_path / INDEX)
        place.open()
        assert found(place.search, read("word77")) == [EntryId(*A, 77)]
        place.bring_up()
        assert place.indexing.index.parts.size == 499
        assert found(place.search, read("word77")) == [EntryId(*A, 77)]


def test_damage_that_is_come_upon_later_is_told_by_an_error_and_a_new_index_can_be_made(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, f"word{number} {'x' * 30}") for number in range(1, 3000)])
        place.bring_up()
        place.close_index()
        overwrite(tmp_path / INDEX)
        try:
            place.open()
            while place.indexing.step():
                pass
            for number in range(1, 3000, 100):
                assert found(place.search, read(f"word{number}"), 7, 1.0) == [EntryId(*A, number)]
        except sqlite3.DatabaseError:
            place.indexing.index.close()
            (tmp_path / INDEX).unlink()
            place.open()
        place.bring_up()
        assert found(place.search, read("word501"), 7, 1.0) == [EntryId(*A, 501)]


def test_the_python_of_the_tests_has_a_full_text_index() -> None:
    assert has_fts()


def test_it_knows_whose_it_is(tmp_path: Path) -> None:
    with searched(tmp_path / "one") as one, searched(tmp_path / "other") as other:
        one.store.commit([note(A, 1, "one")])
        other.store.commit([note(B, 1, "other"), note(B, 2, "others")])
        one.bring_up()
        other.bring_up()
        one.close_index()
        other.close_index()
        shutil.copy(tmp_path / "one" / INDEX, tmp_path / "other" / INDEX)
        other.open()
        one.open()
        other.bring_up()
        assert found(other.search, read("other")) == [EntryId(*B, 1)]
        assert found(other.search, read("one")) == []


def test_who_has_a_database_open_that_was_replaced_is_told(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, 1, "word")])
        shutil.copy(tmp_path / "node.db", tmp_path / "copy")
        (tmp_path / "node.db").rename(tmp_path / "aside")
        (tmp_path / "copy").rename(tmp_path / "node.db")
        with pytest.raises(DataReplaced):
            place.search.page(read("word"), None, 5, 1.0)
        (tmp_path / "aside").rename(tmp_path / "node.db")
        assert found(place.search, read("word")) == [EntryId(*A, 1)]


def test_it_is_in_no_backup_and_verifying_takes_no_notice_of_it(tmp_path: Path) -> None:
    with searched(tmp_path / "data") as place:
        place.store.commit([note(A, 1, f"{SECRET} word")])
        place.bring_up()
        backup = place.store.backup(tmp_path / "backups", 3)
    assert verify(tmp_path / "data" / "node.db").damage == []
    restore_backup(backup, tmp_path / "restored")
    assert not (tmp_path / "restored" / INDEX).exists()
    assert (tmp_path / "data" / INDEX).stat().st_mode & 0o077 == 0


def test_what_comes_late_with_an_old_date_is_found_where_it_belongs(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, "word") for number in range(100, 200)])
        place.bring_up()
        place.store.commit([note(B, number, "word") for number in range(50, 150)])
        place.bring_up()
        assert found(place.search, read("word")) == place.expected(read("word"))
        assert place.indexing.index.parts.size == 200
        assert place.indexing.index.parts.all[-1].high == END


def test_an_index_that_is_made_right_after_a_commit_finds_what_was_committed(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, 1, "word")])
        place.bring_up()
        place.close_index()
        discard_index(tmp_path / INDEX)
        place.store.commit([note(A, 2, "word")])
        # Where it stands in time is not written yet.
        place.open()
        assert [one.seq for one in found(place.search, read("word"))] == [2, 1]
        place.bring_up()
        place.store.commit([note(A, 3, "word")])
        place.bring_up()
        assert [one.seq for one in found(place.search, read("word"))] == [3, 2, 1]
        assert place.indexing.index.parts.size == 3


def test_while_much_is_new_some_is_indexed_before_anything_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fulltext.searching.TAIL_MAX", 100)
    monkeypatch.setattr("core.fulltext.indexing.PIECE", 50)
    with searched(tmp_path) as place:
        for number in range(1, 400):
            place.store.commit([note(A, number, "word")])
        place.store.follow(idle=True)
        page = place.search.page(read("word"), None, 5, 0.0)
        assert page.waits and not page.entries and page.page.reached is not None
        told = PastDone(1, page.page.more, page.page.reached[0])
        assert decode(encode(told).rstrip()) == told, "whoever looks for something understands that"
        assert len(found(place.search, read("word"))) == 399


def test_long_activities_are_indexed_a_few_at_a_time_and_count_as_several_that_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fulltext.searching.TAIL_MAX", 100)
    with searched(tmp_path) as place:
        place.store.commit([note(A, 1, "word")])
        place.bring_up()
        rng = random.Random(1)
        for number in range(2, 60):
            text = "".join(rng.choices("abcdefgh ", k=50_000))
            place.store.commit([note(A, number, f"word {text}")])
        place.store.follow(idle=True)
        page = place.search.page(read("word"), None, 5, 0.0)
        assert page.waits and not page.entries
        assert place.indexing.index.parts.size < 15
        assert len(found(place.search, read("word"))) == 59
