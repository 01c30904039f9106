"""Whether somebody listens at an address, before anything is said to them; and why not, in words."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from typing import Final

from core.wire.address import Address

_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
"""How asyncio tells of each address of a name in one error for all of them."""


class Unreachable(Exception):
    """Nobody can be reached there. Says why, as a clause for a person."""


async def reach(address: Address, tls: ssl.SSLContext | None, seconds: float) -> None:
    """Connect and hang up. Raises Unreachable, after `seconds` at the latest."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await loop.create_connection(
                asyncio.Protocol,
                address.host,
                address.port,
                ssl=tls,
                server_hostname=address.host if tls is not None else None,
                happy_eyeballs_delay=0.25,
            )
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} seconds") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreachable(explain(error)) from None
    transport.close()


def explain(error: BaseException) -> str:
    """Why a connection cannot be had, as a clause for a person."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "that is no host name"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        why = (error.reason or str(error)).replace("_", " ").lower()
        return f"no encrypted connection can be made; perhaps it does not encrypt ({why})"
    if isinstance(error, OSError):
        codes = [error.errno] if error.errno else [int(code) for code in _ERRNO.findall(str(error))]
        if codes and all(code == errno.ECONNREFUSED for code in codes):
            return "nobody listens there"
        if codes:
            # asyncio puts the call and its arguments where the system's words would be.
            return os.strerror(next(code for code in codes if code != errno.ECONNREFUSED)).lower()
    return str(error) or type(error).__name__
