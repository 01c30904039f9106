"""Whose account a secret opens, where a name may mean several, and may change hands meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.engine.threads.passwords import Passwords
from core.engine.threads.verification import account_opened
from core.wire.entries import AccountFact
from tests.engine.harness import CHEAP
from tests.engine.test_passwords import hashed


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    await made.aclose()


async def account(passwords: Passwords, claim: str, secret: str) -> AccountFact:
    verifier = await hashed(passwords, secret)
    assert verifier is not None
    return AccountFact(username="ada", verifier=verifier, stamp=1, claim=claim)


class ChangingBook:
    """The accounts that a name means, each time that somebody asks; in the end as the last time."""

    def __init__(self, *states: tuple[AccountFact, ...]) -> None:
        self._states = list(states)

    def __call__(self, name: str) -> tuple[AccountFact, ...]:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


async def test_each_account_that_a_name_may_mean_is_opened_by_its_own_secret(passwords: Passwords) -> None:
    holder, loser = await account(passwords, "a.1.1", "one"), await account(passwords, "b.1.1", "two")
    for secret, found in (("one", holder), ("two", loser), ("three", None)):
        assert await account_opened(passwords, lambda _: (holder, loser), "ada", secret, "here") == found


async def test_a_name_that_nobody_has_opens_nothing(passwords: Passwords) -> None:
    assert await account_opened(passwords, lambda _: (), "ada", "one", "here") is None


async def test_a_name_that_changes_hands_while_a_secret_is_looked_at_opens_no_other_account(
    passwords: Passwords,
) -> None:
    """Whoever knows the secret of the one that gets the name is that one, and never the one that had it."""
    before, after = await account(passwords, "b.1.1", "two"), await account(passwords, "a.1.1", "one")
    book = ChangingBook((before,), (after, before))
    assert await account_opened(passwords, book, "ada", "one", "here") == after


async def test_an_account_that_is_gone_when_its_secret_has_been_looked_at_is_not_opened(passwords: Passwords) -> None:
    gone = await account(passwords, "b.1.1", "two")
    assert await account_opened(passwords, ChangingBook((gone,), ()), "ada", "two", "here") is None


async def test_a_secret_that_changes_meanwhile_is_looked_at_anew(passwords: Passwords) -> None:
    old, new = await account(passwords, "a.1.1", "old"), await account(passwords, "a.1.1", "new")
    for secret, found in (("old", None), ("new", new)):
        assert await account_opened(passwords, ChangingBook((old,), (new,)), "ada", secret, "here") == found
