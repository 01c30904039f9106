"""The index only makes it fast: with it, without it, and while it is made, what is found is what a query means."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import msgspec
import pytest

from core.fulltext.fts_query import match_of
from core.fulltext.parts import END
from core.fulltext.searching import ActivitySearch
from core.store import MemoryStore
from core.store.scanning import scan_past
from core.wire.entries import Entry, EntryId, Stream
from core.wire.past_query import PastQuery
from tests.fulltext.finding import A, B, found, like, note, read, searched
from tests.store.making import WALL

WORDS = [
    "deploy",
    "deployed",
    "Déploy",
    "disk",
    "out",
    "of",
    "東京",
    "京都タワー",
    "ไทย",
    "हिन्दी",
    "🎉",
    "1.4",
    "e-mail",
] + ["@bob", "#ops", "#Ops", "straße", "STRASSE", "not", '"', "*", "\x00", "\ue000", "a\u3000b", "x" * 300]
SENDERS = ["ann", "Ann B", "bob", "東京", 'q"uote', "an", "é"]
QUERIES = [
    "deploy", "depl*", '"out of"', "京", "京都", "ไท", "हिन्दी", "🎉", "1.4", "mail", "strasse", "from:ann", "from:an*",
    'from:"Ann B"', 'from:"q""uote"', "from:ann from:bob", "to:bob", "@bob", "#ops", "type:note", "type:cr*", "-deploy",
    "not from:ann", "deploy -disk", "depl* from:ann not #ops", "-deploy -from:ann", '"of 東京"', "東京 from:東京", "x*",
    "after:1970-01-01T00:00:00.000400Z", "deploy before:1970-01-01T00:00:00.000450Z", '"not"', "",
    "disk after:1970-01-01T00:00:00.000300Z before:1970-01-01T00:00:00.000450Z", "nowhere", "from:nobody deploy",
    "about:a.1.2/r", "about:a.1.2/*", "about:a.1.2 about:b.1.3/%C3%A9 from:ann", "-about:a.1.2/r type:like",
    "about:a.1.2", "about:a.1.7 about:b.1.3 from:ann", "about:a.1.40 -about:b.1.9", "-about:a.1.7 from:ann",
]  # fmt: skip


REFERENCES = ["activity:a.1.2/r", "activity:a.1.2/R", "activity:a.1.2", "activity:b.1.3/%C3%A9", "activity:a.1.2/r-1"]


def some_notes(rng: random.Random, stream: Stream, count: int, stamps: range) -> list[Entry]:
    """Notes and likes of which many have one stamp."""
    return [
        like(stream, number, rng.choice(REFERENCES), rng.choice(stamps), sender=rng.choice(SENDERS))
        if number % 5 == 0
        else note(stream, number, " ".join(rng.choices(WORDS, k=5)), rng.choice(stamps), sender=rng.choice(SENDERS))
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_indexed_and_whatever_is_not_a_query_finds_what_it_means(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fulltext.indexing.PART_MAX", 40)
    monkeypatch.setattr("core.fulltext.indexing.FILL_PIECE", 15)
    monkeypatch.setattr("core.fulltext.indexing.PIECE", 10)
    rng = random.Random(seed)
    notes = some_notes(rng, A, 100, range(300, 500)) + some_notes(rng, B, 100, range(300, 500))
    rng.shuffle(notes)
    with searched(tmp_path) as place:
        while notes:
            for _ in range(rng.randrange(1, 4)):
                place.store.commit([notes.pop() for _ in range(min(len(notes), rng.randrange(1, 30)))])
            if rng.random() < 0.7:
                place.store.follow(idle=True)
            for _ in range(rng.randrange(5)):
                place.indexing.step()
            if rng.random() < 0.3:
                some = rng.choice(list(place.expected(read("")))) if place.expected(read("")) else None
                if some is not None:
                    place.store.remove([some], frozenset())
            for text in rng.sample(QUERIES, 4):
                query = read(text)
                expected = place.expected(query)
                assert found(place.search, query, rng.randrange(1, 12)) == expected, text
                assert found(place.unaided, query, 200, 5.0) == expected, text
        place.bring_up()
        assert place.indexing.index.parts.hole is None
        for text in QUERIES:
            assert found(place.search, read(text), 5) == place.expected(read(text)), text


def test_more_activities_in_one_moment_than_a_page_has_room_for_are_all_found(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, "again", 500) for number in range(1, 500)])
        place.store.commit([note(B, 1, "again", 499), note(B, 2, "again", 501)])
        place.bring_up()
        assert len(found(place.search, read("again"))) == 501
        assert found(place.search, read("again")) == place.expected(read("again"))


def test_a_page_holds_what_fits_and_a_large_one_comes_alone(tmp_path: Path) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, f"big {'x' * 200_000}") for number in range(1, 5)])
        place.bring_up()
        page = place.search.page(read("big"), None, 100, 10.0)
        assert [one.id.seq for one in page.entries] == [4]
        assert found(place.search, read("big"), 100, 10.0) == place.expected(read("big"))


def test_of_a_long_phrase_the_index_is_asked_for_the_beginning_and_what_is_found_has_all_of_it(tmp_path: Path) -> None:
    """A thousand frequent words in a row took the index minutes, in which nobody else found anything."""
    phrase = f'"{" ".join(["a"] * 40)} b"'
    with searched(tmp_path) as place:
        texts = ["a " * 50 + "b", "a " * 35 + "b", "a " * 50, "a b"]
        place.store.commit([note(A, number, text) for number, text in enumerate(texts, 1)])
        place.bring_up()
        for text in (phrase, f"{phrase}*", f"a -{phrase}", f"a -{phrase}*"):
            asked = match_of(read(text))
            assert asked is not None and len(asked.split(" a")) < 40
            assert found(place.search, read(text)) == place.expected(read(text)) != []


@pytest.mark.parametrize("text", ["word*", '"word word"', "word -nothing"])
def test_what_the_index_takes_too_long_for_is_looked_at_one_by_one(tmp_path: Path, text: str) -> None:
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, "word word") for number in range(1, 700)])
        place.bring_up()
        (part,) = (one for one in place.indexing.index.parts.all if one.size)
        match = match_of(read(text))
        assert match is not None
        assert place.indexing.index.parts.find(part, match, END, 0, -1, lambda: True) is None
        hasty = ActivitySearch(place.view, place.indexing, itertools.count().__next__)
        page = hasty.page(read(text), None, 100, 0.0)
        assert len(page.entries) <= 2
        assert found(hasty, read(text)) == place.expected(read(text))


def test_a_store_without_an_index_is_looked_through_one_by_one(tmp_path: Path) -> None:
    rng = random.Random(7)
    notes = some_notes(rng, A, 800, range(300, 5000))
    memory = MemoryStore("gezdgnbvgy3t")
    memory.start(WALL)
    memory.commit(notes)
    with searched(tmp_path) as place:
        place.store.commit(notes)
        for text in QUERIES:
            query = PastQuery(True, entries_max=9, query=str(read(text)))
            ids: list[EntryId] = []
            while True:
                page = scan_past(memory, query)
                ids += [one.id for one in reversed(page.entries)]
                if not page.more:
                    break
                assert page.reached is not None
                query = msgspec.structs.replace(query, stamp=page.reached[0], id=page.reached[1])
            assert ids == place.expected(read(text)), text


def test_parts_are_of_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.fulltext.indexing.PART_MAX", 100)
    monkeypatch.setattr("core.fulltext.indexing.FILL_PIECE", 30)
    with searched(tmp_path) as place:
        place.store.commit([note(A, number, f"word{number}") for number in range(1, 1001)])
        place.bring_up()
        place.close_index()
        (tmp_path / "node.search.db").unlink()
        place.open()
        place.bring_up()
        assert max(part.size for part in place.indexing.index.parts.all) <= 130
        assert place.indexing.index.parts.size == 1000
        assert len(place.indexing.index.parts.all) < 20
