"""Who comes in as whom. Nobody becomes somebody by offering, guessing or waiting."""

from __future__ import annotations

import asyncio
import time

import asyncssh
import pytest

from core.wire.entries import AccountFact
from tests.ssh.conftest import SECRET, Place, serving


async def test_a_key_that_is_only_offered_makes_nobody_its_owner(place: Place):
    await place.register("grace", key="grace")
    public = asyncssh.read_public_key(place.key("grace").with_suffix(".pub"))
    asked: list[bool] = []

    class Impostor(asyncssh.SSHClient):
        """Offers grace's public key, which everybody can read, and proves nothing with it; then guesses."""

        def public_key_auth_requested(self) -> None:
            return None

        def password_auth_requested(self) -> str | None:
            asked.append(True)
            return "guess" if len(asked) == 1 else None

    impostor = asyncssh.load_keypairs([str(place.key("mallory"))])[0]
    impostor.public_data = public.public_data
    with pytest.raises(asyncssh.PermissionDenied):
        await place.connect("grace", client_keys=[impostor])
    with pytest.raises(asyncssh.PermissionDenied):
        await place.connect("grace", client_factory=Impostor)
    assert asked
    assert place.ssh.sessions() == ()


async def test_who_offers_a_foreign_key_and_then_proves_another_is_who_was_proved(place: Place):
    await place.register("grace", key="grace")
    await place.register("alan", key="alan")
    async with await place.connect("alan", client_keys=[str(place.key("grace")), str(place.key("alan"))]) as conn:
        result = await conn.run("keys")
        assert str(result.stdout).count("SHA256:") == 1
        [connection] = place.ssh._connections
        assert connection.remote_user is not None and connection.remote_user.name == "alan"


async def test_a_newcomer_never_gets_a_name_that_exists(place: Place):
    """Somebody else registers the name between the newcomer's coming in and their registration."""
    async with place.terminal("grace", key="mallory") as terminal:
        await terminal.shows("Register and come in")
        await place.register("grace", key="grace")
        terminal.type("\t\t\r")
        await terminal.shows("grace is already registered")
        assert place.keys("grace") == ["grace"]
        [connection] = place.ssh._connections
        assert connection.remote_user is not None and connection.remote_user.claim is None
    assert (await place.run("grace", "keys", key="mallory"))[0] == 255
    assert (await place.run("grace", "keys", key="grace"))[0] == 0


async def test_an_unregistrable_name_does_not_come_in(place: Place):
    for name in ("x" * 65, " blank"):
        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
            await place.connect(name, client_keys=[str(place.key("some"))])


async def test_where_anonymous_people_are_not_wanted_they_stay_out(tmp_path):
    async with serving(tmp_path, anonymous=False) as place:
        with pytest.raises(asyncssh.PermissionDenied):
            await place.connect("anonymous")
        with pytest.raises(asyncssh.PermissionDenied):
            await place.connect("anonymous", password="x", client_keys=[str(place.key("some"))])


async def test_a_hundred_wrong_keys_and_a_hundred_wrong_secrets_open_nothing_and_hold_nobody_up(place: Place):
    await place.register("grace", key="grace")
    wrong = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(5)]

    async def guess(number: int) -> None:
        way = {"client_keys": wrong} if number % 2 else {"password": f"guess {number}"}
        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError, OSError)):
            await place.connect("grace", **way)

    waits: list[float] = []

    async def heartbeat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - before)

    beating = asyncio.create_task(heartbeat())
    for batch in range(0, 120, 10):
        await asyncio.gather(*(guess(number) for number in range(batch, batch + 10)))
    beating.cancel()
    waits.sort()
    assert waits[len(waits) * 9 // 10] < 0.25
    assert (await place.run("grace", "keys", key="grace"))[0] == 0
    told = [notice.text for notice in place.node.notices if "as grace failed" in notice.text]
    assert len([text for text in told if "keys that open nothing" in text]) == 60 and len(told) == 120
    await place.until(lambda: not place.ssh._connections)


async def test_a_hundred_wrong_keys_of_real_clients_open_nothing(place: Place):
    await place.register("grace", key="grace")
    wrong = [place.key(f"wrong-{number}") for number in range(10)]

    async def come() -> tuple[int, str]:
        identities = [word for file in wrong for word in ("-o", f"IdentityFile={file}")]
        status, output, errors = await place.run(
            "grace", "keys", options=("-o", "PubkeyAuthentication=yes", *identities, "-o", "LogLevel=INFO")
        )
        assert output == ""
        return status, errors

    ended = await asyncio.gather(*(come() for _ in range(10)))
    assert {status for status, _ in ended} == {255}
    assert all("Too many" in errors for _, errors in ended)
    await place.until(lambda: not place.ssh._connections)
    told = [notice.text for notice in place.node.notices if "as grace failed: keys that open nothing" in notice.text]
    assert len(told) == 10
    assert (await place.run("grace", "keys", key="grace"))[0] == 0


async def test_a_host_that_offers_wrong_keys_again_and_again_has_to_wait_each_time(tmp_path):
    async with serving(tmp_path, failure_delay=0.2, delay_max=0.2) as place:
        await place.register("grace", key="grace")

        async def guess() -> float:
            before = time.perf_counter()
            with pytest.raises(asyncssh.PermissionDenied):
                await place.connect("grace", client_keys=[str(place.key("mallory"))])
            await place.until(lambda: not place.ssh._connections)
            return time.perf_counter() - before

        waits = [await guess() for _ in range(7)]
        assert min(waits[:5]) < 0.15 and min(waits[5:]) >= 0.2
        assert (await place.run("grace", "keys", key="grace"))[0] == 0
        assert await guess() < 0.2, "who has come in is trusted again"


async def test_of_a_host_that_guesses_only_so_many_secrets_are_checked(tmp_path, monkeypatch):
    async with serving(tmp_path, failure_delay=0.05, delay_max=0.05, checks_per_host_max=2) as place:
        await place.register("grace")
        checked: list[str] = []
        account_opened = place.node.account_opened

        async def counted(name: str, secret: str, host: str) -> AccountFact | None:
            checked.append(secret)
            await asyncio.sleep(0.1)
            return await account_opened(name, secret, host)

        monkeypatch.setattr(place.node, "account_opened", counted)
        answers = [await place.ssh.account_opened("192.0.2.1", "grace", "wrong") for _ in range(5)]
        assert not any(answers) and len(checked) == 5
        await asyncio.gather(*(place.ssh.account_opened("192.0.2.1", "grace", "wrong") for _ in range(20)))
        assert len(checked) == 5 + 2
        assert await place.ssh.account_opened("192.0.2.2", "grace", SECRET)


async def test_one_connection_has_only_so_many_attempts(tmp_path):
    async with serving(tmp_path, attempts_max=3) as place:
        await place.register("grace")
        tries: list[int] = []

        class Guesser(asyncssh.SSHClient):
            def password_auth_requested(self) -> str:
                tries.append(1)
                return "wrong" if len(tries) < 20 else SECRET

        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
            await place.connect("grace", client_factory=Guesser, preferred_auth="password")
        assert len(tries) <= 3


@pytest.mark.serial
async def test_the_answer_to_a_wrong_secret_takes_longer_each_time(tmp_path):
    async with serving(tmp_path, failure_delay=0.1, delay_max=0.4) as place:
        await place.register("grace")

        async def guess() -> float:
            before = time.perf_counter()
            with pytest.raises(asyncssh.PermissionDenied):
                await place.connect("grace", password="wrong", preferred_auth="password")
            return time.perf_counter() - before

        first, _, third = await guess(), await guess(), await guess()
        assert first >= 0.1 and third >= 0.4
        before = time.perf_counter()
        async with await place.connect("grace", password=SECRET):
            assert time.perf_counter() - before < 0.4
