"""Several networks of hosts in namespaces: hosts with the interfaces and addresses that a test gives them.

No host has a default route unless a test makes one. The machine's own network is not touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.base_peers.network import SECRET
from tests.processes.harness import REPOSITORY, NodeProcess
from tests.processes.hosts import NotAllowed, ip

PORT = 3780
NATIVE = ["quit", "resume", "ack", "ping", "status"]

_REACHED = re.compile(r"reached at (?P<host>\S+):(?P<port>\d+)")


class Host:
    """A host in a namespace of its own."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def inside(self, *command: str) -> list[str]:
        """The command, run on this host."""
        return ["ip", "netns", "exec", self.namespace, *command]

    async def address(self, verb: str, address: str, interface: str = "eth0") -> None:
        """`add` or `delete` an address, which is written with its prefix length."""
        more = ["nodad"] if ":" in address and verb == "add" else []
        await ip("-n", self.namespace, "address", verb, address, "dev", interface, *more)

    async def talk(self, host: str, *messages: dict[str, Any], until: Sequence[str], limit: float = 15.0) -> list[Any]:
        """Say something to a server at a host; what came until one of these commands did, or the end."""
        return (await self.crowd(1, host, *messages, until=until, limit=limit))[0]

    async def crowd(
        self, count: int, host: str, *messages: dict[str, Any], until: Sequence[str], limit: float = 15.0
    ) -> list[list[Any]]:
        """The same by so many clients, one after the other, who all stay until the last has been answered."""
        process = await asyncio.create_subprocess_exec(
            *self.inside(sys.executable, "-c", _CROWD, host, str(PORT), str(count), str(limit), ",".join(until)),
            *(json.dumps(message) for message in messages),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), limit * count + 10)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return [json.loads(line) for line in said.splitlines()]

    async def status(self, host: str) -> dict[str, Any]:
        """What the server at a host knows of its network."""
        login = {"command": "LOGIN", "username": "anonymous", "features": NATIVE, "redirects": 1000}
        answers = await self.talk(host, login, {"command": "STATUS_REQUEST"}, until=["STATUS"])
        if not answers or answers[-1]["command"] != "STATUS":
            raise ConnectionError(f"no status came: {answers}")
        status = answers[-1]["status"]
        assert isinstance(status, dict)
        return status

    def program(self, home: Path, *arguments: str) -> Program:
        """`activity-tui` with these arguments, on this host."""
        return Program(self.inside(sys.executable, "-m", "tui", *arguments), home)


class Program:
    """A command that runs as long as the block does; `lines` is what it has printed."""

    def __init__(self, command: list[str], home: Path) -> None:
        self._command = command
        self._home = home
        self.lines: list[str] = []

    async def __aenter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=REPOSITORY,
            env={
                **os.environ,
                "HOME": str(self._home),
                "PYTHONPATH": str(REPOSITORY),
                "ACTIVITY_TUI_ACCEPT_NEW": "yes",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader


class Lans:
    """Networks, each a switch in a namespace of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spaces: list[str] = []
        self._switches: dict[str, str] = {}
        self._cables = 0

    async def host(self, interfaces: Mapping[str, Sequence[str]]) -> Host:
        """A host on these networks, with these addresses on the interface (eth0, eth1, …) to each."""
        space = await self._space()
        await ip("-n", space, "link", "set", "lo", "up")
        host = Host(space)
        for number, (lan, addresses) in enumerate(interfaces.items()):
            switch, interface, cable = await self._switch(lan), f"eth{number}", f"c{self._cables}"
            self._cables += 1
            await ip(
                *("-n", switch, "link", "add", cable, "type", "veth"), *("peer", "name", interface, "netns", space)
            )
            await ip("-n", switch, "link", "set", cable, "master", "br0", "up")
            for address in addresses:
                await host.address("add", address, interface)
            await ip("-n", space, "link", "set", interface, "up")
        return host

    async def _switch(self, lan: str) -> str:
        if lan not in self._switches:
            self._switches[lan] = space = await self._space()
            await ip("-n", space, "link", "add", "br0", "type", "bridge")
            await ip("-n", space, "link", "set", "br0", "up")
        return self._switches[lan]

    async def _space(self) -> str:
        space = f"{self._name}-{len(self._spaces)}"
        await ip("netns", "add", space)
        self._spaces.append(space)
        return space

    async def remove(self) -> None:
        for space in self._spaces:
            with contextlib.suppress(NotAllowed):
                await ip("netns", "delete", space)


class PlacedNode(NodeProcess):
    """A node on a host, which listens everywhere there and finds out by itself where it is reached."""

    def __init__(self, host: Host, data_dir: Path, join: str | None = None, options: Sequence[str] = ()) -> None:
        super().__init__(data_dir, join=(join, PORT) if join is not None else None, port=PORT)
        self.on = host
        self.more = options

    def command(self) -> list[str]:
        where = ["serve"]
        if self.join is not None:
            host = f"[{self.join[0]}]" if ":" in self.join[0] else self.join[0]
            where = ["join", f"{host}:{PORT}"]
        return self.on.inside(
            *(sys.executable, "-m", "tui", *where, "--headless", "--port", str(self.port), "--secret", SECRET),
            *("--data-dir", str(self.data_dir), "--preset", "local", "--backup-interval", "0", *self.more),
        )

    def _listening(self) -> re.Match[str] | None:
        return _REACHED.search(self.stderr)

    @property
    def reached(self) -> str:
        """Where it says that others reach it, without the port."""
        match = self._listening()
        assert match is not None, self.stderr
        return match["host"]


_CROWD = """
import json, socket, sys
host, port, count, limit, until, *messages = sys.argv[1:]
stay = []
for _ in range(int(count)):
    heard = []
    try:
        connection = socket.create_connection((host, int(port)), float(limit))
        stay.append(connection)
        connection.settimeout(float(limit))
        connection.sendall("".join(message + "\\n" for message in messages).encode())
        for line in connection.makefile("r"):
            heard.append(json.loads(line))
            if heard[-1]["command"] in until.split(","):
                break
    except OSError:
        pass
    print(json.dumps(heard), flush=True)
"""
