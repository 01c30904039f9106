"""What is written can be read on what it stands on."""

from __future__ import annotations

import itertools
import math

import pytest
from rich.style import Style
from textual.color import Color, rgb_to_lab
from textual.theme import BUILTIN_THEMES

from tests.tui.driving import ready, settled
from tui.look.appearance import THEMES
from tui.look.contrast import CONTRAST, ratio, readable
from tui.look.hues import hues
from tui.look.preferences import Preferences
from tui.textual_workarounds.nearest_colours import nearest
from tui.widgets.activity_lines import name_role
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
            assert contrast_of(composer.get_component_rich_style("text-area--placeholder")) >= CONTRAST


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


# --- people -----------------------------------------------------------------------------------------------------------


def _distance(one: Color, other: Color) -> float:
    """How far two colours look apart (CIE 1976: some 2 can just be told, side by side)."""
    labs = [rgb_to_lab(colour) for colour in (one, other)]
    return math.dist(*((lab.L, lab.a, lab.b) for lab in labs))


@pytest.mark.parametrize("theme", [theme for theme in THEMES if not theme.startswith("ansi")])
def test_people_can_be_told_apart_and_read_in_every_theme(theme):
    variables = BUILTIN_THEMES[theme].to_color_system().generate()
    colours = [Color.parse(colour) for colour in hues(variables).values()]
    for one, other in itertools.combinations(colours, 2):
        assert _distance(one, other) >= 12, (one, other)
    for ground in ("background", "surface", "panel"):
        assert min(ratio(colour, Color.parse(variables[ground])) for colour in colours) >= CONTRAST, ground


@pytest.mark.parametrize("theme", [theme for theme in THEMES if not theme.startswith("ansi")])
def test_on_a_terminal_of_256_colours_most_people_stay_apart(theme):
    variables = BUILTIN_THEMES[theme].to_color_system().generate()
    colours = [Color.parse(colour) for colour in hues(variables).values()]
    assert len({nearest(*colour.rgb) for colour in colours}) >= 8


@pytest.mark.parametrize("theme", [theme for theme in THEMES if theme.startswith("ansi")])
def test_where_the_terminal_has_its_own_colours_people_have_those(theme):
    variables = BUILTIN_THEMES[theme].to_color_system().generate()
    found = set(hues(variables).values())
    assert len(found) == 12 and all(colour.startswith("ansi_") for colour in found)


@pytest.mark.parametrize(
    ("name", "colour"), [("ada", "#FD9197"), ("ann", "#ABB842"), ("eve", "#0FC3C8"), ("émile", "#FD8CC1")]
)
async def test_a_name_has_the_same_colour_for_everybody_for_ever(world, name, colour):
    app = world.app(preferences=Preferences(theme="textual-dark"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        shown = app.main.feed.get_component_rich_style(f"rows--{name_role(name)}").color
        assert shown is not None and Color(*shown.get_truecolor()).hex == colour
