"""Orders in the application: begun on a row, written after a slash, asked about, and signed with a key of one's own."""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path

import pytest

from core.wire.signed_orders import read_public_key
from tests.tui.driving import ready, screen_text, settled, type_line, until
from tests.tui.fakes import World, snapshot
from tui.application.app import ActivityApp
from tui.model.network_faces import SignIn
from tui.screens.asking import ConfirmScreen, CopyScreen
from tui.screens.reading import ReadingScreen
from tui.text.order_words import parse_order


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the operator's key will be."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share" / "activity-tui" / "operator-key"


def is_said(app: ActivityApp, words: str) -> bool:
    return words in screen_text(app).replace("\n", " ")


def toasts(app: ActivityApp) -> str:
    return " ".join(one.message for one in app._notifications)


def is_there(key: Path) -> bool:
    return key.exists()


def is_private(key: Path) -> bool:
    return stat.S_IMODE(key.stat().st_mode) == 0o600


def public_half(key: Path) -> bytes | None:
    return read_public_key(key.with_suffix(".pub").read_text())


async def test_an_order_is_asked_about_and_given_with_a_key_that_is_made_for_the_person(
    world: World, tmp_path: Path, key: Path
):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, '/order silence bob --because "advertising"')
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "silence: the account bob" in screen_text(app) and "told: advertising" in screen_text(app)
        assert not world.client.given
        await pilot.press("y", "enter")
        await until(pilot, lambda: bool(world.client.given))
        (order,) = world.client.given
        assert (order.kind, order.target, order.because) == ("silence", "bob", "advertising")
        assert is_private(key) and public_half(key) == order.key
        await until(pilot, lambda: "undo abcdefgh" in toasts(app))


@pytest.mark.parametrize("words", ["remove aa.1.1", "undo abcdefgh", "dismiss bob"])
async def test_of_what_is_for_good_nobody_is_told_how_to_undo_it(world: World, tmp_path: Path, key: Path, words: str):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, f"/order {words}")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y", "enter")
        await until(pilot, lambda: "Ordered: " in toasts(app))
        assert "undoes it" not in toasts(app)


@pytest.mark.parametrize("rekeys", [True, False])
async def test_behind_an_expulsion_it_is_asked_whether_the_network_gets_another_key(
    world: World, tmp_path: Path, key: Path, rekeys: bool
):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/order expel kitchen --since 0 --because 'it lies'")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "rekey: " in screen_text(app))
        await pilot.press(*(("y", "enter") if rekeys else ("escape",)))
        await until(pilot, lambda: ("known-hosts" if rekeys else "still has the network's key") in toasts(app))
        kinds = [(order.kind, order.because) for order in world.client.given]
        assert kinds == [("expel", "it lies"), ("rekey", "it lies")][: 1 + rekeys]


@pytest.mark.parametrize("words", ["expel kitchen --since 0 --keep-key", "rekey"])
async def test_of_the_network_itself_one_order_is_given(world: World, tmp_path: Path, key: Path, words: str):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, f"/order {words}")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y", "enter")
        await until(pilot, lambda: "Ordered: " in toasts(app))
        await settled(pilot)
        assert [order.kind for order in world.client.given] == [words.split()[0]]


async def test_the_safe_answer_orders_nothing(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/order close bob")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        assert not world.client.given


@pytest.mark.parametrize(
    ("pane", "begun"),
    [
        ("f4", "/order silence alice"),
        ("f3", "/order expel bb --since 0"),
        ("f6", "/order expel bb --since 0"),
    ],
)
async def test_d_begins_an_order_about_the_selected_row(world: World, tmp_path: Path, key: Path, pane: str, begun: str):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(pane)
        await pilot.press("g", *("j" if pane == "f6" else ""), "d")
        await until(pilot, lambda: app.main.composer.value.startswith("/order "))
        assert app.main.composer.value == begun
        assert app.focused is app.main.composer


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (("f2", "g"), "it is the application's own"),
        (("f5",), "No order is about an event"),
        (("f6", "g"), "That is the server that you are at"),
        (("f3", "G", "k", "k"), "comes from the server itself"),
    ],
)
async def test_of_a_row_that_no_order_is_about_d_says_so(
    world: World, tmp_path: Path, key: Path, keys: tuple[str, ...], why: str
):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.model.feed.mark("from here on, live", 0.0)
        await settled(pilot)
        await pilot.press("escape", *keys, "d")
        await until(pilot, lambda: why in toasts(app))
        assert app.main.composer.value == ""


async def test_d_tells_who_is_no_operator_and_makes_no_key_and_no_line(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.client.no_operator = "you are no operator of this network: bob is"
        await pilot.press("f4", "g", "d")
        await until(pilot, lambda: "You cannot decide here: you are no operator of this network: bob is" in toasts(app))
        await until(pilot, lambda: app.main.composer.value == "")
        assert not is_there(key)


async def test_a_key_that_was_there_stays_though_its_owner_is_no_operator(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/order key")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CopyScreen))
        world.client.no_operator = "you are no operator"
        await type_line(pilot, "/order list")
        await until(pilot, lambda: "The orders are not told: you are no operator" in toasts(app))
        assert is_private(key) and public_half(key)


async def test_nobody_decides_without_a_name(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path, first=SignIn("anonymous"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f4", "g", "d")
        await until(pilot, lambda: "log in with yours first" in toasts(app))
        assert app.main.composer.value == "" and not is_there(key)


async def test_what_somebody_was_writing_is_kept_when_an_order_begins(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half", "f4", "g", "d")
        await until(pilot, lambda: app.main.composer.value.startswith("/order "))
        await pilot.press("up")
        assert app.main.composer.value == "half"


async def test_the_list_shows_what_is_in_force_and_a_code_is_shown_to_be_handed_on(
    world: World, tmp_path: Path, key: Path
):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/order code bob")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y", "enter")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        assert "passwd 192.0.2.1:3780 -u bob --code" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CopyScreen))
        await type_line(pilot, "/order list")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen))
        await settled(pilot)
        assert "1970-01-01 00:00  alice: code bob" in screen_text(app) and "operators:" in screen_text(app)


async def test_what_is_wrong_is_said_and_nothing_is_ordered(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for line, why in (
            ("/order", "needs what is to be ordered (silence, close, remove, ban,"),
            ("/order silnce bob", "did you mean"),
            ("/order expel bb", "expel needs --since"),
            ("/order silence", "needs other words"),
        ):
            await type_line(pilot, line)
            await until(pilot, partial(is_said, app, why))
            app.main.composer.value = ""
        await type_line(pilot, "/order close nobody")
        await until(pilot, lambda: "there is no nobody" in toasts(app))
        world.client.no_operator = "your key is no operator's"
        await type_line(pilot, "/order close bob")
        await until(pilot, lambda: "no operator" in toasts(app))
        assert not world.client.given


async def test_the_first_account_of_a_network_shows_its_key_as_soon_as_it_is_in(
    world: World, tmp_path: Path, key: Path
):
    assert world.node is not None
    world.node.shown = snapshot(awaits_key_of="alice")
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: bool(world.client.shown_keys))
        await until(pilot, lambda: "You are the operator" in toasts(app))
        assert public_half(key) == world.client.shown_keys[0]


@pytest.mark.parametrize("node", [True, False], ids=["at their own server", "as a client"])
async def test_it_shows_it_also_when_the_network_says_only_later_that_it_is_the_first(
    tmp_path: Path, key: Path, node: bool
):
    world = World(node=node)
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert not world.client.shown_keys
        later = snapshot(awaits_key_of="alice")
        if world.node is not None:
            world.node.shown = later
        else:
            app.model.snapshot = later
            app.model.on_change()
        await until(pilot, lambda: "You are the operator" in toasts(app))
        assert len(world.client.shown_keys) == 1 and is_private(key)


async def test_nobody_else_has_a_key_made(world: World, tmp_path: Path, key: Path):
    app = world.app(person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert not world.client.shown_keys and not is_there(key)


async def test_where_the_persons_own_files_are_elsewhere_no_order_is_given(world: World, key: Path):
    app = world.app(person_dir=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/order close bob")
        await until(pilot, lambda: "your own machine" in screen_text(app).replace("\n", " "))
        assert not world.client.given and not is_there(key)


def test_an_order_is_read_as_on_the_command_line():
    assert parse_order("secret").holds == "7d" and parse_order("secret --for 2d").holds == "2d"
    words = parse_order("expel kitchen --since=2026-11-20 --keep-activities --because 'it lies'")
    assert words.target == "kitchen" and words.because == "it lies" and words.switches == {"--keep-activities"}
    assert parse_order("appoint 'b ob' ssh-ed25519 AAAA b@x").operands == ("b ob", "ssh-ed25519", "AAAA", "b@x")
    for text in (
        "",
        "silence 'bob",
        "ban",
        "close bob --becuase x",
        "close bob --because",
        "expel a --since tomorrow",
        "secret --for ever",
    ):
        with pytest.raises(ValueError, match=r"\w"):
            parse_order(text)
