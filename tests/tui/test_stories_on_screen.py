"""Stories in the events: what a server has noted is told there as it happens, and Enter tells all of it."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
from msgspec.structs import replace

from core.node.interface.notices import Notice, noted
from core.stories import ServerName, Stories, line_text, public
from tests.stories.noted import BEGIN, BERGEN, LUND, OSLO, TROMSO, Noting, only
from tests.stories.test_stories import crash
from tui.model.client_model import ClientModel
from tui.panes.events_pane import EventsView
from tui.ssh.applications.read_only_node import public_notice
from tui.text.ladder import ladder
from tui.text.story_text import as_json, mood_of, page_of, report, stories_since

SECONDS = BEGIN / 1_000_000
LATER = SECONDS + 60.0


@pytest.fixture
def model() -> ClientModel:
    return ClientModel(lambda *_: None, clock=lambda: LATER)  # type: ignore[arg-type]


def shown(model: ClientModel) -> list[str]:
    view = EventsView(model, zone=UTC)
    return [view.row_copy(index) or "" for index in range(view.row_count())]


def test_a_story_is_one_event_however_many_lines_it_has(model: ClientModel) -> None:
    for line in crash().lines:
        model.noticed(noted(line))
    (event,) = shown(model)
    assert event.startswith("2023-11-14 22:13:30 tromso crashed (its connection broke")
    assert "The spare link oslo\N{EN DASH}bergen took over after 0.2 s." in event
    assert event.endswith("Nothing that the 3 servers in reach have is missing here.")


def test_what_a_story_tells_is_not_told_once_more(model: ClientModel) -> None:
    for line in crash().lines:
        model.noticed(noted(line))
    model.noticed(
        Notice(SECONDS, "unlinked", "the link with tromso is gone", "warning", server=TROMSO.id, in_story=True)
    )
    model.noticed(Notice(SECONDS, "lost", "tromso: not reachable any more", "error", server=TROMSO.id, in_story=True))
    model.noticed(Notice(SECONDS + 50.0, "backup", "a backup was written", "good"))
    assert [event[20:36] for event in shown(model)] == ["tromso crashed (", "a backup was wri"]


def test_where_nobody_notes_stories_notices_are_told_as_before(model: ClientModel) -> None:
    lost = Notice(SECONDS, "lost", "tromso: not reachable any more", "error", server=TROMSO.id, in_story=True)
    model.noticed(lost)
    assert shown(model) == ["2023-11-14 22:13:20 tromso: not reachable any more"]


def test_stories_and_notices_stand_in_the_order_in_which_they_began(model: ClientModel) -> None:
    model.noticed(noted(Noting().note(0.0, "started", OSLO).lines[0]))
    model.noticed(Notice(SECONDS + 1.0, "backup", "a backup was written"))
    model.noticed(noted(Noting().servers(30.0, "lost", TROMSO).lines[0]))
    model.noticed(Notice(SECONDS + 31.0, "backup", "another one"))
    assert [event.split()[2] for event in shown(model)] == ["oslo", "a", "tromso", "another"]


def test_a_growing_story_stays_where_it_is_and_is_known_by_one_key(model: ClientModel) -> None:
    view = EventsView(model, zone=UTC)
    lines = crash().lines
    model.noticed(noted(lines[0]))
    key, version = view.row_key(0), view.row_version(0)
    for line in lines[1:]:
        model.noticed(noted(line))
    assert view.row_index(key) == 0
    assert view.row_version(0) != version


def test_enter_tells_the_sentences_the_ladder_and_each_line_with_its_witness() -> None:
    page = page_of(only(crash()), LATER, UTC, 100)
    assert page.startswith("tromso crashed")
    assert "Began  2023-11-14 22:13:30" in page and "Seen   by oslo, in 8 lines" in page
    assert "22:13:30.200  oslo: tree: gone: tromso\N{EN DASH}bergen; taken: spare oslo\N{EN DASH}bergen" in page
    assert "+0.9 s" in page


def test_a_ladder_draws_what_went_on_between_servers() -> None:
    rows = ladder(crash().lines, 100)
    assert rows[0].split() == ["oslo", "tromso", "bergen", "lund"]
    broken, taken, moved = rows[1], rows[5], rows[7]
    assert "\N{MULTIPLICATION SIGN}" in broken and broken.endswith("link with tromso lost: the connection broke")
    assert taken.count("\N{BOX DRAWINGS DOUBLE HORIZONTAL}") > 10 and taken.startswith("+0.2 s")
    assert "\N{BLACK RIGHT-POINTING TRIANGLE}" in moved and "Dora" in moved


@pytest.mark.parametrize("width", range(1, 140, 7))
def test_a_ladder_is_never_wider_than_there_is_room(width: int) -> None:
    assert all(len(row) <= width for row in ladder(crash().lines, width))


def test_a_ladder_needs_two_servers() -> None:
    assert ladder(Noting().note(0.0, "disk fails").lines, 100) == []


def test_how_bad_it_is_shows_while_it_happens_and_once_it_is_over() -> None:
    happening = only(Noting().servers(0.0, "lost", TROMSO))
    healed = only(Noting().servers(0.0, "lost", TROMSO).servers(2.0, "back", TROMSO).note(4.0, "whole", count=3))
    assert mood_of(happening, SECONDS + 1.0) == "error"
    assert mood_of(only(crash()), LATER) == "warning"
    assert mood_of(healed, LATER) == "good"


def test_names_that_others_chose_are_harmless(model: ClientModel) -> None:
    evil = LUND.__class__("llllll", "lund\x1b[31m[bold]\u202e")
    for line in Noting().servers(1.0, "lost", evil).note(3.0, "whole", count=2).lines:
        model.noticed(noted(line))
    page = EventsView(model, zone=UTC).row_detail(0)
    assert "\x1b" not in page and "\u202e" not in page


def test_people_over_ssh_are_told_servers_and_names_and_no_address() -> None:
    line = Noting().note(0.0, "refused", BERGEN, remark="192.0.2.7:3780 shows another key").lines[0]
    told = public_notice(noted(line))
    assert told is not None and told.line is not None
    assert "192.0.2.7" not in line_text(told.line) and "bergen" in line_text(told.line)
    assert told.line == public(line)


def test_since_takes_what_still_went_on_then() -> None:
    lines = [*Noting().servers(0.0, "lost", TROMSO).lines, *Noting().servers(400.0, "lost", LUND).lines]
    assert len(stories_since(lines, None)) == 2
    assert [one.missing[0].party for one in stories_since(lines, SECONDS + 300.0)] == [LUND]


def test_commands_print_each_incident_as_one_line_or_one_object() -> None:
    incidents = list(Stories(crash().lines))
    (text,) = report(incidents, LATER, UTC)
    assert text.startswith("2023-11-14 22:13:30 tromso crashed") and "\n" not in text
    (whole,) = as_json(incidents, LATER)
    assert '"kind":"outage"' in whole and '"remark"' not in whole and '"kind":"link lost"' in whole


def test_no_name_reaches_a_terminal_as_it_is_in_an_object() -> None:
    evil = ServerName(TROMSO.id, "tro\x9b31mmso\u2028\x7f")
    lines = [replace(line, about=evil) if line.about == TROMSO else line for line in crash().lines]
    (whole,) = as_json(Stories(lines), LATER)
    assert whole.isascii() and whole.isprintable()
    assert json.loads(whole)["lines"][0]["about"] == [evil.id, evil.name]
