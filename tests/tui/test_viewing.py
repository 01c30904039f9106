"""Views that a person keeps, tags, and whom or what they mute."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from tests.tui.driving import lines_of, ready, screen_text, settled, type_line, until
from tests.tui.fakes import World
from tui.model.concerns import Concerns
from tui.model.personal import BYTES_MAX, MUTES_MAX, NAME_MAX, STREAMS_MAX, VIEWS_MAX, Personal, ReadMark, View, encode
from tui.screens.viewing import ChooseViewScreen


def texts(app) -> list[str]:
    return [line.strip() for line in lines_of(app, "#feed") if line.strip()]


def told(app) -> str:
    return "\n".join(one.message for one in app._notifications)


def offered(app) -> list[str]:
    choices = app.screen.query_one(OptionList)
    return [str(choices.get_option_at_index(place).prompt) for place in range(choices.option_count)]


async def test_a_tag_opens_as_a_view_by_a_key_and_the_views_lead_back(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("bob", "a disk is full")
        world.says("carol", "which one? #ops")
        await settled(pilot)
        await pilot.press("escape", "number_sign")
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert len(texts(app)) == 1 and "#ops" in texts(app)[0]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ChooseViewScreen) and app.screen.focused is not None)
        assert offered(app) == ["Everything", "What is to you"]
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main and not app.main.feed.filter)
        await settled(pilot)
        assert len(texts(app)) == 2


async def test_a_view_is_kept_by_its_name_and_counts_what_is_unread_in_it(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/view #ops")
        await type_line(pilot, "/view broken disk from:monitor")
        await type_line(pilot, "/filter")
        app.app_focus = False
        await settled(pilot)
        world.says("monitor", "the disk of ada is full #ops")
        world.says("monitor", "all is well #ops")
        world.says("bob", "the disk")
        await settled(pilot)
        app.main.action_views()
        await until(pilot, lambda: isinstance(app.screen, ChooseViewScreen))
        await pilot.pause()
        assert offered(app)[0] == "Everything  +3"
        assert offered(app)[2:] == ["#ops  +2", "broken  +1  (disk from:monitor)"]
        await pilot.press("escape")
        await type_line(pilot, "/unview broken")
        assert [one.name for one in world.model.concerns.views] == ["#ops"]
        await type_line(pilot, "/view nowhere")
        assert "there is no view 'nowhere'" in screen_text(app)


async def test_what_a_muted_person_writes_is_folded_counts_nowhere_and_rings_nobody(world):
    app = world.app()
    rung = []
    app.bell = lambda: rung.append(True)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("bot", "buy this, @alice")
        await settled(pilot)
        rung.clear()
        await pilot.press("escape", "M")
        await settled(pilot)
        assert texts(app) == [
            "\N{LEFT HALF BLOCK}12:00:00 \N{BLACK RIGHT-POINTING SMALL TRIANGLE} 1 hidden: muted bot; Enter shows"
        ] and "bot: muted" in told(app)
        await pilot.press("f4")
        world.time += 5
        world.says("bot", "@alice and this")
        await settled(pilot)
        assert world.model.concerns.unread == 0 and rung == []
        await pilot.press("f2", "M")
        await settled(pilot)
        assert "and this" in texts(app)[-1] and "buy this" in texts(app)[0]


async def test_a_tag_is_muted_by_a_command_and_ones_own_lines_never_are(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/mute #noise")
        world.says("bob", "zzz #noise")
        world.says("alice", "mine #noise")
        await settled(pilot)
        assert "1 hidden: muted #noise" in texts(app)[0] and texts(app)[1].endswith("mine #noise")
        await type_line(pilot, "/mute")
        assert "Muted: #noise" in told(app)
        await type_line(pilot, "/unmute nobody")
        assert "is not muted" in screen_text(app)
        await type_line(pilot, "/unmute #noise")
        await settled(pilot)
        assert texts(app)[0].endswith("zzz #noise")


async def test_nobody_mutes_themselves(world):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("alice", "mine")
        await settled(pilot)
        await pilot.press("escape", "M")
        assert "You cannot mute yourself." in told(app) and not world.model.concerns.mutes


def test_whatever_is_kept_fits_into_the_document():
    concerns = Concerns()
    mark = ReadMark()
    for number in range(STREAMS_MAX):
        mark = mark.with_read(f"{number:064x}.{10**18 + number}", 10**16 + number)
    concerns.changed_elsewhere(encode(Personal(mark)))
    wide = "\N{SMILING FACE WITH OPEN MOUTH}"

    def keep_many() -> None:
        for number in range(VIEWS_MAX + 1):
            concerns.keep_view(View(wide * (NAME_MAX - 3) + f"{number:03}", "x" * 100))

    def mute_many() -> None:
        for number in range(MUTES_MAX + 1):
            concerns.mute(f"a{number:03}" + wide * (NAME_MAX - 4))

    for too_much in (keep_many, mute_many):
        with pytest.raises(ValueError, match="room"):
            too_much()
    assert len(encode(concerns._personal)) <= BYTES_MAX
    with pytest.raises(ValueError, match="at most"):
        concerns.keep_view(View("long", "x" * 1_000))
    with pytest.raises(ValueError, match="no name"):
        concerns.mute("#")


async def test_mutes_and_views_come_back_with_the_account_and_from_another_session():
    world = World()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("bot", "buy this")
        await settled(pilot)
        world.model.concerns.changed_elsewhere(encode(Personal(None, ("bot",), (View("#ops", "#ops"),))))
        await settled(pilot)
        assert "1 hidden: muted bot" in texts(app)[0]
        assert world.model.concerns.views == (View("#ops", "#ops"),)
