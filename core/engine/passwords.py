"""Secrets and their verifiers: argon2id, in threads of its own, so that logins cost the loop nothing.

argon2-cffi releases the interpreter lock while it computes. 19 MiB and 2 passes take some 20 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import argon2

from core.engine.settings import PasswordSettings

log = logging.getLogger(__name__)

MEMORY_KIB_MAX: Final = 256 * 1024
PASSES_MAX: Final = 16
LANES_MAX: Final = 16
"""Verifiers come from other servers too: one that would cost more than this is not computed."""

_Answer = TypeVar("_Answer")


class Passwords:
    """Makes and checks verifiers. Answers arrive by callback, in the loop, and always do."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.passes, memory_cost=settings.memory_kib, parallelism=settings.lanes
        )
        self._queue = settings.queue
        self._executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="passwords")
        self._pending: set[asyncio.Future[Any]] = set()
        self._closed = False
        # Made ahead of the first question: making it then would take twice as long, and tell that nobody has the name.
        self._dummy: Future[str] = self._executor.submit(self._hasher.hash, "")

    def hash(self, secret: str, answer: Callable[[str | None], None]) -> None:
        """A verifier for `secret`; None when it cannot be made."""
        self._submit(partial(self._hash, secret), answer, None)

    def verify(self, secret: str, verifier: str | None, answer: Callable[[bool], None]) -> None:
        """Whether `secret` fits; never for no verifier or one that is not understood, and that takes as long."""
        self._submit(partial(self._verify, secret, verifier), answer, False)

    async def aclose(self) -> None:
        """End the threads. Checks that have not begun are answered as failed."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._pending:
            await asyncio.wait(self._pending)

    def _submit(self, work: Callable[[], _Answer], answer: Callable[[_Answer], None], failed: _Answer) -> None:
        loop = asyncio.get_running_loop()
        if self._closed or len(self._pending) >= self._queue:
            loop.call_soon(answer, failed)
            return
        future = loop.run_in_executor(self._executor, work)

        def finished(done: asyncio.Future[_Answer]) -> None:
            self._pending.discard(done)
            if done.cancelled():
                answer(failed)
            elif (error := done.exception()) is not None:
                log.error("a secret could not be processed", exc_info=error)
                answer(failed)
            else:
                answer(done.result())

        self._pending.add(future)
        future.add_done_callback(finished)

    def _hash(self, secret: str) -> str | None:
        try:
            return self._hasher.hash(secret)
        except (argon2.exceptions.HashingError, UnicodeError):
            return None

    def _verify(self, secret: str, verifier: str | None) -> bool:
        if verifier is not None and _affordable(verifier):
            try:
                return self._hasher.verify(verifier, secret)
            except argon2.exceptions.VerifyMismatchError:
                return False
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeError):
                log.info("a verifier was not understood")
        with contextlib.suppress(argon2.exceptions.Argon2Error, UnicodeError):
            self._hasher.verify(self._dummy.result(), f"{secret}.")
        return False


def _affordable(verifier: str) -> bool:
    """Whether a verifier is of a kind, and a cost, that this server computes."""
    try:
        cost = argon2.extract_parameters(verifier)
    except (ValueError, LookupError):
        return False
    return (
        cost.type is argon2.Type.ID
        and cost.memory_cost <= MEMORY_KIB_MAX
        and cost.time_cost <= PASSES_MAX
        and cost.parallelism <= LANES_MAX
    )
