"""What a person takes along from an activity: its links and its text."""

from __future__ import annotations

import json
import sys

import pytest

from tests.tui.driving import ready, settled, until
from tui.feed.activities import note, plain_text
from tui.feed.activity_links import LINKS_MAX, links_of
from tui.own_screen.browser import open_in_browser
from tui.screens.linking import ChooseLinkScreen

ONE = "https://example.org/one"
TWO = "https://example.org/two?a=b#c"


def body(activity: object) -> bytes:
    return json.dumps(activity).encode()


def told(app) -> list[str]:
    return [one.message for one in app._notifications]


@pytest.mark.parametrize(
    ("activity", "links"),
    [
        (note(f"see {ONE}, or {TWO}."), [ONE, TWO]),
        ({"type": "Note", "url": ONE, "attachment": [{"href": TWO}, {"href": ONE}]}, [ONE, TWO]),
        ({"@context": "https://www.w3.org/ns/activitystreams", "content": "none"}, []),
        ({"content": f'<a href="{ONE}?a=1&amp;b=2">here</a>'}, [f"{ONE}?a=1&b=2"]),
        ({"content": "javascript:alert(1) file:///etc/passwd"}, []),
        (note(" ".join(f"{ONE}/{number}" for number in range(200))), [f"{ONE}/{n}" for n in range(LINKS_MAX)]),
    ],
)
def test_the_links_of_an_activity_stand_in_their_order_each_once(activity, links):
    assert links_of(body(activity)) == links


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"7", b'{"a":'])
def test_what_is_no_activity_has_no_links_and_some_text(content):
    assert links_of(content) == []
    assert isinstance(plain_text(content), str)


def test_the_text_is_copied_as_it_was_written_without_what_a_shell_would_obey():
    assert plain_text(body(note("one\ntwo  three"))) == "one\ntwo  three"
    assert "\x1b" not in plain_text(body(note("a\x1b]0;x\x07")))
    assert plain_text(body({"type": "Like", "object": {"name": "the notes"}})) == "liked the notes"


async def test_the_only_link_is_opened_at_once_and_copied_by_another_key(world):
    opened: list[str] = []

    async def opens(link: str) -> bool:
        opened.append(link)
        return True

    app = world.app(open_link=opens)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("bob", f"look at {ONE}.")
        await settled(pilot)
        await pilot.press("escape", "l")
        await until(pilot, lambda: opened == [ONE])
        await pilot.press("L")
        await until(pilot, lambda: app.clipboard == ONE)
        await pilot.press("Y")
        await until(pilot, lambda: app.clipboard == f"look at {ONE}.")


async def test_of_several_links_one_is_chosen(world):
    opened: list[str] = []

    async def opens(link: str) -> bool:
        opened.append(link)
        return True

    app = world.app(open_link=opens)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", f"{ONE} or {TWO}")
        await settled(pilot)
        await pilot.press("escape", "l")
        await until(pilot, lambda: isinstance(app.screen, ChooseLinkScreen) and app.screen.focused is not None)
        await pilot.press("down", "enter")
        await until(pilot, lambda: opened == [TWO])
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ChooseLinkScreen) and app.screen.focused is not None)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert opened == [TWO]


async def test_where_no_browser_starts_the_link_is_copied_and_told(world):
    async def opens(link: str) -> bool:
        return False

    app = world.app(open_link=opens)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", ONE)
        await settled(pilot)
        await pilot.press("escape", "l")
        await until(pilot, lambda: any("No browser" in one for one in told(app)))
        assert app.clipboard == ONE


async def test_whose_screen_is_elsewhere_has_a_link_copied_and_nothing_opened(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", ONE)
        await settled(pilot)
        await pilot.press("escape", "l")
        await until(pilot, lambda: app.clipboard == ONE)
        world.says("bob", "no link here")
        await settled(pilot)
        await pilot.press("end", "l")
        await until(pilot, lambda: any("no link" in one for one in told(app)))


async def test_a_browser_is_started_away_from_the_terminal(tmp_path, monkeypatch):
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nif [ -t 0 ] || [ -n "$TERM" ]; then exit 1; fi\necho "$1" > {tmp_path}/opened\n')
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{script} %s")
    assert await open_in_browser(TWO)
    assert [file.read_text().strip() for file in tmp_path.glob("opened")] == [TWO]


async def test_a_text_browser_does_not_count(tmp_path, monkeypatch):
    for name in ("lynx", "w3m", "links", "www-browser"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert sys.platform != "linux" or not await open_in_browser(ONE)
    assert not list(tmp_path.glob("opened"))
