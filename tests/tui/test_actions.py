"""The list of actions that keys, palette, help and README are made from."""

from __future__ import annotations

from collections import Counter

from textual.binding import BindingsMap

from tui import commands
from tui.actions import ACTIONS, bindings, key_names, markdown_table
from tui.app import ActivityApp
from tui.panes.connections import ConnectionsView
from tui.screens.main import MainScreen
from tui.widgets.rows import RowView


def test_every_action_has_an_id_of_its_own():
    assert [name for name, count in Counter(action.id for action in ACTIONS).items() if count > 1] == []


def test_no_key_means_two_things_in_one_place():
    for scope in ("application", "panes", "rows", "connections"):
        keys = Counter(key for action in ACTIONS if action.scope == scope for key in action.keys.split(",") if key)
        assert [key for key, count in keys.items() if count > 1] == [], scope


def test_every_action_is_found_where_its_keys_work():
    places = {"application": ActivityApp, "panes": MainScreen, "rows": RowView, "connections": ConnectionsView}
    for action in ACTIONS:
        name = action.call.partition("(")[0]
        place = places[action.scope]
        if name.startswith("screen."):
            name, place = name.removeprefix("screen."), MainScreen
        elif action.id in ("pane.next", "pane.previous"):
            place = ActivityApp
        assert hasattr(place, f"action_{name}"), action.id


def test_the_bindings_carry_the_ids_by_which_they_are_rebound():
    known = {action.id for action in ACTIONS}
    for scope in ("application", "panes", "rows", "connections"):
        for found in BindingsMap(bindings(scope)).key_to_bindings.values():
            assert all(binding.id in known for binding in found)


def test_keys_are_written_as_people_write_them():
    assert key_names("f7,slash") == "F7 or /"
    assert key_names("ctrl+q") == "Ctrl+Q"
    assert key_names("G,end") == "G or End"


def test_the_table_for_the_readme_has_every_action():
    table = markdown_table()
    for action in ACTIONS:
        assert action.title in table and action.help in table


def test_commands_are_read_with_their_arguments():
    line = commands.parse("/join  192.0.2.1:3780 ")
    assert line.command is commands.BY_NAME["join"] and line.text == "192.0.2.1:3780"
    assert commands.parse("/EXIT").command is commands.BY_NAME["quit"]
    assert commands.parse("//x").text == "/x"
    assert commands.parse("hello / there").command is None
