"""What plain Textual does without our workarounds.

Each test expects the fault. One that fails has good news: Textual (or Rich) has mended it, and the workaround whose
name the test bears can go.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import sys
import warnings
from pathlib import Path
from typing import Any, ClassVar

import pytest
import textual.css.parse
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._compositor import Compositor
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.css.query import NoMatches
from textual.geometry import Region, Size
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label
from textual.widgets._toast import Toast, ToastRack
from textual.worker import WorkerFailed

import tui.textual_workarounds
from tests.tui.driving import until
from tui.textual_workarounds import cursor_at_end, no_width, partial_updates, resizing, strip_cycles
from tui.textual_workarounds.unprinted_faults import UnprintedFaultsApp

pytestmark = pytest.mark.usefixtures("plain")

WORKAROUNDS = Path(tui.textual_workarounds.__file__).parent


def test_each_workaround_says_where_it_was_seen_and_is_tried_here():
    here = {each.name for each in ast.walk(ast.parse(Path(__file__).read_text())) if hasattr(each, "name")}
    for file in WORKAROUNDS.glob("[a-z]*.py"):
        said = ast.get_docstring(ast.parse(file.read_text())) or ""
        assert "Seen in " in said and ("Textualize/" in said or "no report found" in said), file
        assert any(name.startswith(f"test_{file.stem}_") for name in here), file


async def layouts_after_changes_in_a_row(limit: int) -> int:
    """How often a screen lays itself out after changes of its size in a row; `limit` of them end it."""
    laid_out = 0
    lay_out = Screen._refresh_layout

    def counted(screen: Screen[None], size: Size | None = None, scroll: bool = False) -> None:
        nonlocal laid_out
        laid_out += 1
        if laid_out < limit:
            lay_out(screen, size, scroll)

    app = Chat()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = app.screen
        # A screen that has something to do when it is laid out; without it the newer size would replace the older one.
        screen.screen_layout_refresh_signal.subscribe(screen, lambda _: screen.call_later(len, "anything"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Screen, "_refresh_layout", counted)
            # What comes of changes that overtake those before them.
            for size in (Size(130, 40), Size(70, 20), app.size):
                screen.post_message(events.Resize(size, size))
                screen.call_later(len, "anything")
            quiet = before = 0
            while quiet < 20 and laid_out < limit:
                await asyncio.sleep(0.005)
                quiet, before = quiet + 1 if laid_out == before else 0, laid_out
            await pilot.pause()
    return laid_out


async def test_resizing_two_sizes_under_way_answer_each_other_for_ever():
    assert await layouts_after_changes_in_a_row(200) >= 200


async def test_resizing_mended_settles():
    resizing.install()
    assert await layouts_after_changes_in_a_row(200) < 50


class Question(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input()


async def test_screen_dismissal_a_screen_that_is_dismissed_twice_takes_another_one_with_it():
    app: App[None] = App()
    async with app.run_test() as pilot:
        below, above = Question(), Question()
        app.push_screen(below)
        app.push_screen(above)
        await pilot.pause()
        above.dismiss("")
        above.dismiss("")
        await pilot.pause()
        assert below not in app.screen_stack


async def test_screen_dismissal_what_a_screen_was_still_doing_when_it_went_ends_the_application():
    app: App[None] = App()

    async def run() -> None:
        async with app.run_test() as pilot:
            question = Question()
            app.push_screen(question)
            await pilot.pause()

            async def work() -> None:
                question.dismiss("")
                question.query_one(Button)

            question.run_worker(work())
            await until(pilot, lambda: not app.is_running)

    with pytest.raises(WorkerFailed):
        await run()


async def test_screen_dismissal_an_application_that_ends_while_a_screen_comes_fails():
    class Form(Question):
        def on_mount(self) -> None:
            self.query_one(Input).focus()

    app: App[None] = App()

    async def run() -> None:
        async with app.run_test():
            app.exit()
            app.push_screen(Form())

    with pytest.raises(NoMatches):
        await run()


def test_nearest_colours_a_dark_grey_with_a_touch_of_blue_becomes_navy():
    shown = Color.parse("#24283b").downgrade(ColorSystem.EIGHT_BIT)
    assert shown.number == 17, "the 24 greys have a nearer one"


class SideBySide(App[None]):
    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label("one", id="one")
            yield Label("other", id="other")


async def rendered_for(changed: str) -> set[str | None]:
    """Which widgets are rendered when one of two that stand side by side has changed."""
    app = SideBySide()
    async with app.run_test() as pilot:
        await pilot.pause()
        rendered: set[str | None] = set()
        screen = app.screen
        for widget in (screen, *screen.query("Horizontal, Label")):
            shown = widget.render_lines

            def render_lines(crop: Region, shown: Any = shown, name: str | None = widget.id or widget.name) -> Any:
                rendered.add(name)
                return shown(crop)

            widget.render_lines = render_lines
        one = screen.query_one(f"#{changed}")
        screen._compositor._dirty_regions.clear()
        one.refresh()
        screen._compositor.update_widgets({one})
        screen._compositor.render_partial_update()
    return rendered


async def test_partial_updates_what_stands_beside_and_beneath_is_rendered_as_well():
    assert len(await rendered_for("one")) > 1


async def test_partial_updates_mended_only_what_has_changed_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Compositor, "_get_renders", partial_updates._get_seen)
    assert await rendered_for("one") == {"one"}
    assert await rendered_for("other") == {"other"}


class Chat(App[None]):
    CSS = "Input { dock: bottom; }"

    def compose(self) -> ComposeResult:
        yield Input()


async def test_toast_placement_a_notice_covers_the_line_at_the_bottom():
    app = Chat()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.notify("somebody came")
        rack, line = app.screen.get_child_by_type(ToastRack), app.screen.query_one(Input)
        await until(pilot, lambda: any(each.region.area for each in rack.query(Toast)))
        assert rack.query_one(Toast).region.overlaps(line.region)


class Opening(App[None]):
    BINDINGS: ClassVar = [("q", "ask", "Ask")]

    def action_ask(self) -> None:
        self.push_screen(Question())


async def test_type_ahead_what_is_typed_behind_the_key_that_opens_a_screen_is_lost():
    app = Opening()
    async with app.run_test() as pilot:
        for key in "qab":
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: isinstance(app.screen, Question) and bool(app.focused))
        await pilot.pause()
        assert app.screen.query_one(Input).value != "ab"


class Ending(App[None]):
    """Runs until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = asyncio.Event()

    def on_ready(self) -> None:
        self.ready.set()


async def run_two(inside: list[object]) -> None:
    """Two applications that end in the order in which they began."""
    first, second = Ending(), Ending()
    running = []
    for app in (first, second):
        running.append(asyncio.create_task(app.run_async(headless=True, size=(40, 10))))
        await asyncio.wait_for(app.ready.wait(), 10)
    inside.append(asyncio.get_running_loop().get_task_factory())
    for app, task in zip((first, second), running, strict=True):
        app.exit()
        await asyncio.wait_for(task, 10)


async def test_standard_streams_what_is_printed_goes_to_an_application_that_has_ended():
    before = sys.stdout, sys.stderr
    try:
        await run_two([])
        assert sys.stdout is not before[0]
    finally:
        sys.stdout, sys.stderr = before


async def test_eager_tasks_every_task_of_the_loop_begins_inside_whoever_creates_it(monkeypatch):
    def eager(loop: asyncio.AbstractEventLoop, coro, **options):
        return asyncio.Task(coro, loop=loop, **options)

    monkeypatch.setattr(asyncio, "eager_task_factory", eager, raising=False)
    before, factories = (sys.stdout, sys.stderr), list[object]()
    try:
        await run_two(factories)
        assert factories == [eager]
    finally:
        sys.stdout, sys.stderr = before
        asyncio.get_running_loop().set_task_factory(None)


def test_unawaited_suggestions_python_complains_of_one_that_is_left_undone():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        suggestion = SuggestFromList(["word"])._get_suggestion(Input(), "w")
        del suggestion
        gc.collect()
    assert any("never awaited" in str(each.message) for each in said)


async def cells_before_the_cursor(value: str) -> int:
    """Where the terminal's cursor is told to be at the end of what was written in a line."""

    class Line(App[None]):
        def compose(self) -> ComposeResult:
            yield Input(value)

    async with Line().run_test() as pilot:
        line = pilot.app.query_one(Input)
        line.cursor_position = len(value)
        await pilot.pause()
        return line.cursor_screen_offset.x - line.content_region.x


async def test_cursor_at_end_the_terminals_cursor_is_one_cell_past_it():
    assert [await cells_before_the_cursor(value) for value in ("", "ab", "\N{CJK UNIFIED IDEOGRAPH-4EAC}")] == [1, 3, 3]


async def test_cursor_at_end_mended_it_is_where_the_next_character_will_stand():
    cursor_at_end.install()
    assert [await cells_before_the_cursor(value) for value in ("", "ab", "\N{CJK UNIFIED IDEOGRAPH-4EAC}")] == [0, 2, 2]


def test_shared_style_codes_the_second_terminal_gets_the_colours_of_the_first():
    style = Style.parse("#123456")
    shown = [Strip.render_style(style, "x", system) for system in (ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR)]
    assert shown[0] == shown[1]


async def test_shared_stylesheets_each_application_parses_the_same_rules_again(monkeypatch):
    parsed = 0
    parse = textual.css.parse.parse

    def counted(*arguments, **options):
        nonlocal parsed
        parsed += 1
        return parse(*arguments, **options)

    monkeypatch.setattr("textual.css.stylesheet.parse", counted)
    counts = []
    for _ in range(3):
        parsed = 0
        async with Chat().run_test():
            counts.append(parsed)
    assert counts[1] == counts[2] > 0


def left_for_the_collector() -> int:
    gc.collect()
    gc.disable()
    try:
        strip = Strip([Segment("a line")])
        strip.crop_extend(0, 6, None)
        strip.divide([6])
        del strip
        return gc.collect()
    finally:
        gc.enable()


def test_no_width_a_text_without_room_has_no_height_but_a_fault():
    with pytest.raises(ValueError, match="must not be zero"):
        no_width._get_height(Content("some words"), {}, 0)


def test_no_width_mended_it_has_one():
    no_width.install()
    assert Content("some words").get_height({}, 0) > 0
    assert Content("some words").get_height({"line_pad": 1}, 1) > 0
    assert Content("some words").get_height({}, 40) == 1


def test_strip_cycles_a_painted_line_is_freed_by_the_collector_alone():
    assert left_for_the_collector() > 0


def test_strip_cycles_mended_are_none():
    strip_cycles.install()
    assert left_for_the_collector() == 0


@pytest.mark.parametrize(("sent", "typed"), [("\x1bP1$r0m\x1b\\", "^P1$r0m"), ("\x1b[999~", "\u03e7")])
def test_the_parser_of_tui_terminal_an_answer_that_nobody_knows_is_typed(sent, typed):
    assert "".join(each.character or "" for each in XTermParser().feed(sent) if isinstance(each, events.Key)) == typed


def test_the_parser_of_tui_terminal_a_number_that_means_no_character_ends_the_application():
    with pytest.raises(ValueError, match="chr"):
        list(XTermParser().feed("\x1b[1114112u"))


def test_terminal_colours_all_applications_take_them_from_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert App().no_color
    assert not {"no_color", "color_system"} & set(inspect.signature(App).parameters)


class Failing(App[None]):
    def on_mount(self) -> None:
        secret = "opensesame"
        raise LookupError(f"a fault in a test, {len(secret)}")


class Unprinted(UnprintedFaultsApp):
    on_mount = Failing.on_mount


async def run_until_it_fails(app: App[Any]) -> None:
    before = sys.stdout, sys.stderr
    try:
        await asyncio.wait_for(app.run_async(headless=True, size=(40, 10)), 10)
    finally:
        sys.stdout, sys.stderr = before


async def test_unprinted_faults_a_fault_is_printed_with_the_values_of_variables(capfd):
    await run_until_it_fails(Failing())
    assert "opensesame" in capfd.readouterr().err


async def test_unprinted_faults_mended_are_with_the_owner_and_nowhere_else(capfd):
    app = Unprinted()
    await run_until_it_fails(app)
    assert isinstance(app.fault, LookupError) and app.return_code == 1
    assert capfd.readouterr() == ("", "")
