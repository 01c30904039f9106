"""The bars of the screen can be measured: each row says what it measured, at a small scale too, and nothing breaks."""

from __future__ import annotations

import pytest

from tests.benchmarks import screen
from tests.benchmarks.load import Load

SMALL = screen.Scale(rounds=1, seconds=0.5, receivers=2, keys=5, starts=1, activities=500, stored=1_200)
WORDS = {
    "delivery": ("delivery at 200/s, headless", "delivery at 1,000/s, application", "p99 against headless"),
    "keys": ("key to paint at 200/s, p50 of 5", "key to paint at 1,000/s, p99 of 5"),
    "cpu": ("CPU at 200/s", "painted meanwhile"),
    "first-frame": ("of a bare Textual application", "more than a bare Textual application's"),
    "past": ("from the start to the last page, 1,200 stored", "after reading back to the first"),
    "memory": ("each 100 activities", "more than to a headless server"),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", WORDS)
async def test_a_row_tells_its_figures_and_whether_the_bars_are_met(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screen, "WARM", 0.5)
    await screen.main([name], SMALL)
    told = capsys.readouterr().out
    assert [words for words in WORDS[name] if words not in told] == []
    assert not [line for line in told.splitlines() if line.startswith((f"{name}:", "every receiver"))], told


def test_every_row_is_tried_here() -> None:
    assert set(WORDS) == set(screen.ROWS)


@pytest.mark.parametrize(("received", "whole"), [(30, True), (29, False), (31, False)])
def test_a_load_that_was_dropped_or_doubled_is_none_that_counts(received: int, whole: bool) -> None:
    assert Load(10, received, 3, 0.001, 0.002, 0.0, 0.1).is_whole is whole
