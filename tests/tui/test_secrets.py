"""A secret that was made for somebody: remembered, shown until they have it, and changed when they want another one."""

from __future__ import annotations

import concurrent.futures
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, RadioButton

from tests.tui.driving import fill, ready, screen_text, settled, until, welcomed
from tests.tui.fakes import FakeClient, World
from tui.application.app import ActivityApp
from tui.model.network_faces import SecretUnchanged, SecretUnknown, SignIn
from tui.remembered import credentials
from tui.screens.secret_dialogs import ChangeSecretScreen, SecretScreen

HERE = credentials.HERE


def account(directory: Path, name: str) -> credentials.SavedAccount | None:
    remembered = credentials.load(directory)
    return remembered.account(name, HERE) if remembered is not None else None


async def registered(pilot: Pilot[Any], name: str = "zoe") -> str:
    """Somebody new lets a secret be made; which one."""
    app = await welcomed(pilot)
    await pilot.press(*name, "enter", "enter")
    return await shown(pilot, app)


async def shown(pilot: Pilot[Any], app: ActivityApp) -> str:
    await until(pilot, lambda: isinstance(app.screen, SecretScreen) and bool(app.focused), 30.0)
    screen = app.screen
    assert isinstance(screen, SecretScreen)
    return screen._secret


async def test_a_secret_that_is_made_is_remembered_without_being_asked_for_in_a_file_of_the_person_alone(
    world: World, tmp_path: Path
):
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await registered(pilot)
        assert len(secret) == 26 and secret in screen_text(app)
        assert str(tmp_path)[:20] in screen_text(app) and "only you can read" in screen_text(app)
        kept = account(tmp_path, "zoe")
        assert kept is not None and kept.secret == secret
        assert stat.S_IMODE((tmp_path / credentials.FILE_NAME).stat().st_mode) == 0o600
        assert world.client.identity.secret == secret


@pytest.mark.slow
@pytest.mark.parametrize("way", ["tab", "right", "down"])
async def test_a_secret_that_was_made_stays_until_it_is_confirmed(world: World, tmp_path: Path, way: str):
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await registered(pilot)
        for key in ("escape", "escape", "enter", "enter", "q", "n", "x", "space", "y"):
            await pilot.press(key)
        assert isinstance(app.screen, SecretScreen) and app.clipboard == secret
        await pilot.press(way, "enter")
        await until(pilot, lambda: not isinstance(app.screen, SecretScreen))
        await settled(pilot)
        assert secret not in screen_text(app) and app.unconfirmed == ()


async def test_a_secret_is_put_down_before_the_network_is_asked_to_take_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    there: list[credentials.SavedAccount | None] = []
    run = FakeClient.run

    async def asked(client: FakeClient) -> None:
        there.append(account(tmp_path, "zoe"))
        await run(client)

    monkeypatch.setattr(FakeClient, "run", asked)
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await registered(pilot)
    assert there[0] is not None and there[0].expected == secret and there[0].secret is None


async def test_of_a_registration_that_was_refused_nothing_is_kept(tmp_path: Path):
    world = World(refuse="zoe is already registered")
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press(*"zoe", "enter", "enter")
        await until(pilot, lambda: "already registered" in screen_text(app))
        await until(pilot, lambda: account(tmp_path, "zoe") is None)


async def test_whoever_does_not_want_a_secret_remembered_is_told_that_nobody_has_it(world: World, tmp_path: Path):
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        tick = app.screen.query_one(Checkbox)
        assert tick.value
        tick.value = False
        secret = await registered(pilot)
        assert "not remembered here, as you chose" in screen_text(app)
        assert len(app.unconfirmed) == 1 and secret in app.unconfirmed[0]
        assert str(app.screen.query_one("#have", Button).label) == "I have noted it"
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.unconfirmed == ())
        assert account(tmp_path, "zoe") is None


async def test_a_secret_that_cannot_be_remembered_is_shown_with_the_reason_and_told_again_on_leaving(
    world: World, tmp_path: Path
):
    (tmp_path / "file").write_text("in the way")
    app = world.app(first=None, person_dir=tmp_path / "file" / "directory")
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await registered(pilot)
        assert "could not be remembered" in screen_text(app) and "directory" in screen_text(app).lower()
        assert secret in screen_text(app)
    assert app.unconfirmed == (f"the secret of zoe, which is kept nowhere else: {secret}",)


async def test_where_there_is_no_place_to_remember_anything_that_is_said(world: World):
    app = world.app(first=None, person_dir=None)
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await registered(pilot)
        assert "Nothing of it is kept on this side" in screen_text(app) and secret in screen_text(app)


async def test_a_name_given_on_the_command_line_is_registered_with_a_secret_that_is_remembered(
    world: World, tmp_path: Path
):
    app = world.app(first=SignIn("register", "zoe", remember=True), person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        secret = await shown(pilot, app)
        kept = account(tmp_path, "zoe")
        assert kept is not None and kept.secret == secret


@pytest.mark.slow
async def test_the_secrets_of_all_names_are_kept_and_a_remembered_one_need_not_be_typed(world: World, tmp_path: Path):
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        secrets = {}
        for name in ("zoe", "yan"):
            secrets[name] = await registered(pilot, name)
            await pilot.press("tab", "enter")
            await ready(pilot)
            app.action_identity()
            await welcomed(pilot)
            fill(app, "#name", "")
        for name, secret in secrets.items():
            kept = account(tmp_path, name)
            assert kept is not None and kept.secret == secret
        app.screen.query_one("#way").query(RadioButton)[1].value = True
        fill(app, "#name", "zoe")
        await pilot.pause()
        assert "remembered here" in app.screen.query_one("#secret", Input).placeholder
        await pilot.click("#go")
        await until(pilot, lambda: world.client.identity.way == "login" and app.model.online)
        assert world.client.identity == SignIn("login", "zoe", secrets["zoe"], remember=True)


async def test_a_secret_that_somebody_typed_is_remembered_at_a_login_only_if_they_want_it(world: World, tmp_path: Path):
    app = world.app(first=None, suggestion="zoe", person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        assert not app.screen.query_one(Checkbox).value
        await pilot.press(*"pw", "enter")
        await ready(pilot)
        await until(pilot, lambda: credentials.load(tmp_path) is not None)
        remembered = credentials.load(tmp_path)
        assert remembered is not None and remembered.username == "zoe" and remembered.last_at(HERE) == "zoe"
        assert remembered.secret is None and not remembered.accounts


# --- another one ------------------------------------------------------------------------------------------------------


async def asked_for_another(pilot: Pilot[Any], app: ActivityApp) -> None:
    await ready(pilot)
    app.action_change_secret()
    await until(pilot, lambda: isinstance(app.screen, ChangeSecretScreen) and bool(app.focused))


async def test_a_secret_is_changed_to_one_that_is_made_remembered_and_shown(world: World, tmp_path: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked_for_another(pilot, app)
        await pilot.press("enter", "enter")
        secret = await shown(pilot, app)
        assert world.changes == [("secret", secret)]
        assert "is changed" in screen_text(app)
        kept = account(tmp_path, "alice")
        assert kept is not None and kept.secrets == (secret,)
        assert app.model.identity is not None and app.model.identity.secret == secret


async def test_a_secret_is_changed_to_one_that_is_typed_twice(world: World, tmp_path: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked_for_another(pilot, app)
        await pilot.press(*"new", "enter", *"nwe", "enter")
        await until(pilot, lambda: "differ" in screen_text(app))
        assert world.changes == []
        fill(app, "#again", "new")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChangeSecretScreen))
        assert world.changes == [("secret", "new")]
        kept = account(tmp_path, "alice")
        assert kept is not None and kept.secret == "new"


async def test_a_change_that_is_refused_stays_in_the_dialog_with_the_reason(world: World, tmp_path: Path):
    world.secret_problem = SecretUnchanged("this server is older and cannot change secrets")
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked_for_another(pilot, app)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "cannot change secrets" in screen_text(app))
        kept = account(tmp_path, "alice")
        assert isinstance(app.screen, ChangeSecretScreen) and (kept is None or kept.expected is None)
        await pilot.press("escape")
        assert app.model.identity is not None and app.model.identity.secret == "secret"


async def test_when_nobody_knows_whether_it_was_changed_both_secrets_are_kept_and_the_new_one_shown(
    world: World, tmp_path: Path
):
    credentials.confirm(tmp_path, "alice", "secret", HERE)
    world.secret_problem = SecretUnknown("there was no answer")
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked_for_another(pilot, app)
        await pilot.press("enter", "enter")
        secret = await shown(pilot, app)
        assert "Nobody can tell" in screen_text(app)
        kept = account(tmp_path, "alice")
        assert kept is not None and kept.secrets == ("secret", secret)


async def test_whoever_came_in_without_a_secret_has_to_give_the_present_one(world: World):
    app = world.app(first=SignIn("login", "alice", None))
    async with app.run_test(size=(80, 24)) as pilot:
        await asked_for_another(pilot, app)
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: "present secret first" in screen_text(app))
        fill(app, "#present", "old")
        await pilot.click("#go")
        await shown(pilot, app)
        assert world.changes[0][0] == "old"


async def test_anonymous_people_have_no_secret_to_change(world: World):
    app = world.app(first=SignIn("anonymous"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.action_change_secret()
        await pilot.pause()
        assert not isinstance(app.screen, ChangeSecretScreen)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_what_another_program_has_put_down_meanwhile_stays(tmp_path: Path):
    credentials.enter(tmp_path, "zoe", "1", HERE)
    credentials.expect(tmp_path, "yan", "2", "a.example:3780")
    credentials.confirm(tmp_path, "yan", "2", "b.example:3780")
    credentials.expect(tmp_path, "zoe", "3", HERE)
    remembered = credentials.load(tmp_path)
    assert remembered is not None and (remembered.username, remembered.secret) == ("zoe", "1")
    assert remembered.account("zoe", HERE) == credentials.SavedAccount("zoe", "1", "3", (HERE,))
    assert remembered.account("yan", "a.example:3780") == remembered.account("yan", "b.example:3780")
    credentials.confirm(tmp_path, "zoe", "3", HERE)
    remembered = credentials.load(tmp_path)
    assert remembered is not None and remembered.secret == "3", "the next start logs in with the new one"


def test_one_name_in_two_networks_has_two_secrets(tmp_path: Path):
    credentials.confirm(tmp_path, "zoe", "1", "a.example:3780")
    credentials.confirm(tmp_path, "zoe", "2", "b.example:3780")
    remembered = credentials.load(tmp_path)
    assert remembered is not None
    assert [remembered.account("zoe", f"{host}.example:3780").secret for host in "ab"] == ["1", "2"]  # type: ignore[union-attr]


def test_a_file_that_cannot_be_read_is_put_aside_and_not_written_over(tmp_path: Path):
    (tmp_path / credentials.FILE_NAME).write_bytes(b'{"username": "zoe", "secret": "only he')
    credentials.confirm(tmp_path, "yan", "2", HERE)
    assert (tmp_path / credentials.DAMAGED_NAME).read_bytes().endswith(b"only he")
    kept = account(tmp_path, "yan")
    assert kept is not None and kept.secret == "2"


def test_two_programs_that_remember_at_once_lose_nothing_of_each_other(tmp_path: Path):
    names = [f"n{number}" for number in range(12)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: credentials.confirm(tmp_path, name, f"secret of {name}", HERE), names))
    assert all(account(tmp_path, name) is not None for name in names)


def test_more_than_is_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(credentials, "BYTES_MAX", 200)
    credentials.confirm(tmp_path, "zoe", "1", HERE)
    with pytest.raises(OSError, match="more than 200 bytes"):
        credentials.confirm(tmp_path, "yan", "2" * 200, HERE)
    kept = account(tmp_path, "zoe")
    assert kept is not None and kept.secret == "1"


def test_what_earlier_versions_remembered_is_still_known(tmp_path: Path):
    (tmp_path / credentials.FILE_NAME).write_bytes(b'{"username":"zoe","secret":"s3cret"}')
    remembered = credentials.load(tmp_path)
    assert remembered is not None and remembered.anywhere("zoe") == credentials.SavedAccount("zoe", "s3cret")
    credentials.confirm(tmp_path, "zoe", "new", HERE)
    remembered = credentials.load(tmp_path)
    assert remembered is not None and remembered.secret == "new"
    assert "new" not in repr(remembered) and "new" not in repr(remembered.accounts)
    assert sorted(os.listdir(tmp_path)) == [credentials.FILE_NAME, credentials.LOCK_NAME]
