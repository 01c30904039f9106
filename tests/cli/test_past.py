"""What `tail --since` counts from."""

from __future__ import annotations

import time

import pytest

from tui.script.exit_status import CommandFailed
from tui.script.tail_command import HISTORY_MAX, since

SECOND = 1_000_000


def test_ten_minutes_are_counted_by_the_clock_that_dates_the_activities() -> None:
    past = since("10m")
    past.begin(7_000 * SECOND)
    assert past.history == HISTORY_MAX
    assert past.includes(6_400 * SECOND) and not past.includes(6_399 * SECOND)


def test_ten_minutes_are_counted_by_this_machine_where_the_server_tells_no_time() -> None:
    past = since("10m")
    past.begin(None)
    now = time.time()
    assert past.includes(int((now - 500) * SECOND)) and not past.includes(int((now - 700) * SECOND))


def test_a_number_is_so_many_activities_of_any_age() -> None:
    past = since("3")
    past.begin(7_000 * SECOND)
    assert past.history == 3 and past.includes(1)


def test_without_since_there_is_no_past() -> None:
    assert since(None).history == 0


@pytest.mark.parametrize("text", ["10 parsecs", "-3", "", "99999999"])
def test_what_is_neither_a_number_nor_a_time_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed):
        since(text)
