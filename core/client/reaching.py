"""Whether somebody listens at an address, before anything is said to them; and why not, in words."""

from __future__ import annotations

import asyncio
import socket
import ssl

from core.wire.address import Address


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
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
