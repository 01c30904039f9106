"""Makes the pictures in `screenshots/` from the real application on a real little network.

`--everything DIRECTORY` makes every picture at every size and in every theme, to be looked at, and leaves those of
the documents alone. Wall-clock time is shifted to a fixed moment, so the pictures differ only where the network's own
timing does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from core.engine import Server
from screenshots import over_ssh
from screenshots.little_network import Network, shift_time, until
from screenshots.states import MOMENTS, SIZES, STATES, THEMES, Moment, Size, State
from tui.application.app import ActivityApp
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel
from tui.model.network_client import client_factory
from tui.model.network_faces import SignIn

PICTURES: Final = Path(__file__).resolve().parent
ZOE: Final = SignIn("register", "zoe", "pw")
ZOE_AGAIN: Final = SignIn("login", "zoe", "pw")


@contextlib.asynccontextmanager
async def application(
    server: Server, size: Size, *, theme: str, first: SignIn | None
) -> AsyncIterator[tuple[ActivityApp, Pilot[Any]]]:
    """The application on a server of the network, on a screen of this size."""
    session = ClientModel(client_factory((), home=server.connect_local), node=server)
    for notice in server.told_so_far:
        session.noticed(notice)
    unsubscribe = server.subscribe(session.noticed)

    async def leave() -> int:
        await asyncio.Event().wait()
        return 0

    app = ActivityApp(session, first=first, leave=leave, preferences=Preferences(theme=theme, zone=UTC))
    app.animation_level = "none"
    try:
        async with app.run_test(size=size) as pilot:
            if first is not None:
                await until(lambda: session.online, "the person to be logged in")
                app.main.composer.cursor_blink = False
            await pilot.pause(0.3)
            yield app, pilot
    finally:
        unsubscribe()
        await session.stop()


def on_screen(app: ActivityApp) -> str:
    """The text of the screen, as lines."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips(app.screen.size))


async def take(server: Server, state: State, size: Size, theme: str, file: Path) -> None:
    """Bring the application to a state, and keep a picture of it. Raises TimeoutError where it does not come to it."""
    first = ZOE_AGAIN if state.logged_in else None
    async with application(server, size, theme=theme, first=first) as (app, pilot):
        for key in state.keys:
            await pilot.press(key)
            await app.workers.wait_for_complete()

        def is_there() -> bool:
            app.refresh_now()
            return state.shows in on_screen(app)

        try:
            await until(is_there, f"{state.name} at {size[0]}x{size[1]} to show {state.shows!r}")
        except TimeoutError:
            sys.stderr.write(on_screen(app) + "\n")
            raise
        await pilot.pause(0.3)
        await asyncio.to_thread(file.write_text, app.export_screenshot(title="activity-tui"), encoding="utf-8")
        sys.stdout.write(f"{file}\n")


Wanted = Callable[[Moment], Iterator[tuple[State, Size, str, Path]]]


def of_the_documents(states: Sequence[State]) -> Wanted:
    """Each picture at the size at which a document shows it."""

    def wanted(moment: Moment) -> Iterator[tuple[State, Size, str, Path]]:
        for state in states:
            if state.moment == moment:
                yield state, state.size, state.theme, PICTURES / f"{state.name}.svg"

    return wanted


def everything(states: Sequence[State], directory: Path) -> Wanted:
    """Each picture at every size and in every theme."""

    def wanted(moment: Moment) -> Iterator[tuple[State, Size, str, Path]]:
        for state in states:
            for size in SIZES if state.moment == moment else ():
                for theme in THEMES:
                    name = f"{state.name}-{size[0]}x{size[1]}-{theme.removeprefix('textual-')}.svg"
                    yield state, size, theme, directory / name

    return wanted


async def make(wanted: Wanted, *, ssh: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        network = Network(Path(directory))
        try:
            await network.start()
            ada = network.servers["ada"]
            async with application(ada, SIZES[0], theme=THEMES[0], first=ZOE):
                pass
            for moment in MOMENTS:
                await network.come_to(moment)
                for state, size, theme, file in wanted(moment):
                    await take(ada, state, size, theme, file)
            if ssh:
                await over_ssh.take(ada, "zoe", Path(directory))
        finally:
            await network.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m screenshots.generate", description=__doc__)
    parser.add_argument("--everything", metavar="DIRECTORY", type=Path, help="every state, size and theme, to look at")
    parser.add_argument("--only", metavar="STATE", default="", help="of this state only")
    chosen = parser.parse_args()
    states = [state for state in STATES if chosen.only in ("", state.name)]
    if not states:
        parser.error(f"there is no state {chosen.only}: choose one of {', '.join(state.name for state in STATES)}")
    if chosen.everything is None:
        wanted = of_the_documents(states)
    else:
        chosen.everything.mkdir(parents=True, exist_ok=True)
        wanted = everything(states, chosen.everything)
    asyncio.run(make(wanted, ssh=chosen.everything is None and not chosen.only))


if __name__ == "__main__":
    shift_time()
    main()
