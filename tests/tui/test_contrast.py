"""What is written can be read on what it stands on."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tests.tui.driving import ready, settled
from tui.look.appearance import THEMES
from tui.look.contrast import CONTRAST, ratio, readable
from tui.look.preferences import Preferences
from tui.widgets.key_bar import KeyBar
from tui.widgets.roles import ROLE_CLASSES

LINES = {"rows--bar", "rows--thumb", "rows--cursor"}
"""Roles in which nothing is written."""
TEXTS = ("text-primary", "text-secondary", "text-accent", "text-success", "text-warning", "text-error")


def contrast_of(style: Style) -> float:
    assert style.color is not None and style.bgcolor is not None
    return ratio(*(Color(*one.get_truecolor()) for one in (style.color, style.bgcolor)))


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_every_role_has_enough_contrast_in_the_usual_themes(world, theme):
    app = world.app(preferences=Preferences(theme=theme))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        feed, bar = app.main.feed, app.main.query_one(KeyBar)
        found = {name: contrast_of(feed.get_component_rich_style(name)) for name in ROLE_CLASSES - LINES}
        for part in ("key", "words"):
            style = bar.rich_style + bar.get_component_rich_style(f"key-bar--{part}", partial=True)
            found[part] = contrast_of(style)
        assert {name: round(value, 1) for name, value in found.items() if value < CONTRAST} == {}


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_what_stands_in_an_empty_field_can_be_read(world, theme):
    app = world.app(preferences=Preferences(theme=theme))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        composer = app.main.composer
        for focused in (composer, app.main.feed):
            focused.focus()
            await pilot.pause()
            assert contrast_of(composer.get_component_rich_style("input--placeholder")) >= CONTRAST


@pytest.mark.parametrize("theme", THEMES)
def test_coloured_texts_are_as_legible_as_a_theme_lets_them_be(theme):
    variables = BUILTIN_THEMES[theme].to_color_system().generate()
    found = readable(variables)
    if BUILTIN_THEMES[theme].name.startswith("ansi"):
        assert found == variables, "the terminal's own colours are its owner's affair"
        return
    background = Color.parse(variables["background"])
    most = ratio(Color.parse(variables["foreground"]), background)
    for name in TEXTS:
        assert ratio(Color.parse(found[name]), background) >= min(CONTRAST, most) - 0.01, name


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_a_match_in_the_selected_row_can_be_read(world, theme):
    app = world.app(preferences=Preferences(theme=theme))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        world.says("bob", "the needle is here")
        await pilot.press("f7", *"needle", "enter")
        await settled(pilot)
        assert app.focused is app.main.feed and app.main.feed.selected == 0
        shown = {text: style for text, style, _ in app.main.feed.render_line(0) if style is not None}
        assert contrast_of(shown["needle"]) >= CONTRAST
        assert contrast_of(shown["here"]) >= CONTRAST


def test_black_on_white_has_the_contrast_that_the_standard_names():
    assert ratio(Color(0, 0, 0), Color(255, 255, 255)) == pytest.approx(21)
    assert ratio(Color(119, 119, 119), Color(255, 255, 255)) == pytest.approx(4.48, abs=0.01)
