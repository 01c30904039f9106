"""Style sheets that several applications share paint every widget as Textual's own would."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.containers import Horizontal, Vertical
from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.layout import Layout
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Button, DataTable, Input, Label, ListItem, ListView, OptionList, Static, Switch

from tui.textual_workarounds.shared_stylesheets import SharedStylesheet

CSS = """
Screen { background: $surface; }
#left { width: 1fr; border: solid $primary; }
#left.wide { width: 3fr; }
Horizontal > .note { color: $accent; }
Horizontal .note:hover { color: red; }
.note.loud, #shout { text-style: bold; }
Input:focus { border: heavy $success; }
Vertical:focus-within Label { color: $warning; }
Label:disabled { text-style: italic; }
Label:first-child { margin: 1; }
ListItem:even { background: $panel; }
.hidden { display: none; }
Meter { color: $secondary; &:light { color: blue; } & > .meter--bar { color: $error; } }
"""


class Meter(Static):
    """A widget with component classes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"meter--bar", "meter--label"}
    DEFAULT_CSS = """
    Meter { height: 1; }
    Meter > .meter--bar { background: $boost; text-style: bold; }
    Meter.full > .meter--bar { background: $success; }
    """


class Plain(App[None]):
    """An application whose style sheet is Textual's own."""

    CSS = CSS

    def compose(self) -> ComposeResult:
        with Horizontal(id="row"):
            yield Static("a", classes="note", id="first")
            yield Static("b", classes="note loud", id="second")
            with Vertical(id="left"):
                yield Label("c", id="label")
                yield Input(id="input")
                yield Button("d", variant="primary", id="button")
        yield Meter("e", id="meter")
        yield ListView(ListItem(Label("1")), ListItem(Label("2")), ListItem(Label("3")), id="list")
        yield DataTable[str](id="table")
        yield OptionList("x", "y", id="options")
        yield Switch(id="switch")


class Shared(Plain):
    """The same with a shared one."""

    def __init__(self) -> None:
        super().__init__()
        own, self.stylesheet = self.stylesheet, SharedStylesheet(self, variables=self.stylesheet._variables)
        self.stylesheet.source = own.source


def rules_of(styles: RenderStyles) -> dict[str, Any]:
    """What a sheet has set, with names for layouts: each widget has an object of its own."""
    rules = dict(styles.base.get_rules())
    return {name: value.name if isinstance(value, Layout) else value for name, value in rules.items()}


def looks(app: App[Any]) -> dict[str, Any]:
    """Everything that a style sheet decides, of every widget and every part of one."""
    found: dict[str, Any] = {}
    for number, widget in enumerate(app.screen.walk_children(Widget, with_self=True)):
        name = f"{number} {type(widget).__name__}#{widget.id}"
        found[name] = rules_of(widget.styles)
        for part in sorted(type(widget)._get_component_classes()):
            found[f"{name} {part}"] = (
                widget.get_component_rich_style(part),
                rules_of(widget.get_component_styles(part)),
            )
    return found


Act = Callable[[Pilot[None]], Any]


async def add_class(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#left").add_class("wide")
    pilot.app.query_one("#meter").add_class("full")


async def remove_class(pilot: Pilot[None]) -> None:
    await add_class(pilot)
    await pilot.pause()
    pilot.app.query_one("#left").remove_class("wide")
    pilot.app.query_one("#meter").remove_class("full")


async def focus(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#input").focus()


async def hover(pilot: Pilot[None]) -> None:
    await pilot.hover("#first")


async def disable(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#left").disabled = True


async def light(pilot: Pilot[None]) -> None:
    pilot.app.theme = "textual-light"


async def dark_again(pilot: Pilot[None]) -> None:
    await light(pilot)
    await pilot.pause()
    pilot.app.theme = "nord"


async def mount(pilot: Pilot[None]) -> None:
    await pilot.app.query_one("#row").mount(Static("new", classes="note loud", id="shout"))
    await pilot.app.query_one("#list", ListView).append(ListItem(Label("4")))


async def remove(pilot: Pilot[None]) -> None:
    await pilot.app.query_one("#list", ListView).children[0].remove()
    await pilot.app.query_one("#first").remove()


async def hide(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#second").set_class(True, "hidden")


async def press(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#switch", Switch).value = True
    pilot.app.query_one("#button", Button).variant = "error"


async def restyle(pilot: Pilot[None]) -> None:
    """What a program sets on a widget itself goes before any sheet."""
    pilot.app.query_one("#label").styles.color = "magenta"
    pilot.app.query_one("#left").add_class("wide")


ACTS: tuple[Act, ...] = (
    add_class,
    remove_class,
    focus,
    hover,
    disable,
    light,
    dark_again,
    mount,
    remove,
    hide,
    press,
    restyle,
)


@asynccontextmanager
async def running(app: App[None], *acts: Act) -> AsyncIterator[App[None]]:
    async with app.run_test(size=(100, 40)) as pilot:
        for act in acts:
            await act(pilot)
            await pilot.pause()
        await pilot.wait_for_animation()
        yield app


@pytest.mark.parametrize("act", [None, *ACTS], ids=lambda act: act.__name__ if act else "at first")
async def test_every_widget_looks_as_it_does_with_textuals_own_style_sheet(act: Act | None) -> None:
    acts = (act,) if act is not None else ()
    async with running(Plain(), *acts) as plain:
        assert type(plain.stylesheet) is Stylesheet
        expected = looks(plain)
    async with running(Shared(), *acts) as shared:
        assert looks(shared) == expected


async def test_what_was_worked_out_for_one_application_is_right_for_the_next_whatever_the_first_one_did() -> None:
    async with running(Shared(), *ACTS):
        pass
    async with running(Plain(), light) as plain:
        expected = looks(plain)
    async with running(Shared(), light) as shared:
        assert looks(shared) == expected


async def test_what_one_application_does_changes_nothing_in_another_that_runs() -> None:
    async with running(Plain()) as plain:
        expected = looks(plain)
    async with running(Shared()) as one, running(Shared()) as other:
        assert looks(other) == expected
        one.query_one("#left").add_class("wide")
        one.query_one("#meter").add_class("full")
        one.query_one("#label").styles.color = "magenta"
        one.theme = "textual-light"
        one.refresh_css(animate=False)
        other.refresh_css(animate=False)
        assert looks(other) == expected
        assert one.query_one("#left").styles.base.get_rules() != other.query_one("#left").styles.base.get_rules()


async def test_a_part_that_no_widget_of_the_kind_has_is_not_made_up() -> None:
    async with running(Shared()) as app:
        with pytest.raises(KeyError):
            app.query_one("#meter").get_component_styles("meter--nonsense")


async def test_a_part_follows_the_class_of_its_widget() -> None:
    async with running(Shared()) as app:
        meter = app.query_one("#meter")
        before = meter.get_component_styles("meter--bar").background
        meter.add_class("full")
        app.stylesheet.update(meter)
        after = meter.get_component_styles("meter--bar").background
        assert before != after == Color.parse(app.theme_variables["success"])


async def test_the_shared_rules_keep_no_application_alive() -> None:
    async with running(Shared()) as app:
        gone = weakref.ref(app)
    del app
    async with running(Shared()):
        pass
    gc.collect()
    gc.collect()
    assert gone() is None
