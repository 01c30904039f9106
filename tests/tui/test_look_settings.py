"""How somebody likes the application: said in the configuration, or remembered from the last time."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

from tests.tui.driving import ready, until
from tui.cli.chosen_settings import ConfigFile, choose
from tui.cli.toml_places import KeyPlace
from tui.look.appearance import DEFAULT_THEME, THEMES
from tui.look.preferences import Preferences
from tui.own_screen.first_choices import first_preferences
from tui.own_screen.person_options import PersonOptions
from tui.remembered import look_settings
from tui.remembered.look_settings import LookSettings
from tui.script.exit_status import CommandFailed


def started(theme: str | None, remembered: LookSettings) -> str:
    """The theme that an application begins with."""
    return first_preferences(PersonOptions(None, None, theme), remembered).theme


async def test_what_is_changed_in_the_application_is_remembered(world, tmp_path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert look_settings.load(tmp_path) == LookSettings(), "nothing was chosen yet"
        await pilot.press("escape", "t")
        await until(pilot, lambda: look_settings.load(tmp_path) == LookSettings("textual-light", "mention"))
        await pilot.press("b")
        await until(pilot, lambda: look_settings.load(tmp_path) == LookSettings("textual-light", "all"))


def test_the_next_start_looks_as_the_last_one_did():
    assert started(None, LookSettings("nord")) == "nord"
    assert started(None, LookSettings()) == DEFAULT_THEME


def test_what_the_configuration_says_goes_before_what_is_remembered():
    assert started("dracula", LookSettings("nord")) == "dracula"


def test_a_theme_in_the_configuration_file_is_a_setting():
    chosen = choose({}, {}, ConfigFile(Path("config.toml"), True, {"theme": "nord"}))
    assert chosen.value("theme") == "nord"


def test_a_theme_that_is_not_there_is_refused_with_the_names_of_those_that_are():
    file = ConfigFile(Path("config.toml"), True, {"theme": "pink"}, {("theme",): KeyPlace(3, 1)})
    with pytest.raises(CommandFailed, match=r"config.toml:3:1.*theme.*textual-light"):
        choose({}, {}, file)


def test_the_themes_that_may_be_named_are_those_that_there_are():
    assert set(THEMES) == set(BUILTIN_THEMES)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"theme": 7}', b"\xff"])
def test_a_file_that_is_not_ours_is_as_good_as_none(tmp_path, content):
    (tmp_path / look_settings.FILE_NAME).write_bytes(content)
    assert look_settings.load(tmp_path) == LookSettings()


async def test_a_theme_that_textual_no_longer_has_is_the_usual_one(world):
    app = world.app(preferences=Preferences(theme="of-another-version"))
    async with app.run_test(size=(80, 24)):
        assert app.theme == DEFAULT_THEME


async def test_a_directory_that_cannot_be_written_is_told(world, tmp_path):
    (tmp_path / "file").write_text("")
    app = world.app(person_dir=tmp_path / "file")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("escape", "t")
        await until(pilot, lambda: any("could not be remembered" in one.message for one in app._notifications))
        assert app.theme == "textual-light"
