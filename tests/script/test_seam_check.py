"""The verdicts of a check, from what readers were sent: right whatever a server does, and wherever the seam lies."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from core.wire import EntryId, Stream
from tui.script.seam_check import ANSWERED, DROPPED, ORDER, SEAM, TWICE, WRITTEN, judged
from tui.script.sightings import Mark, ReaderKind, ReaderRecord, Sighting, Visit, WrittenRecord

HERE = Stream("n" * 12, 1)
POSTS = 12


def accepted(posts: int = POSTS) -> WrittenRecord:
    """One writer whose posts were all accepted."""
    return WrittenRecord([["accepted"] * posts])


def sighting(number: int, *, live: bool, seq: int | None = None) -> Sighting:
    return Sighting(Mark(1, number), live, EntryId(HERE.node, HERE.incarnation, number if seq is None else seq))


def visit(
    past: Sequence[int], live: Sequence[int], *, seen: int | None = 0, floor: int = 0, native: bool = True
) -> Visit:
    """A login that said that the reader has `seen`, was sent numbers before and after the seam, and had time."""
    return Visit(
        native,
        [floor],
        None if seen is None else {HERE: seen},
        asked=seen is not None,
        sightings=[*(sighting(one, live=False) for one in past), *(sighting(one, live=True) for one in live)],
        caught_up=True,
        ceiling=[POSTS],
    )


def broken(*visits: Visit, kind: ReaderKind = "returns", written: WrittenRecord | None = None) -> set[str]:
    reader = ReaderRecord("reader 1", kind, list(visits))
    return {verdict.name for verdict in judged(written or accepted(), [reader]) if verdict.holds is False}


def upto(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def test_a_login_that_brings_everything_once_and_in_order_is_right() -> None:
    assert broken(visit(upto(1, 5), upto(6, 12))) == set()


def test_logins_that_go_on_from_one_another_make_one_whole() -> None:
    first = visit([], upto(1, 5))
    first.ceiling = None
    assert broken(first, visit(upto(6, 9), upto(10, 12), seen=5)) == set()
    assert broken(first, visit(upto(7, 9), upto(10, 12), seen=5)) == {DROPPED, SEAM}


def test_what_is_missing_between_past_and_live_is_missing_at_the_seam() -> None:
    assert broken(visit(upto(1, 5), upto(7, 12))) == {DROPPED, SEAM}


def test_what_is_missing_in_the_midst_of_the_past_is_not() -> None:
    assert broken(visit([1, 2, 4, 5], upto(6, 12))) == {DROPPED}


def test_what_is_missing_at_the_end_is_missing_if_there_was_time() -> None:
    late = visit(upto(1, 5), upto(6, 11))
    assert broken(late) == {DROPPED}
    late.ceiling = None
    assert broken(late) == set()


def test_what_comes_on_both_sides_comes_twice_at_the_seam() -> None:
    assert broken(visit(upto(1, 5), upto(5, 12))) == {TWICE, SEAM}


def test_what_comes_after_what_it_precedes_is_out_of_order_at_the_seam_where_that_parts_them() -> None:
    assert broken(visit([1, 2, 3, 4, 6], [5, *upto(7, 12)])) == {ORDER, SEAM}
    assert broken(visit([1, 2, 3, 4], [6, 5, *upto(7, 12)])) == {ORDER, SEAM}
    assert broken(visit([2, 1, 3, 4], upto(5, 12))) == {ORDER}


def test_what_a_login_said_that_the_reader_has_may_not_come_again() -> None:
    first = visit([], upto(1, 5))
    first.ceiling = None
    assert broken(first, visit(upto(5, 9), upto(10, 12), seen=5)) == {TWICE, SEAM}


def test_what_a_login_could_not_name_may_come_again() -> None:
    """A vector cannot say what lies behind a gap, which a change of somebody's account is, too."""
    first = visit([], [1, 2, 3, 5])
    first.ceiling = None
    records = [ReaderRecord("reader 1", "returns", [first, visit([4, 5, 6], upto(7, 12), seen=3)])]
    verdicts = {verdict.name: verdict for verdict in judged(accepted(), records)}
    assert verdicts[TWICE].holds
    assert "1 came once more" in verdicts[TWICE].remark


def test_a_second_identity_does_not_excuse_a_repetition() -> None:
    twice = visit([], upto(1, 12))
    twice.sightings.append(sighting(3, live=True, seq=99))
    assert broken(twice) == {TWICE}


def test_what_was_sent_before_a_first_login_need_not_come() -> None:
    assert broken(visit([], upto(4, 12), seen=None, floor=3)) == set()
    assert broken(visit([], upto(5, 12), seen=None, floor=3)) == {DROPPED}


def test_history_may_begin_anywhere_and_has_no_gap_from_there_on() -> None:
    assert broken(visit(upto(4, 6), upto(7, 12), seen=None, floor=8), kind="new") == set()
    assert broken(visit(upto(4, 6), upto(8, 12), seen=None, floor=8), kind="new") == {DROPPED, SEAM}


def test_logins_at_a_base_server_are_looked_at_one_by_one() -> None:
    first, second = visit([], upto(1, 4), seen=None, native=False), visit([], upto(8, 12), floor=7, native=False)
    first.ceiling = None
    assert broken(first, second) == set()
    second.sightings.pop(1)
    assert broken(first, second) == {DROPPED}


def test_what_was_not_accepted_need_not_come_and_what_was_refused_may_not() -> None:
    written = WrittenRecord([["accepted", "refused", "unknown", "unknown", "accepted"]], {"no": 1})
    assert broken(visit([1, 3], [5]), written=written) == set()
    assert broken(visit([1, 2, 3], [5]), written=written) == {WRITTEN}


def test_what_nobody_posted_is_told() -> None:
    assert broken(visit(upto(1, 5), upto(6, 13))) == {WRITTEN}


def test_a_post_without_an_answer_is_told() -> None:
    written = WrittenRecord([["accepted", "waiting"]])
    assert broken(visit([], [1]), written=written) == {ANSWERED}


def test_with_nothing_to_look_at_nothing_holds_and_nothing_is_broken() -> None:
    verdicts = judged(WrittenRecord([[]]), [ReaderRecord("reader 1", "stays", [])])
    assert [verdict.holds for verdict in verdicts] == [None] * 6


@given(st.integers(0, POSTS), st.integers(1, POSTS), st.sampled_from(["drop", "double", "swap"]), st.integers(1, POSTS))
def test_a_single_fault_is_found_wherever_it_lies_and_wherever_the_seam_does(
    seam: int, at: int, fault: str, copy_to: int
) -> None:
    numbers = upto(1, POSTS)
    if fault == "drop":
        numbers.remove(at)
    elif fault == "double":
        numbers.insert(at + copy_to % (POSTS - at + 1), at)
    elif at < POSTS:
        numbers[at - 1], numbers[at] = numbers[at], numbers[at - 1]
    else:
        return
    found = broken(visit(numbers[:seam], numbers[seam:]))
    expected = {"drop": DROPPED, "double": TWICE, "swap": ORDER}[fault]
    # What comes twice stands out of order, too: that is one fault, and told once.
    assert found - {SEAM} == {expected}
