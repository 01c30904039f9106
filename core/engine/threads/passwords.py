"""Secrets and their verifiers: argon2id, in threads of its own, so that logins cost the loop nothing.

argon2-cffi releases the interpreter lock while it computes. 19 MiB and 2 passes take some 20 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from core.engine.engine_settings import PasswordSettings
from core.engine.threads.fair_queue import FairQueue, Place

if TYPE_CHECKING:
    import argon2

log = logging.getLogger(__name__)

MEMORY_KIB_MAX: Final = 256 * 1024
PASSES_MAX: Final = 16
LANES_MAX: Final = 16
"""Verifiers come from other servers too: one that would cost more than this is not computed."""

_Answer = TypeVar("_Answer")


class Check(Generic[_Answer]):
    """Something to be computed. Whoever asked may drop it, which is answered at once unless it has begun."""

    __slots__ = ("_answer", "_answered", "_passwords", "place", "work")

    def __init__(
        self,
        passwords: Passwords,
        work: Callable[[], _Answer],
        answer: Callable[[_Answer | None], None],
    ) -> None:
        self._passwords = passwords
        self._answer = answer
        self._answered = False
        self.work = work
        self.place: Place | None = None

    def drop(self) -> None:
        """Do not compute it any more."""
        if self.place is not None and self._passwords.waiting.remove(self.place) is not None:
            self.answer(None)

    def answer(self, answer: _Answer | None) -> None:
        """Answer once; None: it was not computed."""
        if not self._answered:
            self._answered = True
            self._answer(answer)


class Passwords:
    """Makes and checks verifiers. Answers arrive by callback, in the loop, and always do.

    Who asks is named by an address and an account: both have their turn (see `fair_queue`).
    """

    def __init__(self, settings: PasswordSettings) -> None:
        """Raises RuntimeError when no thread can be started."""
        self._settings = settings
        self.waiting: FairQueue[Check[Any]] = FairQueue(settings.queue)
        self._executor, self._workers = _started(settings.workers)
        self._pending: set[asyncio.Future[Any]] = set()
        self._closed = False

    def prepare(self) -> None:
        """Read what the first check needs, in its thread: it might come when no more files can be opened."""
        self._executor.submit(importlib.import_module, "argon2")

    def hash(
        self, secret: str, answer: Callable[[str | None], None], *, host: str = "", account: str = ""
    ) -> Check[Any]:
        """A verifier for `secret`; None when it cannot be made, or was dropped."""
        return self._submit(Check(self, partial(self._hash, secret), answer), host, account)

    def verify(
        self,
        secret: str,
        verifier: str | None,
        answer: Callable[[bool | None], None],
        *,
        host: str = "",
        account: str = "",
    ) -> Check[Any]:
        """Whether `secret` fits; never for no verifier or one that is not understood, and that takes as long.

        None: it was not computed, because there was too much to do or it was dropped.
        """
        return self._submit(Check(self, partial(self._verify, secret, verifier), answer), host, account)

    def compute(
        self,
        work: Callable[[], _Answer],
        answer: Callable[[_Answer | None], None],
        *,
        host: str = "",
        account: str = "",
    ) -> Check[Any]:
        """Something else that is made of a secret and takes a while; None: it was not computed."""
        return self._submit(Check(self, work, answer), host, account)

    def queues(self) -> dict[str, int]:
        """How many secrets are being processed, and wait for it."""
        return {"secrets being hashed": len(self._pending), "secrets waiting to be hashed": len(self.waiting)}

    async def aclose(self) -> None:
        """End the threads. Checks that have not begun are answered as not computed."""
        self._closed = True
        while self.waiting:
            self.waiting.take().answer(None)
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._pending:
            await asyncio.wait(self._pending)

    def _submit(self, check: Check[Any], host: str, account: str) -> Check[Any]:
        loop = asyncio.get_running_loop()
        if self._closed:
            loop.call_soon(check.answer, None)
            return check
        check.place, crowded_out = self.waiting.put(host, account, check)
        if crowded_out is not None:
            loop.call_soon(crowded_out.answer, None)
        self._go_on()
        return check

    def _go_on(self) -> None:
        """Compute as much at a time as there are threads: what waits here can still be dropped."""
        while self.waiting and len(self._pending) < self._workers and not self._closed:
            check = self.waiting.take()
            future = asyncio.get_running_loop().run_in_executor(self._executor, check.work)
            self._pending.add(future)
            future.add_done_callback(partial(self._finished, check))

    def _finished(self, check: Check[Any], done: asyncio.Future[Any]) -> None:
        self._pending.discard(done)
        self._go_on()
        if done.cancelled():
            check.answer(None)
        elif (error := done.exception()) is not None:
            log.error("a secret could not be processed", exc_info=error)
            check.answer(None)
        else:
            check.answer(done.result())

    def _hash(self, secret: str) -> str | None:
        import argon2  # Here and below: a start need not wait for it.

        try:
            return _hasher(self._settings).hash(secret)
        except (argon2.exceptions.HashingError, UnicodeError):
            return None

    def _verify(self, secret: str, verifier: str | None) -> bool:
        import argon2

        if verifier is not None and _affordable(verifier):
            try:
                return _hasher(self._settings).verify(verifier, secret)
            except argon2.exceptions.VerifyMismatchError:
                return False
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeError):
                log.info("a verifier was not understood")
        with contextlib.suppress(argon2.exceptions.Argon2Error, UnicodeError):
            _hasher(self._settings).verify(_nobodys_verifier(self._settings), secret)
        return False


@functools.lru_cache(maxsize=8)
def _hasher(settings: PasswordSettings) -> argon2.PasswordHasher:
    import argon2

    return argon2.PasswordHasher(time_cost=settings.passes, memory_cost=settings.memory_kib, parallelism=settings.lanes)


def _nobodys_verifier(settings: PasswordSettings) -> str:
    """What no secret fits, and takes as long to find out as with anybody's: a digest of nothing but zeros, in the PHC
    string format."""
    cost = f"m={settings.memory_kib},t={settings.passes},p={settings.lanes}"
    return f"$argon2id$v=19${cost}${'A' * 22}${'A' * 43}"


def _started(most: int) -> tuple[ThreadPoolExecutor, int]:
    """An executor all of whose threads run, and how many they are: fewer than `most` if the system has no more.

    An executor starts them when there is work. If it can start none by then, who asked is never answered.
    Raises RuntimeError without any.
    """
    executor = ThreadPoolExecutor(most, thread_name_prefix="passwords")
    started, all_started = 0, threading.Event()
    try:
        for _ in range(most):
            executor.submit(all_started.wait)
            started += 1
    except RuntimeError as error:
        all_started.set()
        executor.shutdown()
        if not started:
            raise
        log.warning("secrets are checked on %d threads instead of %d: %s", started, most, error)
        return _started(started)
    all_started.set()
    return executor, started


def _affordable(verifier: str) -> bool:
    """Whether a verifier is of a kind, and a cost, that this server computes."""
    import argon2

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
