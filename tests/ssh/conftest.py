"""A node that serves SSH on a free port of the loopback, and ways to come in."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from core.client import Client, ClientEvent, ClientSettings, Registered, RegisterRefused
from core.engine import EngineSettings, Server
from core.engine.engine_settings import PasswordSettings
from core.wire.address import Address
from tests.ssh.terminal import TerminalCommand
from tui.screens.dialog import UnhurriedScreen
from tui.ssh.applications.application_runner import LocalRunner
from tui.ssh.applications.ssh_application import SSHApp
from tui.ssh.ssh_server import SSHServer
from tui.ssh.ssh_settings import SSHSettings

SECRET = "correct horse battery"


async def start_node(directory: Path, name: str = "ada", join: Address | None = None) -> Server:
    node = Server(
        EngineSettings(
            data_dir=directory / name,
            host="127.0.0.1",
            port=0,
            name=name,
            secret="s",
            join=join,
            preset="local",
            node={"announce_interval": 0.2},
            passwords=PasswordSettings(memory_kib=64, passes=1),
        )
    )
    await node.start()
    return node


@dataclass
class Place:
    """A node with SSH, and the files of the people who come there."""

    node: Server
    ssh: SSHServer
    directory: Path

    @property
    def port(self) -> int:
        return self.ssh.address.port

    def apps(self) -> list[SSHApp]:
        """The applications that run, oldest first."""
        runners = [session._runner for session in self.ssh._sessions.values()]
        return [runner._app for runner in runners if isinstance(runner, LocalRunner) and runner._app is not None]

    def key(self, name: str) -> Path:
        """The file of a private key; the public one lies beside it."""
        file = self.directory / name
        if not file.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
            file.touch(mode=0o600)
            file.write_bytes(key.export_private_key())
            file.with_suffix(".pub").write_bytes(key.export_public_key())
        return file

    def command(self, name: str, *words: str, key: str | None = None, options: tuple[str, ...] = ()) -> list[str]:
        """The command line of the OpenSSH client."""
        identity = ["-i", str(self.key(key))] if key is not None else ["-o", "PubkeyAuthentication=no"]
        return [
            *("ssh", *options, "-F", "none", "-p", str(self.port), "-o", "StrictHostKeyChecking=accept-new"),
            *("-o", f"UserKnownHostsFile={self.directory / 'known_hosts'}", "-o", "IdentitiesOnly=yes"),
            *("-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1", *identity),
            *(f"{name}@127.0.0.1", *words),
        ]

    def terminal(
        self,
        name: str,
        *words: str,
        key: str | None = None,
        size: tuple[int, int] = (90, 24),
        environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> TerminalCommand:
        """The OpenSSH client in a terminal of its own."""
        return TerminalCommand(self.command(name, *words, key=key, options=options), size=size, environment=environment)

    async def run(
        self, name: str, *words: str, key: str | None = None, given: bytes = b"", options: tuple[str, ...] = ()
    ) -> tuple[int, str, str]:
        """A command over the OpenSSH client without a terminal: exit status, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *self.command(name, *words, key=key, options=("-o", "BatchMode=yes", *options)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            output, errors = await process.communicate(given)
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    async def connect(self, name: str, **options: Any) -> asyncssh.SSHClientConnection:
        """A connection of the asyncssh client."""
        chosen: dict[str, Any] = {"client_keys": None, "known_hosts": None, "agent_path": None, "config": None}
        return await asyncssh.connect("127.0.0.1", self.port, username=name, **(chosen | options))

    async def register(self, name: str, key: str | None = None, secret: str = SECRET) -> None:
        """An account with a secret, and a key that opens it."""
        settled = asyncio.Event()
        heard: list[ClientEvent] = []

        def on_event(event: ClientEvent) -> None:
            if isinstance(event, Registered | RegisterRefused):
                heard.append(event)
                settled.set()

        settings = ClientSettings(username=name, secret=secret, register=True)
        client = Client(settings, (), on_event, home=self.node.connect_local)
        task = asyncio.create_task(client.run())
        async with asyncio.timeout(10):
            await settled.wait()
        await client.close()
        await task
        assert isinstance(heard[0], Registered), heard
        if key is not None:
            from tui.ssh.remote_people.public_keys import key_of

            fact = self.node.account(name)
            assert fact is not None
            public = asyncssh.read_public_key(self.key(key).with_suffix(".pub"))
            await self.ssh.keyring.bind(fact.claim, key_of(public))

    def keys(self, name: str) -> list[str]:
        """What the keys that open an account here are called."""
        fact = self.node.account(name)
        return [key.comment for key in self.ssh.keyring.keys(fact.claim)] if fact is not None else []

    async def until(self, condition: Callable[[], bool], limit: float = 10.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(limit):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


MakePlace = Callable[..., Any]


@asynccontextmanager
async def serving(
    directory: Path, name: str = "ada", join: Address | None = None, **settings: Any
) -> AsyncIterator[Place]:
    node = await start_node(directory, name, join)
    chosen: dict[str, Any] = {"failure_delay": 0.01, "delay_max": 0.05, "leave_limit": 2.0}
    ssh = SSHServer(node, SSHSettings("127.0.0.1", 0, node.settings.data_dir, **(chosen | settings)))
    try:
        await ssh.start()
        yield Place(node, ssh, directory)
    finally:
        await ssh.close("the test is over")
        await node.abort()


@pytest.fixture(autouse=True)
def quick_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have read a question as soon as it is there."""
    monkeypatch.setattr(UnhurriedScreen, "reading_time", 0.0)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with serving(tmp_path) as made:
        yield made
