"""What was measured is held against its bar round by round, and what could not be measured says why."""

from __future__ import annotations

import pytest

from tests.benchmarks import report
from tests.benchmarks.bars import (
    FAILED,
    LEFT_OUT,
    MET,
    NO_BAR,
    NOT_MET,
    WISHED,
    Bar,
    Line,
    Spread,
    amount,
)
from tests.benchmarks.rows import at_most, recorded, row
from tests.benchmarks.trials import Results
from tests.benchmarks.verdicts import Judge, Side, pick

FACTOR = Bar(2, " ×", 3)
OURS, THEIRS = Side("ours", "ours full", pick("rate"), "/s"), Side("nats", "nats full", pick("rate"), "/s")
JUDGE = Judge("deliveries", OURS, FACTOR, THEIRS)


def results(ours: list[float], theirs: list[float]) -> Results:
    found = Results()
    for name, rates in (("ours full", ours), ("nats full", theirs)):
        for rate in rates:
            found.note(name, {"complete": True, "rate": rate})
    return found


def title(measured: str) -> str:
    return measured.partition(" ")[0]


@pytest.mark.parametrize(
    ("ours", "verdict"), [([300.0], WISHED), ([299.0], MET), ([200.0], MET), ([199.0], NOT_MET), ([0.0], NOT_MET)]
)
def test_a_bar_is_met_at_its_limit_and_wished_beyond_it(ours: list[float], verdict: str) -> None:
    assert JUDGE.judge(results(ours, [100.0]), title).verdict == verdict


@pytest.mark.parametrize(("found", "verdict"), [(20.0, WISHED), (21.0, MET), (40.0, MET), (40.1, NOT_MET)])
def test_a_bar_may_be_what_is_allowed_at_most(found: float, verdict: str) -> None:
    judge = Judge("late", OURS, Bar(40, " ms", 20, at_most=True))
    assert judge.judge(results([found], []), title).verdict == verdict


def test_each_round_is_compared_with_itself_and_the_median_counts() -> None:
    # The machine was busy in the second round: both were slow.
    line = JUDGE.judge(results([500.0, 50.0, 400.0], [200.0, 20.0, 100.0]), title)
    assert line.spread == Spread((2.5, 2.5, 4.0)) and line.spread.median == 2.5
    assert line.spread.told(" ×") == "2.50 × (2.50 to 4.00)"
    assert line.beside == ("ours 400/s (50.0 to 500)", "nats 100/s (20.0 to 200)")


def test_a_figure_without_a_bar_has_no_verdict() -> None:
    assert Judge("memory", OURS).judge(results([5.0], []), title).verdict == NO_BAR


@pytest.mark.parametrize("whose", ["ours full", "nats full"])
def test_one_run_in_which_something_was_lost_fails_the_line(whose: str) -> None:
    found = results([500.0], [100.0])
    for name in ("ours full", "nats full"):
        found.note(name, {"complete": name != whose, "rate": 500.0, "lost": 3})
    line = JUDGE.judge(found, title)
    assert (line.verdict, line.spread) == (FAILED, None)
    assert line.why == f"{title(whose).replace('nats full', 'nats')}: 3 lost"


def test_what_is_not_installed_is_left_out_with_a_sentence() -> None:
    found = results([500.0], [])
    found.left_out["nats"] = "nats-server is not installed"
    line = JUDGE.judge(found, title)
    assert (line.verdict, line.why) == (LEFT_OUT, "nats-server is not installed")


def test_something_that_did_nothing_is_infinitely_slower() -> None:
    line = JUDGE.judge(results([5.0], [0.0]), title)
    assert line.spread is not None and line.spread.median == float("inf") and line.verdict == WISHED


@pytest.mark.parametrize(
    ("bar", "figure", "score"),
    [(Bar(2), 3, 1.5), (Bar(2), 1, 0.5), (Bar(2, at_most=True), 1, 2.0), (Bar(2, at_most=True), 8, 0.25)],
)
def test_a_score_is_more_than_one_where_the_bar_is_met(bar: Bar, figure: float, score: float) -> None:
    assert bar.score(figure) == score


def test_a_figure_of_nothing_is_far_better_than_what_is_allowed_at_most() -> None:
    assert Bar(2, at_most=True).score(0) == float("inf")


@pytest.mark.parametrize(
    ("number", "told"),
    [(2_514_000, "2.51 M"), (12_400_000, "12.4 M"), (99_100, "99.1 k"), (8_300, "8,300"), (598, "598"),
     (15.04, "15.0"), (0.372, "0.37"), (0, "0.00"), (-1.5, "-1.50")],
)  # fmt: skip
def test_numbers_have_three_figures_that_count(number: float, told: str) -> None:
    assert amount(number) == told


def test_a_bar_says_what_it_asks_for() -> None:
    assert str(Bar(2, " ×", 3)) == "≥ 2 ×, wished 3 ×"
    assert str(Bar(3.4, " kB", at_most=True)) == "≤ 3.4 kB"
    assert str(Bar(1, told="one or the other")) == "one or the other"
    assert Line("what").verdict == FAILED


def test_rows_that_are_printed_are_lines_of_the_table_too(capsys: pytest.CaptureFixture[str]) -> None:
    at_most("before", 1, 2, "ms")
    with recorded() as lines:
        at_most("a key", 21.0, 20.0, "ms")
        row("catching up", "120,000 a second", "100,000", met=True)
        row("by the way", "7 MB", "", met=None)
    row("after", "1", "", met=None)
    assert [(line.what, line.verdict) for line in lines] == [
        ("a key", NOT_MET), ("catching up", MET), ("by the way", NO_BAR),
    ]  # fmt: skip
    assert [report.compared(line) for line in lines] == ["21.0 ms", "120,000 a second", "7 MB"]
    assert "a key: 21.0 ms (bar 20 ms): MISSED" in capsys.readouterr().out
