"""What somebody is writing is there again when they come back."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conversing import Conversation, named, said
from tests.tui.driving import ready, screen_text, settled, until
from tests.tui.fakes import NOON, World
from tui.application import draft_keeping
from tui.feed.activities import note
from tui.model.network_faces import SignIn
from tui.remembered import drafts
from tui.remembered.drafts import Draft

ACCOUNT = "/alice"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(draft_keeping, "PAUSE", 0.01)


async def test_a_draft_is_there_after_a_restart_and_says_so_and_sends_nothing(tmp_path):
    before = World().app(person_dir=tmp_path)
    async with before.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half a", "alt+enter", *"thought")
    world = World()
    after = world.app(person_dir=tmp_path)
    async with after.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: after.main.composer.value == "half a\nthought")
        await settled(pilot)
        assert "Your draft of" in screen_text(after) and "Enter sends it" in screen_text(after)
        assert world.client.posted == []
        await pilot.press("!")
        await settled(pilot)
        assert "Your draft of" not in screen_text(after)
        await pilot.press("enter")
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) == [])


async def test_a_draft_is_kept_while_it_is_written_so_that_a_kill_loses_little(tmp_path):
    app = World().app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half")
        await until(pilot, lambda: [one.text for one in drafts.load(tmp_path, ACCOUNT)] == ["half"])
        assert stat.S_IMODE((tmp_path / drafts.FILE_NAME).stat().st_mode) == 0o600
        await pilot.press("ctrl+c")
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) == [])


async def test_what_was_typed_before_the_draft_came_stays_and_the_up_key_brings_the_draft(tmp_path):
    drafts.keep(tmp_path, ACCOUNT, "w", Draft("of last time", NOON))
    app = World().app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.main.composer.value = "typed ahead"
        await ready(pilot)
        await until(pilot, lambda: "Your draft of 12:00" in screen_text(app))
        assert app.main.composer.value == "typed ahead"
        await pilot.press("up")
        assert app.main.composer.value == "of last time"


@pytest.mark.parametrize(
    "text",
    ["/login alice tiger2", " /passwd tiger2", "hello\n/login alice tiger2", "it is correct horse", "!login a tiger2"],
)
async def test_commands_and_secrets_are_never_kept(text, tmp_path):
    world = World()
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half")
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) != [])
        world.model.identity = SignIn("login", "alice", "correct horse")
        app.main.composer.value = text
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) == [])
        await settled(pilot)
    kept = tmp_path / drafts.FILE_NAME
    assert "tiger2" not in kept.read_text() and "horse" not in kept.read_text()


@contextlib.asynccontextmanager
async def replying(person_dir: Path) -> AsyncIterator[Pilot[Any]]:
    """Somebody who is writing a reply to bob."""
    world = World()
    async with world.app(person_dir=person_dir).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        Conversation(world)("bob", "p", said("who comes along?"))
        await settled(pilot)
        await pilot.press("escape", "r", *"perhaps")
        yield pilot


async def test_the_draft_of_a_reply_is_one_again_after_a_restart_though_what_it_answers_is_not_loaded(tmp_path):
    async with replying(tmp_path):
        pass
    world = World()
    after = world.app(person_dir=tmp_path)
    async with after.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: after.main.composer.value == "perhaps")
        await settled(pilot)
        assert "Reply to bob" in screen_text(after) and "who comes along?" in screen_text(after)
        await pilot.press("enter")
        await until(pilot, lambda: world.client.posted != [])
        posted = world.client.posted[0][1]["object"]
        assert (posted["content"], posted["inReplyTo"], posted["to"]) == ("perhaps", named("bob", "p"), ["bob"])
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) == [])


async def test_a_reply_that_is_none_any_more_is_none_after_a_restart(tmp_path):
    async with replying(tmp_path) as pilot:
        await until(pilot, lambda: [one.answers for one in drafts.load(tmp_path, ACCOUNT)] not in ([], [None]))
        await pilot.press("escape")
        await until(pilot, lambda: [one.answers for one in drafts.load(tmp_path, ACCOUNT)] == [None])


async def test_two_applications_that_write_at_a_time_lose_nothing_of_each_other(tmp_path):
    one, other = World().app(person_dir=tmp_path), World().app(person_dir=tmp_path)
    async with one.run_test(size=(80, 24)) as here:
        await ready(here)
        await here.press(*"first")
        async with other.run_test(size=(80, 24)) as there:
            await ready(there)
            await until(there, lambda: other.main.composer.value == "first")
            await there.press(*"-a")
        await here.press(*"-b")
    after = World().app(person_dir=tmp_path)
    async with after.run_test(size=(120, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: after.main.composer.value == "first-b")
        await settled(pilot)
        assert "The up key brings 1 more draft." in screen_text(after)
        await pilot.press("up")
        assert after.main.composer.value == "first-a"


def test_a_file_of_before_there_were_several_drafts_is_read(tmp_path):
    (tmp_path / drafts.FILE_NAME).write_bytes(b'{"/alice":{"text":"half","at":1.0}}')
    (tmp_path / drafts.FILE_NAME).chmod(0o600)
    assert [one.text for one in drafts.load(tmp_path, ACCOUNT)] == ["half"]


async def test_a_session_without_a_place_on_this_machine_keeps_nothing(tmp_path):
    app = World().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half")
    assert list(tmp_path.iterdir()) == []


def test_each_account_of_each_network_has_its_own_draft_and_the_oldest_go(tmp_path):
    for number in range(drafts.ACCOUNTS_MAX + 2):
        drafts.keep(tmp_path, f"network/{number}", "w", Draft(f"text {number}", NOON))
    assert drafts.load(tmp_path, "network/0") == drafts.load(tmp_path, "network/1") == []
    assert drafts.load(tmp_path, "network/2") == [Draft("text 2", NOON, writer="w")]
    assert drafts.load(tmp_path, "elsewhere/2") == []
    drafts.keep(tmp_path, "network/2", "w", None)
    assert drafts.load(tmp_path, "network/2") == []


def test_of_a_draft_no_more_is_kept_than_fits_and_blanks_are_none(tmp_path):
    drafts.keep(tmp_path, ACCOUNT, "w", Draft("x" * 1_000_000, NOON))
    (found,) = drafts.load(tmp_path, ACCOUNT)
    assert len(found.text) == drafts.CHARACTERS_MAX
    drafts.keep(tmp_path, ACCOUNT, "w", Draft(" \n ", NOON))
    assert drafts.load(tmp_path, ACCOUNT) == []


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"/alice":7}', b'{"/alice":{"text":7,"at":1}}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path, content):
    (tmp_path / drafts.FILE_NAME).write_bytes(content)
    assert drafts.load(tmp_path, ACCOUNT) == []
    drafts.keep(tmp_path, ACCOUNT, "w", Draft("text", NOON))
    assert drafts.load(tmp_path, ACCOUNT) == [Draft("text", NOON, writer="w")]


async def test_a_disk_that_takes_nothing_is_told_once_and_ends_nothing(tmp_path, monkeypatch, caplog):
    def full(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(drafts, "keep", full)
    app = World().app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for _ in range(3):
            await pilot.press("x")
            await until(pilot, lambda: "no space left" in caplog.text)
    assert caplog.text.count("no space left") == 1


async def test_a_draft_with_half_a_character_in_it_is_kept(tmp_path):
    app = World().app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.composer.value = "caf\udce9 \ud83d\ude00"
        await until(pilot, lambda: drafts.load(tmp_path, ACCOUNT) != [])
    assert [one.text for one in drafts.load(tmp_path, ACCOUNT)] == ["caf\ufffd \U0001f600"]


def test_half_a_character_is_posted_as_a_sign_for_it():
    assert note("caf\udce9")["object"] == {"type": "Note", "mediaType": "text/plain", "content": "caf\ufffd"}


async def test_what_somebody_writes_when_a_reply_was_kept_is_no_reply_and_says_how_that_one_comes(tmp_path):
    async with replying(tmp_path):
        pass
    after = World().app(person_dir=tmp_path)
    async with after.run_test(size=(120, 24)) as pilot:
        after.main.composer.value = "something else"
        await ready(pilot)
        await until(pilot, lambda: "as no reply any more" in screen_text(after))
        assert after.main.composer.value == "something else"
        assert after.main.answering is None and "Reply to" not in screen_text(after)
