"""F8: how a person is invited, how a server is, and who can do what of it."""

from __future__ import annotations

from functools import partial

import pytest
from textual.widgets import Button, Input, Static

from core.node.interface.snapshot import NodeSnapshot
from core.wire.address import Address
from core.wire.invitations import Invited, read_invitation
from tests.tui.driving import ready, screen_text, settled, type_line, until
from tests.tui.fakes import World, alone, snapshot
from tests.tui.test_real_node import app_on, running_server
from tui.application.app import ActivityApp
from tui.model.network_faces import SignIn
from tui.screens.asking import AskScreen, CopyScreen
from tui.screens.inviting import InvitationScreen, ServerInvitationScreen
from tui.text.invitation import invited_command

FINGERPRINT = "f" * 26


@pytest.fixture
def world() -> World:
    world = World()
    assert world.node is not None
    world.node.shown = in_network()
    return world


def in_network() -> NodeSnapshot:
    return snapshot(network=FINGERPRINT)


def shown(app: ActivityApp) -> str:
    """What is to be copied, in the dialog on top."""
    return str(app.screen.query_one("#what", Static).render())


async def test_f8_shows_and_copies_how_a_person_joins_and_no_secret(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))
        await settled(pilot)
        assert app.clipboard == shown(app) == f"activity-tui join 192.0.2.1:3780 --network {FINGERPRINT}"
        assert "correct horse" not in screen_text(app)


async def test_a_click_on_the_invitation_opens_it(world):
    world.node.shown = alone()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        assert "correct horse" not in screen_text(app) and "SECRET" not in screen_text(app)
        await pilot.click("ShareBar")
        assert isinstance(app.screen, InvitationScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_server_is_invited_with_three_keys_by_a_line_that_is_copied(world, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ServerInvitationScreen) and bool(app.focused))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        assert ("invite", 1, 86400.0) in world.node.calls
        assert app.clipboard == shown(app) == f"activity-tui join 192.0.2.1:3780/{'n' * 26}/{'c' * 26}"
        await settled(pilot)
        assert "good once, until " in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))


async def test_how_often_and_how_long_an_invitation_is_good_is_chosen(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.action_invite_server()
        await until(pilot, lambda: isinstance(app.screen, ServerInvitationScreen) and bool(app.focused))
        app.screen.query_one("#uses", Input).value = "5"
        app.screen.query_one("#good-for", Input).value = "7d"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        assert ("invite", 5, 7 * 86400.0) in world.node.calls
        await settled(pilot)
        assert "good 5 times, until " in screen_text(app)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("uses", "0", "out of range"), ("uses", "x", "whole number"), ("good-for", "soon", "not a time")],
)
async def test_what_cannot_be_chosen_is_said_beside_the_field_and_nothing_is_made(world, field, value, said):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.action_invite_server()
        await until(pilot, lambda: isinstance(app.screen, ServerInvitationScreen) and bool(app.focused))
        app.screen.query_one(f"#{field}", Input).value = value
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == field)
        assert said in str(app.screen.query_one("#problem", Static).render())
        assert not any(call[0] == "invite" for call in world.node.calls)


async def test_why_there_is_no_invitation_is_said_and_it_can_be_tried_again(world):
    world.node.invitations_fail = "No space left on device"
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.action_invite_server()
        await until(pilot, lambda: isinstance(app.screen, ServerInvitationScreen) and bool(app.focused))
        await pilot.press("enter")
        problem = app.screen.query_one("#problem", Static)
        await until(pilot, lambda: "No space left on device" in str(problem.render()))
        world.node.invitations_fail = ""
        # A button takes no key for as long as it shows that it was pressed.
        await until(pilot, lambda: not app.screen.query_one("#go").has_class("-active"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))


async def test_the_networks_secret_is_shown_on_demand_only_and_not_copied_unasked(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        assert shown(app) == "ACTIVITY_TUI_SECRET='correct horse' activity-tui join 192.0.2.1:3780"
        assert "correct horse" not in app.clipboard
        await pilot.press("y")
        assert app.clipboard == shown(app)


@pytest.mark.parametrize("node", [True, False], ids=["a guest over SSH", "a client"])
async def test_who_runs_no_server_invites_people_and_is_told_who_invites_servers(node):
    world = World(node=node, operator=False)
    if world.node is not None:
        world.node.shown = in_network()
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))
        await settled(pilot)
        network = FINGERPRINT if node else "abcdefghijklmnopqrstuvwxyz"
        assert app.clipboard == f"activity-tui join 192.0.2.1:3780 --network {network}"
        assert "Only who runs a server of this network" in " ".join(screen_text(app).split())
        await pilot.press("s", "w")
        await pilot.pause()
        assert isinstance(app.screen, InvitationScreen)
        assert "correct horse" not in screen_text(app)


async def test_a_server_joins_by_the_line_that_the_application_of_another_one_made(tmp_path):
    server = await running_server(tmp_path, "ada")
    app = app_on(server, SignIn("anonymous"))
    joined = None
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.model.online)
            app.main.action_invite_server()
            await until(pilot, lambda: isinstance(app.screen, ServerInvitationScreen) and bool(app.focused))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, CopyScreen))
            found = read_invitation(app.clipboard.split()[-1])
            assert found is not None
            joined = await running_server(tmp_path, "bob", server.advertised, invited=found[1])
            await until(pilot, lambda: len(server.snapshot().servers) == 2)
            assert joined.secret == server.secret
            assert any("an invitation for a server was made here, good once" in one.text for one in server.notices)
            assert not any(found[1].code in one.text for one in server.notices)
            await app.model.stop()
    finally:
        await server.abort()
        if joined is not None:
            await joined.abort()


INVITATION = f"192.0.2.7:99/{'n' * 26}/{'c' * 26}"


@pytest.mark.parametrize("line", [INVITATION, f"activity-tui join {INVITATION}"])
async def test_a_server_that_runs_already_joins_by_an_invitation(world, line):
    app = world.app()
    wanted = ("join", Address("192.0.2.7", 99), Invited("n" * 26, "c" * 26))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, f"/join {line}")
        await until(pilot, lambda: world.node.calls == [wanted])
        app.main.action_ask_join()
        await until(pilot, lambda: isinstance(app.screen, AskScreen) and bool(app.focused))
        app.screen.query_one(Input).value = line[:-1]
        await pilot.press("enter")
        assert "no whole invitation" in str(app.screen.query_one("#problem", Static).render())
        app.screen.query_one(Input).value = line
        await pilot.press("enter")
        await until(pilot, lambda: world.node.calls == [wanted, wanted])


async def test_two_networks_become_one_by_an_invitation_though_their_secrets_differ(tmp_path):
    ada = await running_server(tmp_path, "ada")
    bob = await running_server(tmp_path, "bob", secret="another")
    app = app_on(bob, SignIn("anonymous"))
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.model.online)
            invited = await ada.invite(1, 60.0)
            await type_line(pilot, "/join " + invited_command(ada.advertised, invited).split()[-1])
            await until(pilot, lambda: len(bob.snapshot().servers) == 2)
            assert (bob.network, bob.secret) == (ada.network, ada.secret)
            assert any("admitted to this network by an invitation" in one.text for one in ada.notices)
            await app.model.stop()
    finally:
        await ada.abort()
        await bob.abort()


def test_the_line_of_a_server_at_an_ipv6_address_is_one_word_in_every_shell():
    line = invited_command(Address("2001:db8::1", 3780), Invited("n" * 26, "c" * 26))
    assert line == f"activity-tui join '[2001:db8::1]:3780/{'n' * 26}/{'c' * 26}'"


def is_shown(app: ActivityApp, words: str) -> bool:
    return words in screen_text(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20), (40, 16)])
async def test_every_button_is_whole_and_can_be_reached_in_a_small_terminal(world, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for opened in (app.main.action_share, app.main.action_invite_server):
            opened()
            await until(pilot, lambda: app.screen is not app.main and bool(app.focused))
            for button in app.screen.query(Button):
                button.focus()
                await until(pilot, partial(is_shown, app, str(button.label)))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)
