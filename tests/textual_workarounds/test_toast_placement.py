"""Short notices cover no line that somebody writes in."""

from __future__ import annotations

from itertools import product

import pytest
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.widgets._toast import Toast

from tests.tui.driving import ready, settled, until, welcomed
from tui.application.app import ActivityApp
from tui.textual_workarounds.toast_placement import free_rows

SIZES = [(80, 24), (120, 40), (200, 50), (60, 20), (40, 12), (30, 9)]
TEXTS = (
    "Copied.",
    "A backup was written to /var/lib/activity-tui/backups/backup-20261128.db",
    "You are bob~aa now " * 5,
)


def toasts(app: ActivityApp) -> list[Region]:
    return [each.region for each in app.screen.query(Toast)]


def on_top(app: ActivityApp, cells: Region) -> set[Widget]:
    """What is seen in these cells."""
    seen = cells.intersection(app.screen.region)
    return {app.screen.get_widget_at(x, y)[0] for x, y in product(seen.column_range, seen.line_range)}


def covered(app: ActivityApp) -> bool:
    fields = [
        each for kind in (Input, TextArea) for each in app.screen.query(kind) if each.display and each.is_on_screen
    ]
    assert fields
    return any(isinstance(seen, Toast) for each in fields for seen in on_top(app, each.region))


def notify(app: ActivityApp) -> None:
    for text in TEXTS:
        app.notify(text, title="A title", markup=False, timeout=60)


def shown(app: ActivityApp) -> bool:
    found = app.screen.query(Toast)
    return len(found) == len(TEXTS) and any(each in on_top(app, each.region) for each in found)


@pytest.mark.parametrize("size", SIZES)
async def test_the_line_one_writes_in_stays_free(world, size):
    app = world.app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await ready(pilot)
        notify(app)
        await until(pilot, lambda: shown(app) and not covered(app))
        await settled(pilot)
        assert not covered(app)
        assert all(each.x >= 0 and each.right <= app.size.width for each in toasts(app))


async def test_the_filter_stays_free_as_well_when_it_is_opened_under_them(world):
    app = world.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        notify(app)
        await until(pilot, lambda: shown(app))
        await pilot.press("f7")
        await until(pilot, lambda: app.focused is app.main.filter_input and not covered(app))
        assert shown(app)


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 12)])
async def test_the_fields_of_a_dialog_stay_free(world, size):
    app = world.app(first=None)
    async with app.run_test(size=size, notifications=True) as pilot:
        await welcomed(pilot)
        notify(app)
        await until(pilot, lambda: shown(app) and not covered(app))
        await pilot.press(*"zoe", "enter")
        await settled(pilot)
        assert not covered(app)


async def test_they_move_when_the_window_changes(world):
    app = world.app()
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await ready(pilot)
        notify(app)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: shown(app) and not covered(app))


def test_the_tallest_stretch_without_a_field_is_taken():
    assert free_rows(24, 3, [Region(0, 21, 80, 1)]) == (3, 18)
    assert free_rows(24, 3, [Region(0, 4, 80, 1), Region(0, 21, 80, 1)]) == (5, 16)
    assert free_rows(10, 0, [Region(0, 2, 80, 3)]) == (5, 5)
    assert free_rows(10, 0, []) == (0, 10)


def test_where_there_is_no_row_left_one_at_the_top_is_taken():
    assert free_rows(2, 1, [Region(0, 1, 80, 1)]) == (0, 1)
