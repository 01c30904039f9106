"""The command palette: every word by which somebody may look for a thing, and first what they use."""

from __future__ import annotations

import pytest
from textual.command import Command, CommandList
from textual.fuzzy import Matcher

from tests.tui.driving import ready, settled, until
from tui.look.preferences import Preferences
from tui.remembered import look_settings
from tui.user_actions.action_table import ACTIONS
from tui.user_actions.palette_search import PaletteEntry, after_use, by_use, ranked
from tui.user_actions.synonyms import SYNONYMS

ENTRIES = [
    PaletteEntry("network.share", "How others join", "", lambda: None, "invite, share"),
    PaletteEntry("network.join", "Join a network", "", lambda: None, "connect"),
    PaletteEntry("feed.write", "Write", "", lambda: None, "post"),
]


def found(words: str, used: tuple[str, ...] = ()) -> list[str]:
    return [entry.id for _, entry in ranked(ENTRIES, Matcher(words).match, used)]


def test_an_action_is_found_by_another_word_for_it():
    assert found("invite") == ["network.share"]
    assert found("post")[0] == "feed.write"


def test_what_was_used_comes_first_among_what_matches_as_well_and_never_before_what_matches_better():
    twins = [PaletteEntry(name, "Show", "", lambda: None) for name in ("one", "two")]
    assert [entry.id for _, entry in ranked(twins, Matcher("show").match, ("two",))] == ["two", "one"]
    assert found("write", ("network.share", "network.join"))[0] == "feed.write"


def test_without_words_what_was_used_last_comes_first_and_the_rest_stays_as_it_was():
    used = after_use(after_use((), "feed.write"), "network.join")
    assert [entry.id for entry in by_use(ENTRIES, used)] == ["network.join", "feed.write", "network.share"]


def test_only_so_much_of_what_was_used_is_remembered():
    used: tuple[str, ...] = ()
    for number in range(100):
        used = after_use(used, str(number))
    assert len(used) == 30 and used[0] == "99"


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("jump", "feed.go"),
        ("goto", "feed.go"),
        ("mention", "feed.mentions"),
        ("inbox", "feed.mentions"),
        ("unseen", "feed.next_unread"),
        ("mark as read", "feed.read_all"),
        ("url", "feed.open_link"),
        ("ignore", "feed.mute"),
        ("hashtag", "feed.tag"),
        ("delete", "network.order"),
    ],
)
def test_people_find_an_action_by_the_word_that_other_programs_have_for_it(word: str, action: str):
    entries = [
        PaletteEntry(one.id, one.title, one.help, lambda: None, SYNONYMS.get(one.id, ""))
        for one in ACTIONS
        if one.palette
    ]
    assert action in [entry.id for _, entry in ranked(entries, Matcher(word).match, ())][:2]


def test_every_action_of_the_feed_and_the_network_is_found_by_other_words():
    assert {one.id for one in ACTIONS if one.palette and one.group in ("Feed", "Network")} <= set(SYNONYMS) | {
        "feed.leave"
    }


def test_other_words_are_those_of_actions_that_there_are():
    assert set(SYNONYMS) <= {action.id for action in ACTIONS if action.palette}


# --- on the screen ----------------------------------------------------------------------------------------------------


def offered(app) -> list[str]:
    commands = app.screen.query_one(CommandList)
    options = [commands.get_option_at_index(place) for place in range(commands.option_count)]
    return [str(option.hit.text) for option in options if isinstance(option, Command)]


@pytest.mark.parametrize(("words", "title"), [("invite", "How others join"), ("nick", "Log in as somebody else")])
async def test_a_word_that_no_title_has_finds_what_is_meant(world, words, title):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await settled(pilot)
        await pilot.press(*words)
        await until(pilot, lambda: any(one.startswith(title) for one in offered(app)[:2]))


async def test_what_was_chosen_stands_first_the_next_time_and_after_a_restart(world, tmp_path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await settled(pilot)
        await pilot.press(*"zoom")
        await until(pilot, lambda: offered(app)[:1] == ["Zoom this pane"])
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: offered(app)[:1] == ["Zoom this pane"])
        await until(pilot, lambda: look_settings.load(tmp_path).used == ("pane.zoom",))


async def test_what_was_used_before_is_handed_to_an_application(world):
    app = world.app(preferences=Preferences(used_actions=("network.backup",)))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: len(offered(app)) > 5)
        assert ("Back up now" in offered(app)[:1]) == app.model.owns_node
