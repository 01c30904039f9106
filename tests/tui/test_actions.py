"""The list of actions that keys, palette, help and README are made from."""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.pilot import Pilot

import tui
import tui.panes
import tui.screens
import tui.ssh
import tui.widgets
from tests.tui.driving import ready, settled, unfound, until
from tests.tui.fakes import World
from tui.application.app import ActivityApp
from tui.look.preferences import Preferences
from tui.screens.asking import ConfirmScreen, CopyScreen
from tui.screens.leaving_screen import LeavingScreen
from tui.screens.secret_dialogs import SecretScreen
from tui.user_actions import slash_commands
from tui.user_actions.action_registry import key_names, markdown_table
from tui.user_actions.action_table import ACTIONS
from tui.user_actions.user_action import ActionScope


def test_every_action_has_an_id_of_its_own():
    assert [name for name, count in Counter(action.id for action in ACTIONS).items() if count > 1] == []


def test_no_key_means_two_things_in_one_place():
    for scope in get_args(ActionScope):
        keys = Counter(key for action in ACTIONS if action.scope == scope for key in action.keys.split(",") if key)
        assert [key for key, count in keys.items() if count > 1] == [], scope


def own_places() -> list[type[DOMNode]]:
    """Every application, screen and widget that is defined here."""
    for package in (tui, tui.panes, tui.screens, tui.ssh, tui.widgets):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name != "tui.__main__":
                importlib.import_module(module.name)
    found: set[type[DOMNode]] = set()
    waiting: list[type[DOMNode]] = [DOMNode]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.partition(".")[0] == "tui":
            found.add(kind)
    return sorted(found, key=lambda kind: kind.__qualname__)


def test_every_binding_of_ours_comes_from_the_list():
    known = {(action.id, action.call, key) for action in ACTIONS for key in action.keys.split(",")}
    bound = {
        (kind.__qualname__, binding.id, binding.action, key)
        for kind in own_places()
        for key, found in BindingsMap(kind.__dict__.get("BINDINGS", ())).key_to_bindings.items()
        for binding in found
    }
    assert {place for place, *_ in bound} >= {"Composer", "ConfirmScreen", "MainScreen", "RowView", "WelcomeScreen"}
    assert sorted(each for each in bound if each[1:] not in known) == []


def test_every_action_of_the_list_is_bound_somewhere_or_has_no_key():
    bound = {
        binding.id
        for kind in own_places()
        for found in BindingsMap(kind.__dict__.get("BINDINGS", ())).key_to_bindings.values()
        for binding in found
    }
    of_textual = {"application.palette"}
    assert {action.id for action in ACTIONS if action.keys} - of_textual == bound


def test_nobody_makes_bindings_of_their_own():
    folder = Path(tui.__file__).parent
    made = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Binding"
    }
    assert made == {"user_actions/action_registry.py"}


Opened = tuple[str, Callable[[ActivityApp], object]]

DIALOGS: list[Opened] = [
    ("ConfirmScreen", lambda app: app.push_screen(ConfirmScreen("", "", yes="yes", no="no"))),
    ("AskScreen", lambda app: app.main.action_ask_join()),
    ("CopyScreen", lambda app: app.push_screen(CopyScreen("", "", "what", ""))),
    ("InvitationScreen", lambda app: app.main.action_share()),
    ("ServerInvitationScreen", lambda app: app.main.action_invite_server()),
    ("HelpScreen", lambda app: app.action_show_help()),
    ("WelcomeScreen", lambda app: app.action_identity()),
    ("SecretScreen", lambda app: app.push_screen(SecretScreen("", "", "s3cret", "", kept=True))),
    ("ChangeSecretScreen", lambda app: app.action_change_secret()),
    ("LeavingScreen", lambda app: app.push_screen(LeavingScreen(app.model, ""))),
]


def on_top(app: ActivityApp, name: str) -> bool:
    return type(app.screen).__name__ == name and app.screen.is_mounted


async def every_place(pilot: Pilot[Any]) -> list[str]:
    """Go to every list, line and dialog; the bindings that lead nowhere there."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    lost = []
    for key in ("f2", "f3", "f4", "f5", "f6", "f7", "i"):
        await pilot.press(key)
        lost += unfound(app)
    for name, opened in DIALOGS:
        opened(app)
        await until(pilot, functools.partial(on_top, app, name))
        await pilot.pause()
        lost += unfound(app)
        app.screen.dismiss(None)
        await until(pilot, lambda: app.screen is app.main)
    return lost


async def test_every_binding_finds_its_action_wherever_the_keys_are():
    app = World().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert await every_place(pilot) == []


async def test_keys_of_the_line_and_of_questions_can_be_bound_anew():
    app = World().app(preferences=Preferences(keymap={"line.earlier": "ctrl+up", "question.choose": "f12"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"one", "enter", "ctrl+up")
        assert app.main.composer.value == "one"
        app.push_screen(ConfirmScreen("", "", yes="yes", no="no"))
        await until(pilot, lambda: app.focused is not None and app.focused.id == "no")
        await pilot.press("f12")
        assert app.focused is not None and app.focused.id == "yes"


def test_keys_are_written_as_people_write_them():
    assert key_names("f7,slash") == "F7 or /"
    assert key_names("ctrl+q") == "Ctrl+Q"
    assert key_names("G,end") == "G or End"


def test_the_table_for_the_readme_has_every_action():
    table = markdown_table()
    for action in ACTIONS:
        assert action.title in table and action.help in table


def test_commands_are_read_with_their_arguments():
    line = slash_commands.parse("/join  192.0.2.1:3780 ")
    assert line.command is slash_commands.BY_NAME["join"] and line.text == "192.0.2.1:3780"
    assert slash_commands.parse("/EXIT").command is slash_commands.BY_NAME["quit"]
    assert slash_commands.parse("//x").text == "/x"
    assert slash_commands.parse("hello / there").command is None
