"""Whether somebody listens at an address, before anything is said to them; and why not, in words."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from typing import Final

from core.certificates.leaf import ShownLeaf
from core.client.network_trust import client_tls, leaf_of, speaks_no_tls
from core.wire.address import Address

_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
"""How asyncio tells of each address of a name in one error for all of them."""


class Unreachable(Exception):
    """Nobody can be reached there. Says why, as a clause for a person."""


class SpeaksInClear(Unreachable):
    """Somebody listens there and does not encrypt, or shows nothing of ours: a server that speaks only the base
    protocol, or none of such a network at all."""


async def reach(address: Address, seconds: float) -> None:
    """Connect and hang up. Raises Unreachable, after `seconds` at the latest."""
    (await _connected(address, None, seconds)).close()


async def ask(address: Address, seconds: float) -> ShownLeaf:
    """Connect, look which network whoever listens there is of, and hang up. Raises Unreachable as `reach` does."""
    transport = await _connected(address, client_tls(), seconds)
    leaf = leaf_of(transport.get_extra_info("ssl_object"))
    transport.close()
    if leaf is None:
        raise SpeaksInClear("it is no server of such a network")
    return leaf


async def _connected(address: Address, tls: ssl.SSLContext | None, seconds: float) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await loop.create_connection(
                asyncio.Protocol,
                address.host,
                address.port,
                ssl=tls,
                server_hostname="" if tls is not None else None,
                happy_eyeballs_delay=0.25,
            )
            return transport
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} seconds") from None
    except (OSError, RuntimeError, ValueError) as error:
        strange = isinstance(error, OSError) and speaks_no_tls(error)
        raise (SpeaksInClear if strange else Unreachable)(explain(error)) from None


def explain(error: BaseException) -> str:
    """Why a connection cannot be had, as a clause for a person."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "that is no host name"
    if isinstance(error, ssl.SSLError):
        return "it does not encrypt" if speaks_no_tls(error) else "it has hung up before it showed who it is"
    if isinstance(error, OSError):
        codes = [error.errno] if error.errno else [int(code) for code in _ERRNO.findall(str(error))]
        if codes and all(code == errno.ECONNREFUSED for code in codes):
            return "nobody listens there"
        if codes:
            # asyncio puts the call and its arguments where the system's words would be.
            return os.strerror(next(code for code in codes if code != errno.ECONNREFUSED)).lower()
    return str(error) or type(error).__name__
