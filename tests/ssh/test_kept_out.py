"""Whom operators keep out is kept out over SSH, too, and leaves where they are in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from core.client import Client, ClientSettings, OperatorSeat
from core.wire import Ed25519Signer
from tests.ssh.conftest import Place
from tui.terminal.modes import RESTORE


@contextlib.asynccontextmanager
async def operator_at(place: Place) -> AsyncIterator[OperatorSeat]:
    """The first account of the network, at its server."""
    settings = ClientSettings(username="ada", secret="difference engine", register=True)
    client = Client(settings, [place.node.advertised], lambda event: None)
    running = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(client.wait_logged_in(), 30)
        seat = OperatorSeat(client, Ed25519Signer(b"a" * 32))
        await seat.orders()
        yield seat
    finally:
        await client.close()
        await running


async def test_a_closed_account_is_told_why_leaves_and_opens_with_no_key(place: Place):
    async with operator_at(place) as ada:
        await place.register("grace", key="hers")
        async with place.terminal("grace", key="hers") as grace, place.terminal("anonymous") as bystander:
            await grace.shows("you are grace")
            await bystander.shows("you are anonymous")
            closed = await ada.give(await ada.draft("close", "grace", because="stolen"))
            await grace.shows("This account was closed by ada (stolen).")
            assert await grace.status() == 0
            assert RESTORE.encode() in grace.output
            bystander.type("still here\r")
            await bystander.shows("still here")
        assert (await place.run("grace", "status", key="hers"))[0] != 0
        await ada.give(await ada.draft("undo", closed))
        status, _, errors = await place.run("grace", "status", key="hers")
        assert status == 0, errors
