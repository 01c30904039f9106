"""Looks at the machine's addresses, which change when it moves to another network, and tells the node of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from core.engine.sockets.listening import machine_hosts
from core.node.interface.events import AddressesFound
from core.wire.address import Address
from core.wire.scope import Scope, scope_of

ADDRESS_INTERVAL: Final = 5.0
"""Seconds between two looks at the machine's addresses."""


class AddressWatch:
    """`bound` are the addresses at which the server listens."""

    def __init__(self, bound: Sequence[Address], deliver: Callable[[AddressesFound], None]) -> None:
        self._bound = list(bound)
        self._deliver = deliver

    def look(self) -> None:
        """Tell the addresses that there are now. Blocks for a moment."""
        self._deliver(AddressesFound(machine_hosts(self._bound)))

    async def run(self, host: str) -> None:
        """Tell the addresses whenever they have changed; `host` is what is advertised at first."""
        known: tuple[str, ...] = (host,)
        while True:
            await asyncio.sleep(ADDRESS_INTERVAL)
            found = await asyncio.to_thread(machine_hosts, self._bound)
            # Between two networks there is none: the last address is as good as any, and a moment later it may be back.
            if found != known and (scope_of(found[0]) is Scope.ANYWHERE or scope_of(known[0]) is not Scope.ANYWHERE):
                known = found
                self._deliver(AddressesFound(found))
