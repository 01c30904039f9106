"""Two parts of a network gave one name away: each of the two people comes in over SSH, as over the protocol."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from core.wire.entries import AccountFact
from tests.ssh.conftest import SECRET, Place, serving

OTHER_SECRET = "difference engine"


class Listening(asyncssh.SSHClient):
    """A client that keeps what it is told before it is in."""

    def __init__(self) -> None:
        self.banners: list[str] = []

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners.append(msg)


@contextlib.asynccontextmanager
async def two_called_grace(directory: Path) -> AsyncIterator[tuple[Place, AccountFact, AccountFact]]:
    """A server, and two accounts that were registered as grace: the one that has the name, and the one that lost it."""
    async with serving(directory, "first") as first, serving(directory, "second") as second:
        await first.register("grace", key="holder")
        await second.register("grace", key="loser", secret=OTHER_SECRET)
        holder, loser = first.node.account("grace"), second.node.account("grace")
        assert holder is not None and loser is not None
        second.node.join(first.node.advertised)
        await first.until(lambda: first.node.account_name(loser.claim) not in (None, "grace"))
        await first.until(lambda: bool(first.ssh.keyring.keys(loser.claim)))
        yield first, holder, loser


async def who_comes_in(place: Place, **options: object) -> tuple[str, str | None, str]:
    """Somebody comes in as grace: their name, their account, and what they were told before."""
    heard: list[Listening] = []

    def listening() -> Listening:
        heard.append(Listening())
        return heard[-1]

    connection = await place.connect("grace", client_factory=listening, **options)
    (there,) = place.ssh._connections
    user = there.remote_user
    connection.close()
    await connection.wait_closed()
    await place.until(lambda: not place.ssh._connections)
    assert user is not None
    return user.name, user.claim, "".join(heard[0].banners)


async def test_each_of_two_who_registered_a_name_comes_in_with_their_own_secret(tmp_path: Path) -> None:
    async with two_called_grace(tmp_path) as (place, holder, loser):
        by_secret = {"preferred_auth": "password"}
        assert await who_comes_in(place, password=SECRET, **by_secret) == ("grace", holder.claim, "")
        name = place.node.account_name(loser.claim)
        found = await who_comes_in(place, password=OTHER_SECRET, **by_secret)
        assert found[:2] == (name, loser.claim) and f"you are {name} now" in found[2]
        with pytest.raises(asyncssh.PermissionDenied):
            await who_comes_in(place, password="guess", **by_secret)


async def test_each_of_them_comes_in_with_their_own_key(tmp_path: Path) -> None:
    async with two_called_grace(tmp_path) as (place, holder, loser):
        assert (await who_comes_in(place, client_keys=[str(place.key("holder"))]))[:2] == ("grace", holder.claim)
        found = await who_comes_in(place, client_keys=[str(place.key("loser"))])
        assert found[:2] == (place.node.account_name(loser.claim), loser.claim) and "registered earlier" in found[2]


async def test_whoever_lost_the_name_posts_and_changes_their_own_secret(tmp_path: Path) -> None:
    async with two_called_grace(tmp_path) as (place, _, loser):
        name = place.node.account_name(loser.claim)
        status, _, errors = await place.run("grace", "post", "hello", key="loser")
        assert status == 0, errors
        status, output, errors = await place.run("grace", "tail", "--since", "1", "--no-follow", key="loser")
        assert (status, "hello" in output, name is not None and name in output) == (0, True, True), (output, errors)
        status, _, errors = await place.run("grace", "passwd", key="loser", given=f"{SECRET}\nnew\n".encode())
        assert status == 4 and "not right" in errors, "that is the other one's secret"
        status, _, errors = await place.run("grace", "passwd", key="loser", given=f"{OTHER_SECRET}\nnew\n".encode())
        assert status == 0, errors
        assert (await place.ssh.account_opened("", "grace", "new")) is not None
        assert (await place.ssh.account_opened("", "grace", SECRET)) is not None
        assert (await place.ssh.account_opened("", "grace", OTHER_SECRET)) is None
