"""Waiting for the application, never for luck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tui.application.app import ActivityApp
from tui.screens.welcome import WelcomeScreen
from tui.user_actions.action_table import BY_ID


async def until(pilot: Pilot[Any], condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until `condition` holds. Fails when it does not within the time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pilot.pause(0.01)


async def ready(pilot: Pilot[Any]) -> ActivityApp:
    """The application, logged in as the tests' person, and painted."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    await until(pilot, lambda: app.model.online and app.focused is app.main.composer)
    await pilot.pause()
    return app


async def welcomed(pilot: Pilot[Any]) -> ActivityApp:
    """The application, asking who somebody is."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    await until(pilot, lambda: isinstance(app.screen, WelcomeScreen) and app.screen.is_mounted and bool(app.focused))
    await pilot.pause()
    return app


async def settled(pilot: Pilot[Any]) -> None:
    """Everything that the session said has been painted."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    app.refresh_now()
    await pilot.pause()


def lines_of(app: ActivityApp, selector: str) -> list[str]:
    """What a list shows, line by line, without its scrollbar."""
    view = app.main.query_one(selector)
    return [view.render_line(y).text[:-1].rstrip() for y in range(view.size.height)]


def screen_text(app: ActivityApp) -> str:
    """Everything that is on the screen now."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips(app.screen.size))


async def type_line(pilot: Pilot[Any], text: str) -> None:
    """Put a line into the composer at once, and press Enter."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    composer = app.main.composer
    composer.focus()
    composer.value = text
    await pilot.press("enter")
    await pilot.pause()


def fill(app: ActivityApp, selector: str, text: str) -> None:
    """Put text into a field of the screen on top."""
    app.screen.query_one(selector, Input).value = text


def unfound(app: ActivityApp) -> list[str]:
    """The bindings of ours that are active now and whose action is nowhere."""
    lost = []
    for node, bindings_map in app.screen._binding_chain:
        for found in bindings_map.key_to_bindings.values():
            for binding in found:
                namespace, name, _ = app._parse_action(binding.action, node)
                if binding.id in BY_ID and not hasattr(namespace, f"action_{name}"):
                    lost.append(f"{type(node).__name__}: {binding.key} wants {binding.action}")
    return lost
