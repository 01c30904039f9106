"""What the operator of a node does with the network, and how others are invited to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import tzinfo
from typing import Any

from textual import on

from core.node import ConnectionView
from core.wire import Address, Invited, parse_address, read_invitation, why_not_reached
from tui.model.client_model import ClientModel
from tui.model.network_faces import NodeFace
from tui.panes.overview import address_for_others
from tui.screens.asking import AskScreen, ConfirmScreen, CopyScreen
from tui.screens.deciding import (
    WHERE,
    NothingToDecide,
    about_activity,
    about_connection,
    about_server,
    about_user,
)
from tui.screens.inviting import NO_SERVER, WITH_SERVER, InvitationScreen, ServerInvitationScreen
from tui.screens.viewing import ViewingScreen
from tui.text import invitation
from tui.text.safe_text import neutralise, neutralise_name
from tui.text.shown_paths import shown_path
from tui.widgets.bars import ShareBar


class OperatorScreen(ViewingScreen):
    """The panes, with what may be done to the node here."""

    def __init__(self, model: ClientModel, *, zone: tzinfo | None) -> None:
        super().__init__(model, zone=zone)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _own_node(self) -> NodeFace | None:
        """The node here, for its operator; a guest's session (over SSH) may look at it and no more."""
        return self.model.node if self.model.owns_node else None

    @on(ShareBar.Clicked)
    def _share_clicked(self) -> None:
        self.action_share()

    def action_share(self) -> None:
        model, node = self.model, self._own_node
        address = address_for_others(model)
        if address is None:
            return
        # Servers of earlier versions do not say which network they are of; who talks to one has seen it.
        told = neutralise(model.snapshot.network, 40) if model.snapshot is not None else ""
        network = told or model.network
        command = invitation.client_command(address, network)
        lines = [
            "There is no secret in it: it is good for everybody, and for ever.",
            invitation.caution(address),
            WITH_SERVER if node is not None else NO_SERVER,
            *self._over_ssh(address),
        ]
        self.app.copy_to_clipboard(command)
        self.app.push_screen(
            InvitationScreen(
                "A person, who needs no server, joins with this. It has been copied:",
                command,
                "\n".join(line for line in lines if line),
                server=self.action_invite_server if node is not None else None,
                secret=self._show_secret if node is not None else None,
            )
        )

    def _over_ssh(self, address: Address) -> list[str]:
        """How people come in where there is nothing but ssh, if the server here lets them."""
        snapshot = self.model.snapshot
        here = snapshot.servers[0] if snapshot is not None and snapshot.servers else None
        if snapshot is None or here is None or not here.ssh:
            return []
        lines = [f"With nothing installed: {invitation.ssh_command(address.host, here.ssh, 'NAME')}"]
        if authority := snapshot.ssh_authority:
            line = invitation.known_hosts_line([(address.host, here.ssh)], authority)
            lines += ["ssh asks nobody whether it is the right server with this in ~/.ssh/known_hosts:", line]
        return lines

    def action_invite_server(self) -> None:
        """Ask how good an invitation for a server is to be, and make it."""
        node = self._own_node
        if node is None:
            self.notify(NO_SERVER, severity="warning", markup=False, timeout=5)
            return
        address = node.advertised

        async def invite(uses: int, seconds: float) -> None:
            expires = time.time() + seconds
            try:
                invited = await node.invite(uses, seconds)
            except Exception as error:
                self.app.call_later(screen.refused, f"no invitation was made: {error}")
            else:
                command = invitation.invited_command(address, invited)
                self.app.call_later(shown, command, invitation.how_good(uses, expires))

        def shown(command: str, how_good: str) -> None:
            screen.dismiss(None)
            after = [
                f"It is {how_good}, at this server alone. Give it by a way that you trust.",
                invitation.caution(address),
            ]
            self.app.copy_to_clipboard(command)
            self.app.push_screen(
                CopyScreen(
                    "Invite a server",
                    "A server joins with this. It has been copied:",
                    command,
                    "\n".join(line for line in after if line),
                )
            )

        screen = ServerInvitationScreen(lambda uses, seconds: self._spawn(invite(uses, seconds), "invite"))
        self.app.push_screen(screen)

    def _show_secret(self) -> None:
        """Show the network's secret, for who wants it though there are invitations."""
        node = self._own_node
        if node is None:
            return
        command = invitation.server_command(node.advertised, node.secret)
        self.app.push_screen(
            CopyScreen(
                "The network's secret",
                "For scripts that start servers, and for servers of the base protocol:",
                command,
                "Whoever has the secret lets servers into the network, as often as they like, until it is another one: "
                "people had better have invitations. It has not been copied.",
            )
        )

    def action_ask_join(self) -> None:
        def problem(text: str) -> str | None:
            try:
                return why_not_reached(_invitation_in(text)[0].host)
            except ValueError as error:
                return str(error)

        def answered(text: str | None) -> None:
            if text:
                self._join(text)

        self.app.push_screen(
            AskScreen(
                "Join a network",
                "An invitation that a server of the other network has made (F8 there), or its address, where both "
                "networks have the same secret. They become one: everybody sees everybody, and of two accounts with "
                "one name the younger is renamed. That cannot be undone.",
                placeholder="HOST:PORT/NETWORK/CODE or HOST:PORT",
                go="Join",
                problem=problem,
            ),
            answered,
        )

    def _join(self, text: str) -> None:
        address, invited = _invitation_in(text)
        node = self._own_node
        if node is not None:
            node.join(address, invited)
            self.notify(f"Dialling {neutralise(str(address), 200)}; the events tell what comes of it.", markup=False)

    def action_disconnect(self) -> None:
        node, view = self._own_node, self.connections
        if node is None:
            self.notify("Who runs a server ends its connections, and none of yours runs here.", markup=False, timeout=4)
            return
        if "connections" not in self.visible_panes():
            # Whom it is about has to be seen.
            self.action_show_pane("connections")
        selected = view.selected
        if selected is None:
            self.notify("Nobody is connected.", markup=False, timeout=3)
            return
        conn, who = view.connection_at(selected), view.rows[selected].cells[0]
        visitor, visitors = view.visitor_at(selected), self.model.visitors

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            if conn is not None:
                node.disconnect(conn, "the operator ended the connection")
            elif visitor is not None and visitors is not None:
                visitors.end(visitor, "The operator of this server has ended your session.")

        found = [one for one in self.model.snapshot.connections if one.conn == conn] if self.model.snapshot else []
        question = what_disconnecting_does(who, found[0] if found else None)
        self.app.push_screen(ConfirmScreen("Disconnect", question, yes="Disconnect", no="Keep"), answered)

    async def action_order(self) -> None:
        """Put the beginning of an order about the selected row into the line where one writes, for an operator."""
        try:
            text = self._order_about(self.current)
        except NothingToDecide as problem:
            self.notify(str(problem), severity="warning", markup=False)
        else:
            await self.app.run_action(f"begin_order({text!r})")

    def begin_line(self, text: str) -> None:
        """Have somebody go on writing a line. What they were writing stays for the up key."""
        self.action_write()
        self.composer.remember(self.composer.value)
        self.composer.value = text
        self.composer.cursor_position = len(text)

    def drop_line(self, text: str) -> None:
        """Take back a line that was begun for somebody, unless they went on with it."""
        if self.composer.value == text:
            self.composer.value = ""

    def _order_about(self, pane: str) -> str:
        """Raises NothingToDecide."""
        snapshot = self.model.snapshot
        match pane:
            case "feed":
                selected = self.feed.selected
                return about_activity(self.feed.entry(selected) if selected is not None else None)
            case "users":
                selected = self.users.selected
                return about_user(str(self.users.rows[selected].key) if selected is not None else None)
            case "connections":
                selected = self.connections.selected
                if selected is None or snapshot is None:
                    return about_connection(None)
                number, conn = self.connections.visitor_at(selected), self.connections.connection_at(selected)
                sessions = self.model.visitors.sessions() if self.model.visitors is not None else ()
                visitor = next((one.address for one in sessions if one.number == number), "")
                return about_connection(next((one for one in snapshot.connections if one.conn == conn), None), visitor)
            case "network":
                selected = self.network.selected
                return about_server(str(self.network.row_key(selected)) if selected is not None else None, snapshot)
            case _:
                raise NothingToDecide(f"No order is about an event: {WHERE}.")

    def action_backup(self) -> None:
        node = self._own_node
        if node is None:
            return

        async def back_up() -> None:
            try:
                path = await node.backup_now()
            except Exception as error:
                self.notify(f"No backup was written: {error}", severity="error", markup=False)
            else:
                self.notify(f"A backup was written to {shown_path(path)}", markup=False)

        self._spawn(back_up(), "backup")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _invitation_in(text: str) -> tuple[Address, Invited | None]:
    """The server that a person names, and what it has invited them by, if it has. Raises ValueError."""
    words = text.split()
    found = read_invitation(words[-1]) if words else None
    if found is not None:
        return parse_address(found[0]), found[1]
    if "/" in text:
        raise ValueError("that is no whole invitation: it is HOST:PORT/NETWORK/CODE; copy the whole line")
    return parse_address(text), None


def what_disconnecting_does(who: str, one: ConnectionView | None) -> str:
    """The question before a connection is ended; `one` is None for a session over SSH."""
    if one is None:
        return f"This ends the session of {who} over SSH. They may come in again at once."
    peer = neutralise_name(one.peer, 100)
    if one.role == "server":
        return (
            f"This ends the link with the server {who} at {peer}. Nobody is logged out and nothing is lost; the two "
            "may link again by themselves."
        )
    if one.origin == "local":
        return f"This ends the connection of {who}, who is at this server itself: you, or somebody over SSH."
    return f"This ends the connection of {who} from {peer}. They may log in again at once."
