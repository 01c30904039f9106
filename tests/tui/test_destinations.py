"""Where in the past somebody wants to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tui.text.destinations import destination

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 22, 1, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=ZONE)),
        ("2026-03", datetime(2026, 3, 1, tzinfo=ZONE)),
        ("2026-03-01 14:30", datetime(2026, 3, 1, 14, 30, tzinfo=ZONE)),
        ("2026-03-01T14:30:05Z", datetime(2026, 3, 1, 14, 30, 5, tzinfo=UTC)),
        (" 14:05 ", datetime(2026, 11, 22, 14, 5, tzinfo=ZONE)),
        ("today", datetime(2026, 11, 22, tzinfo=ZONE)),
        ("Yesterday", datetime(2026, 11, 21, tzinfo=ZONE)),
        ("3d", NOW - timedelta(days=3)),
        ("90m", NOW - timedelta(minutes=90)),
    ],
)
def test_it_is_written_as_people_write_moments(text: str, meant: datetime) -> None:
    assert destination(text, NOW.timestamp(), ZONE) == int(meant.timestamp()) * 1_000_000


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "25:00", "12:77", "3 days", "1e9", "-5d"])
def test_what_is_none_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment: write a date"):
        destination(text, NOW.timestamp(), ZONE)
