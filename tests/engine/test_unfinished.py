"""Lines that never end."""

from __future__ import annotations

from dataclasses import dataclass

from core.engine.arrivals.unfinished import Unfinished


@dataclass(eq=False)
class Holder:
    share: str
    named: bool = False


def test_nothing_is_cut_below_the_bound() -> None:
    unfinished: Unfinished[Holder] = Unfinished(100)
    assert not unfinished.note(Holder("a"), 100)


def test_the_oldest_lines_of_the_address_with_most_are_cut() -> None:
    unfinished: Unfinished[Holder] = Unfinished(100)
    honest = [Holder("b"), Holder("c")]
    flood = [Holder("a") for _ in range(8)]
    for one in honest:
        unfinished.note(one, 15)
    over = [unfinished.note(one, 10) for one in flood]
    assert over == [False] * 7 + [True]
    cut = unfinished.to_cut()
    assert cut == flood[:4], "down to three quarters"


def test_lines_of_people_with_an_account_go_last() -> None:
    unfinished: Unfinished[Holder] = Unfinished(100)
    ann, mallory = Holder("home", named=True), Holder("elsewhere")
    unfinished.note(ann, 80)
    unfinished.note(mallory, 30)
    assert unfinished.to_cut()[0] is mallory


def test_a_line_that_ends_or_whose_connection_goes_holds_nothing() -> None:
    unfinished: Unfinished[Holder] = Unfinished(100)
    one, other = Holder("a"), Holder("a")
    for size in (10, 50, 20):
        unfinished.note(one, size)
    unfinished.note(other, 5)
    assert unfinished.total == 25
    unfinished.note(one, 0)
    unfinished.note(other, 0)
    assert unfinished.total == 0
    assert not unfinished._held
    assert not unfinished._of_share
