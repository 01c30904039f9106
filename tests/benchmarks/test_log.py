"""The bars of the log can be measured: each row says what it measured, at a small scale too, and nothing breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.threads.opening_store import open_sqlite
from tests.benchmarks import data, log

SMALL = log.Scale(activities=600, accounts=20, past_starts=300, tries=12)
WORDS = {
    "starts": ("memory more than with none", "a native login", "two servers in agreement link with"),
    "seals": ("sealing a commit",),
    "store": ("commits of 256", "in flight, CPU an activity"),
    "disk": ("disk for an activity of 200 B",),
    "catching-up": ("catching up 600", "p99 at the server that gives", "p99 at the one that catches up"),
    "start": ("open_store", "serve until it listens", "memory of serve"),
    "flips": ("wrong bodies served", "tracebacks", "not complete again"),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", WORDS)
async def test_a_row_tells_its_figures_and_whether_the_bars_are_met(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    monkeypatch.setattr(log, "SECONDS", 0.5)
    monkeypatch.setattr(log, "COMMITS", 4)
    await log.main([name], SMALL)
    told = capsys.readouterr().out
    assert [words for words in WORDS[name] if words not in told] == []
    assert not [line for line in told.splitlines() if line.startswith(f"{name}:")], "it gave up"


def test_every_row_is_tried_here() -> None:
    assert set(WORDS) == set(log.ROWS)


def test_what_is_prepared_is_what_was_asked_for_and_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    contents = data.Contents(activities=300, accounts=7, past_starts=50)
    where = data.copied(contents, tmp_path / "copy")
    store, recovered = open_sqlite(data.settings(where))
    found = store.activities_before(None, 1000, 2**30)
    store.close()
    assert [len(entry.body) for entry in found] == [data.BODY_BYTES] * 300
    assert len(recovered.accounts) == 7
    assert len(recovered.streams) == 51
    assert data.prepared(contents) == data.prepared(contents)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_made_otherwise_now_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    contents = data.Contents(activities=3)
    before = data.prepared(contents)
    monkeypatch.setattr(data, "_version", lambda: "other")
    after = data.prepared(contents)
    assert after != before and after.exists() and not before.exists()
