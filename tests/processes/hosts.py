"""Hosts in network namespaces, joined by a bridge: links that can be cut and restored, as real networks' can.

Addresses are from 10.213.0.0/24 and exist only inside the namespaces.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.processes.harness import NodeProcess

NOBODYS_ADDRESS = "02:00:00:00:00:99"
"""An Ethernet address that no interface has."""


class NotAllowed(Exception):
    """The system does not let this process make namespaces."""


async def ip(*arguments: str) -> None:
    """Run `ip`. Raises NotAllowed."""
    try:
        process = await asyncio.create_subprocess_exec(
            "ip", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError:
        raise NotAllowed("iproute2 is not installed") from None
    _, said = await asyncio.wait_for(process.communicate(), 10)
    if process.returncode != 0:
        raise NotAllowed(f"ip {' '.join(arguments)}: {said.decode().strip()}")


class Hosts:
    """A switch in a namespace of its own, and hosts on it. The machine's own network is not touched."""

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self.name = name
        self.switch = f"{name}-sw"

    def namespace(self, host: int) -> str:
        return f"{self.name}-h{host}"

    @staticmethod
    def address(host: int) -> str:
        return f"10.213.0.{host + 1}"

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._remove()
            raise
        return self

    async def _build(self) -> None:
        await ip("netns", "add", self.switch)
        await ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        await ip("-n", self.switch, "link", "set", "br0", "up")
        for host in range(self.count):
            space = self.namespace(host)
            await ip("netns", "add", space)
            await ip("-n", space, "link", "set", "lo", "up")
            await ip(
                *("-n", self.switch, "link", "add", f"h{host}", "type", "veth"),
                *("peer", "name", "eth0", "netns", space),
            )
            await ip("-n", self.switch, "link", "set", f"h{host}", "master", "br0", "up")
            await ip("-n", space, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            await ip("-n", space, "link", "set", "eth0", "up")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._remove()

    async def _remove(self) -> None:
        for space in [self.switch, *(self.namespace(host) for host in range(self.count))]:
            try:
                await ip("netns", "delete", space)
            except NotAllowed:
                continue  # it was never made

    async def cut(self, host: int) -> None:
        """Pull a host's cable at the switch: what it sends vanishes, and its own interface notices nothing but that."""
        await ip("-n", self.switch, "link", "set", f"h{host}", "nomaster")

    async def mend(self, host: int) -> None:
        await ip("-n", self.switch, "link", "set", f"h{host}", "master", "br0")

    async def mute(self, host: int) -> None:
        """Have all that a host sends to the others vanish, and all that they send arrive: it believes them where nobody
        is. Its interface notices nothing."""
        for other in self._others(host):
            await ip(
                *("-n", self.namespace(host), "neighbour", "replace", other, "lladdr", NOBODYS_ADDRESS),
                *("dev", "eth0", "nud", "permanent"),
            )

    async def unmute(self, host: int) -> None:
        for other in self._others(host):
            await ip("-n", self.namespace(host), "neighbour", "delete", other, "dev", "eth0")

    def _others(self, host: int) -> list[str]:
        return [self.address(other) for other in range(self.count) if other != host]

    async def down(self, host: int) -> None:
        await ip("-n", self.switch, "link", "set", f"h{host}", "down")

    async def up(self, host: int) -> None:
        await ip("-n", self.switch, "link", "set", f"h{host}", "up")


class HostedNode(NodeProcess):
    """A node on one of the hosts. Clients reach it only from its own host: see `talk`."""

    def __init__(self, hosts: Hosts, host: int, data_dir: Path, join: HostedNode | None = None, **more: Any) -> None:
        super().__init__(data_dir, join=join.address if join is not None else None, port=3780, **more)
        self.host = hosts.address(host)
        self.namespace = hosts.namespace(host)

    def command(self) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *super().command()]

    async def talk(self, *messages: dict[str, Any], until: str | None = None, limit: float = 15.0) -> list[Any]:
        """Say something as a client on the same host; returns what came until `until` did, or the end."""
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self.namespace, sys.executable, "-c", _TALK),
            *(self.host, str(self.port), until or "", str(limit), *(json.dumps(message) for message in messages)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), limit + 5)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return [json.loads(line) for line in said.splitlines()]

    async def status(self, limit: float = 5.0) -> dict[str, Any]:
        login = {"command": "LOGIN", "username": "anonymous", "features": ["status"], "redirects": 1000}
        answers = await self.talk(login, {"command": "STATUS_REQUEST"}, until="STATUS", limit=limit)
        if not answers or answers[-1]["command"] != "STATUS":
            raise ConnectionError(f"no status came: {answers}")
        status = answers[-1]["status"]
        assert isinstance(status, dict)
        return status


_TALK = """
import json, socket, sys
host, port, until, limit, *messages = sys.argv[1:]
with socket.create_connection((host, int(port)), float(limit)) as connection:
    connection.settimeout(float(limit))
    connection.sendall("".join(message + "\\n" for message in messages).encode())
    try:
        for line in connection.makefile("r"):
            print(line, end="")
            if json.loads(line)["command"] == until:
                break
    except TimeoutError:
        pass
"""
