"""Every key can be another one: read from the configuration, told where it cannot be, and in force on the screen."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.architecture.rooms import ROOT
from tests.tui.driving import ready, screen_text, settled
from tui.look.preferences import Preferences
from tui.user_actions.action_table import ACTIONS
from tui.user_actions.keymap import key_of, read_keymap, usual_keys


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ctrl+X", "ctrl+x"),
        ("ctrl+x", "ctrl+x"),
        ("shift+CTRL+F5", "ctrl+shift+f5"),
        ("F12", "f12"),
        ("/", "slash"),
        ("?", "question_mark"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("g", "g"),
        ("G", "G"),
        ("é", "é"),
        ("PgDn", "pagedown"),
        ("Esc", "escape"),
        ("Space", "space"),
        ("\N{UPWARDS ARROW}", "up"),
    ],
)
def test_a_key_is_written_as_people_write_it(written, key):
    assert key_of(written) == key


@pytest.mark.parametrize("written", ["", "  ", 5, None, "F25", "strg+x", "Page Down", "gg", "\x1b"])
def test_what_is_no_key_is_said_to_be_none(written):
    with pytest.raises(ValueError, match="is no key"):
        key_of(written)


def test_the_usual_keys_are_written_as_they_can_be_read():
    found, problems = read_keymap(dict(usual_keys()))
    assert problems == []
    assert found == {action.id: action.keys for action in ACTIONS if action.keys}


def test_tables_within_each_other_say_the_same_as_ids_in_quotes():
    nested, _ = read_keymap({"feed": {"write": "a", "copy": ["c", "Ctrl+Y"]}})
    assert nested == read_keymap({"feed.write": "a", "feed.copy": ["c", "Ctrl+Y"]})[0]
    assert nested == {"feed.write": "a", "feed.copy": "c,ctrl+y"}


def test_an_action_that_there_is_not_is_told_with_one_that_may_be_meant():
    _, [problem] = read_keymap({"feed.writ": "a"})
    assert problem.action == "feed.writ" and "feed.write" in problem.sentence


def test_an_empty_list_is_no_key_and_said_to_be_none():
    found, [problem] = read_keymap({"application.quit": []})
    assert found == {} and "[] is no key" in problem.sentence


def test_two_actions_in_one_place_cannot_have_one_key_and_the_other_one_is_named():
    for table, other in (
        ({"feed.write": "t"}, "application.theme"),
        ({"feed.write": "a", "pane.zoom": "a"}, "pane.zoom"),
    ):
        _, [problem] = read_keymap(table)
        assert other in problem.sentence or other == problem.action


def test_a_key_that_the_other_action_gives_up_is_free():
    found, problems = read_keymap({"feed.write": "t", "application.theme": "i"})
    assert (found, problems) == ({"feed.write": "t", "application.theme": "i"}, [])


def test_a_key_in_a_question_may_be_another_one_on_the_panes():
    assert read_keymap({"question.choose": "i"})[1] == []


def test_no_key_that_types_something_is_taken_while_one_writes():
    for identifier in ("application.quit", "application.interrupt", "line.earlier"):
        _, [problem] = read_keymap({identifier: "a"})
        assert "while one writes" in problem.sentence


def test_the_keys_of_the_readme_can_be_had():
    [block] = re.findall(r"```toml\n(\[keys\]\n.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    keymap, problems = read_keymap(tomllib.loads(block)["keys"])
    assert (len(keymap), problems) == (2, [])


# --- on the screen ----------------------------------------------------------------------------------------------------


def with_keys(**keys: str) -> Preferences:
    found, problems = read_keymap({name.replace("__", "."): key for name, key in keys.items()})
    assert problems == []
    return Preferences(keymap=found)


async def test_the_new_key_does_it_and_the_old_one_does_not(world):
    app = world.app(preferences=with_keys(feed__write="a", application__theme="ctrl+t"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        before = app.theme
        await pilot.press("i", "t")
        assert app.focused is app.main.feed and app.theme == before
        await pilot.press("ctrl+t")
        assert app.theme != before
        await pilot.press("a")
        assert app.focused is app.main.composer


async def test_what_textual_binds_itself_has_another_key_too(world):
    app = world.app(preferences=with_keys(application__palette="f12", pane__next="f11"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f12")
        await settled(pilot)
        assert type(app.screen).__name__ == "CommandPalette"
        await pilot.press("escape")
        await settled(pilot)
        before = app.focused
        await pilot.press("f11")
        assert app.focused is not before


async def test_the_help_and_the_line_at_the_bottom_name_the_new_keys(world):
    app = world.app(preferences=with_keys(feed__filter="F12"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert "F12Filter" in screen_text(app).replace(" ", "")
        await pilot.press("f1")
        await settled(pilot)
        assert "F7" not in screen_text(app)
