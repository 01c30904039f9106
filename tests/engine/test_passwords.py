"""Secrets and verifiers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import argon2
import pytest
from msgspec.structs import replace

from core.engine.engine_settings import PasswordSettings
from core.engine.threads import passwords as module
from core.engine.threads.passwords import Passwords
from core.node.interface.actions import HashSecret, VerifySecret
from core.node.interface.events import SecretHashed, SecretVerified
from tests.engine.harness import CHEAP, LIMIT, world


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    await made.aclose()


async def hashed(passwords: Passwords, secret: str) -> str | None:
    answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    passwords.hash(secret, answer.set_result)
    async with asyncio.timeout(LIMIT):
        return await answer


async def verified(passwords: Passwords, secret: str, verifier: str | None) -> bool | None:
    answer: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
    passwords.verify(secret, verifier, answer.set_result)
    async with asyncio.timeout(LIMIT):
        return await answer


async def test_a_verifier_fits_its_secret_and_no_other(passwords: Passwords) -> None:
    verifier = await hashed(passwords, "correct horse")
    assert await verified(passwords, "correct horse", verifier)
    assert not await verified(passwords, "correct hors", verifier)


async def test_a_verifier_is_salted_and_does_not_show_the_secret(passwords: Passwords) -> None:
    one, other = await hashed(passwords, "same"), await hashed(passwords, "same")
    assert one is not None and one.startswith("$argon2id$")
    assert one != other
    assert "same" not in one


async def test_the_default_parameters_are_those_that_owasp_names() -> None:
    passwords = Passwords(PasswordSettings())
    verifier = await hashed(passwords, "x")
    assert verifier is not None
    cost = argon2.extract_parameters(verifier)
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (19 * 1024, 2, 1)
    await passwords.aclose()


@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "",
        "secret",
        "$",
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$$",
        "$argon2id$v=19$m=x,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
        "$argon2id$v=19$m=64$c29tZXNhbHQ$c29tZXNhbHQ",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
        "$scrypt$ln=14$c29tZXNhbHQ$c29tZXNhbHQ",
        "ü\x00" * 20,
    ],
)
async def test_no_verifier_and_one_that_is_not_understood_never_fit(passwords: Passwords, verifier: str | None) -> None:
    assert not await verified(passwords, "secret", verifier)
    assert not await verified(passwords, "", verifier)


@pytest.mark.serial
async def test_a_verifier_that_would_cost_too_much_is_not_computed(passwords: Passwords) -> None:
    costly = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("x")
    for change in ("m=64,", "t=1,", "p=1$"):
        name = change[0]
        huge = costly.replace(change, f"{name}=99999999{change[-1]}")
        begin = time.monotonic()
        assert not await verified(passwords, "x", huge)
        assert time.monotonic() - begin < 1.0


async def test_an_account_that_does_not_exist_costs_as_much_as_one_that_does(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, verifier: str, secret: str) -> bool:
        asked.append(verifier)
        return real(self, verifier, secret)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    verifier = await hashed(passwords, "x")
    assert verifier is not None
    await verified(passwords, "wrong", verifier)
    await verified(passwords, "wrong", None)
    costs = [argon2.extract_parameters(one) for one in asked]
    assert len(costs) == 2
    assert costs[0] == costs[1]


async def test_a_secret_that_is_no_text_is_answered_and_raises_nothing(passwords: Passwords) -> None:
    verifier = await hashed(passwords, "x")
    assert await hashed(passwords, "\ud800") is None
    assert not await verified(passwords, "\ud800", verifier)
    assert not await verified(passwords, "\ud800", None)


async def test_more_than_may_wait_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(module.Passwords, "_verify", lambda *_: gate.wait(LIMIT))
    passwords = Passwords(PasswordSettings(memory_kib=64, passes=1, queue=2))
    answers: list[bool | None] = []
    for _ in range(5):
        passwords.verify("x", None, answers.append)
    await asyncio.sleep(0.01)
    assert answers == [None], "two are computed, two wait"
    gate.set()
    await passwords.aclose()
    assert len(answers) == 5


async def test_a_fault_in_a_thread_is_an_answer_too(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    assert not await verified(passwords, "x", None)


async def test_questions_after_the_end_are_answered() -> None:
    passwords = Passwords(CHEAP)
    await passwords.aclose()
    assert await hashed(passwords, "x") is None
    assert not await verified(passwords, "x", None)


async def test_the_node_gets_its_answers_as_events() -> None:
    async with world(starting=[HashSecret(1, "s")]) as here:
        (made,) = await here.node.told(SecretHashed)
        here.runtime.checks.verify(VerifySecret(2, "s", made.verifier))
        here.runtime.checks.verify(VerifySecret(3, "t", made.verifier))
        checked = sorted(await here.node.told(SecretVerified, 2), key=lambda one: one.token)
        assert checked == [SecretVerified(2, True), SecretVerified(3, False)]


@pytest.mark.parametrize("room", [1, 4])
async def test_secrets_are_processed_where_no_further_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if sum(one.name.startswith("passwords") for one in threading.enumerate()) >= room:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    passwords = Passwords(replace(CHEAP, workers=4))
    room = 0
    async with asyncio.timeout(LIMIT):
        answers = await asyncio.gather(*(hashed(passwords, f"secret {number}") for number in range(8)))
    assert None not in answers
    await passwords.aclose()


def test_without_any_thread_that_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        Passwords(CHEAP)


def test_what_the_first_check_needs_is_read_before_the_files_run_out() -> None:
    """A module is a file, and none can be opened where strangers have taken all descriptors."""
    program = """
import asyncio, os, resource, sys
from core.engine.engine_settings import PasswordSettings
from core.engine.threads.passwords import Passwords

async def main():
    passwords = Passwords(PasswordSettings(workers=1))
    assert "argon2" not in sys.modules
    passwords.prepare()
    async with asyncio.timeout(30):
        # Behind it, in the only thread.
        await asyncio.wrap_future(passwords._executor.submit(int))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        done = asyncio.get_running_loop().create_future()
        passwords.hash("a secret", done.set_result)
        print((await done)[:10])
    await passwords.aclose()

asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "$argon2id$\n", ran.stderr
