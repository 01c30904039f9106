"""Dialling: names are looked up in a thread, all addresses of a host are tried, staggered (Happy Eyeballs, RFC 8305).

The race is run here because uvloop's `create_connection` has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence
from typing import Final

from core.wire.address import Address
from core.wire.scope import Scope, scope_of

ATTEMPT_DELAY: Final = 0.25
"""Between two attempts of which neither has failed yet (RFC 8305, section 8)."""

_Resolved = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class CannotConnect(Exception):
    """Nobody could be reached; the text says why. `refused`: the host answered that nobody listens there."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


async def connect(address: Address, limit: float) -> socket.socket:
    """A connected, non-blocking socket, within `limit` seconds.

    Raises CannotConnect.
    """
    return (await connect_any([address], limit))[0]


async def connect_any(
    addresses: Sequence[Address], limit: float, *, abroad: bool = False
) -> tuple[socket.socket, Address]:
    """A connected, non-blocking socket to whichever address answers first, and which it was, within `limit` seconds.

    The earlier ones have a head start. `abroad`: what resolves to this very machine is left out.

    Raises CannotConnect.
    """
    try:
        async with asyncio.timeout(limit):
            return await _race(await _resolve_all(addresses, limit / 2, abroad=abroad))
    except TimeoutError:
        raise CannotConnect(f"no answer within {limit:g} s") from None


async def _resolve_all(
    addresses: Sequence[Address], patience: float, *, abroad: bool
) -> list[tuple[_Resolved, Address]]:
    """What the addresses resolve to, in order. Names that take longer than `patience` do not hold up the others."""
    lookups = [asyncio.ensure_future(_resolve(address)) for address in addresses]
    try:
        await asyncio.wait(lookups, timeout=patience if len(lookups) > 1 else None)
    finally:
        for lookup in lookups:
            lookup.cancel()
    found: list[tuple[_Resolved, Address]] = []
    problem: CannotConnect | None = None
    for address, lookup in zip(addresses, lookups, strict=True):
        try:
            outcome = await lookup
        except CannotConnect as error:
            problem = problem or error
            continue
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            problem = problem or CannotConnect(f"no address of {address.host} was found in time")
            continue
        usable = [one for one in outcome if not abroad or scope_of(str(one[4][0])) is not Scope.MACHINE]
        if outcome and not usable:
            problem = problem or CannotConnect(f"{address.host} is this machine itself here, and another one is meant")
        found += [(one, address) for one in usable]
    if not found and problem is not None:
        raise problem
    return found


async def _resolve(address: Address) -> list[_Resolved]:
    try:
        found: Sequence[_Resolved] = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError):
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, RuntimeError) as error:  # the last one where no thread can be started
            raise CannotConnect(f"the host name cannot be found: {_sentence(error)}") from None
    families: dict[int, list[_Resolved]] = {}
    for one in found:
        families.setdefault(one[0], []).append(one)
    return [one for row in itertools.zip_longest(*families.values()) for one in row if one is not None]


async def _race(addresses: Sequence[tuple[_Resolved, Address]]) -> tuple[socket.socket, Address]:
    loop = asyncio.get_running_loop()
    untried = list(reversed(addresses))
    attempts: set[asyncio.Task[socket.socket]] = set()
    meant: dict[asyncio.Task[socket.socket], Address] = {}
    errors: list[BaseException] = []
    winner: tuple[socket.socket, Address] | None = None
    try:
        while winner is None and (untried or attempts):
            if untried:
                resolved, address = untried.pop()
                attempt = loop.create_task(_attempt(resolved))
                meant[attempt] = address
                attempts.add(attempt)
            finished, attempts = await asyncio.wait(
                attempts, timeout=ATTEMPT_DELAY if untried else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in finished:
                error = attempt.exception()
                if error is not None:
                    errors.append(error)
                elif winner is None:
                    winner = attempt.result(), meant[attempt]
                else:
                    attempt.result().close()
    finally:
        for attempt in attempts:
            attempt.cancel()
        for late in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(late, socket.socket):
                late.close()
    if winner is not None:
        return winner
    unexpected = next((error for error in errors if not isinstance(error, OSError)), None)
    if unexpected is not None:
        raise unexpected
    refused = bool(errors) and all(isinstance(error, ConnectionRefusedError) for error in errors)
    if refused:
        raise CannotConnect("connection refused", refused=True)
    told = next((error for error in errors if not isinstance(error, ConnectionRefusedError)), None)
    raise CannotConnect(_sentence(told) if told is not None else "the host name has no address")


async def _attempt(address: _Resolved) -> socket.socket:
    family, kind, protocol, _, where = address
    dialled = _new_socket(family, kind, protocol)
    try:
        await asyncio.get_running_loop().sock_connect(dialled, where)
        if dialled.getsockname() == dialled.getpeername():
            # A dead port of this host in the range for outgoing connections: TCP lets a socket connect to itself.
            raise ConnectionRefusedError
        return dialled
    except BaseException:
        with contextlib.suppress(OSError):
            dialled.close()
        raise


def _new_socket(family: int, kind: int, protocol: int) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


def _sentence(error: BaseException) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text[0].lower() + text[1:]
