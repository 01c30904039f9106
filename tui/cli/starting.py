"""Starts the server that `serve` and `join` run, with the application on it or without."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.engine import CannotBind, ConnectionLimits, DataDirectoryInUse, EngineSettings, Retention, Server
from core.node import Notice
from core.wire import DEFAULT_PORT, Address
from tui.cli import values
from tui.cli.chosen_settings import default_data_dir
from tui.cli.options import NodeOptions
from tui.remembered import credentials, known_networks, private_file, told_address
from tui.script.exit_status import CommandFailed, ExitStatus

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

NEXT_PORTS: Final = 20
"""How many ports after the usual one are tried when nobody asked for a certain one."""

LET_IN_LIMIT: Final = 5.0
"""Seconds until a network that does not answer at once is left to be tried in the background."""

SECRET_FILE: Final = "network-secret"
"""In the data directory, readable by its owner alone: what `join --secret-file` takes."""

HOST_KEY_FILE: Final = "ssh-host-key"
"""In the data directory: what people recognise the server by over SSH."""


async def start_server(options: NodeOptions) -> Server:
    """Start a server on the port that was asked for, or, if none was, on the first free one from the usual one on.

    Raises EngineError, or CommandFailed if the network that it is to join refuses it.
    """
    last = options.port + (NEXT_PORTS if options.port_may_differ else 0)
    for port in range(options.port, last + 1):
        settings = engine_settings(options, port)
        was_there = await asyncio.to_thread(settings.data_dir.exists)
        server = Server(settings)
        try:
            await server.start()
        except CannotBind:
            if port == last:
                raise
        except DataDirectoryInUse:
            # The directory of another port is another one, unless a certain one was asked for.
            if port == last or options.data_dir is not None:
                raise
        else:
            with contextlib.suppress(OSError):  # the command line for others can do without it
                await asyncio.to_thread(keep_secret_file, server.settings.data_dir, server.secret)
            await asyncio.to_thread(_know_own_network, server)
            server.subscribe_identity(partial(_know_later, server))
            for finding in await asyncio.to_thread(_mended, server.settings.data_dir):
                server.publish(Notice(time.time(), "security", finding, "warning"))
            if options.join is not None:
                try:
                    await _let_in(server, options)
                except CommandFailed:
                    if not was_there:
                        # It is of no network, and nothing but keys that nobody has seen is in it.
                        import shutil  # It brings much with it, and a start that succeeds does not ask for it.

                        await asyncio.to_thread(shutil.rmtree, settings.data_dir, True)
                    raise
                with contextlib.suppress(OSError):  # who was invited has been told the secret only now
                    await asyncio.to_thread(keep_secret_file, server.settings.data_dir, server.secret)
            await server.keep_secret()
            return server
    raise AssertionError("unreachable")


def _know_own_network(server: Server) -> None:
    """Have whoever runs the server be asked about it nowhere on this machine, and know how others reach it."""
    with contextlib.suppress(OSError):  # `invite` guesses
        told_address.keep_address(server.settings.data_dir, server.advertised)
    file = known_networks.path()
    if file is None or not server.network_is_settled:
        return
    here = [Address(host, server.address.port) for host in ("127.0.0.1", "::1", "localhost")]
    with contextlib.suppress(OSError, UnicodeDecodeError):  # they are asked, at most
        known_networks.enter(file, server.network, (*here, server.address, server.advertised))


def _know_later(server: Server) -> None:
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, _know_own_network, server)
    loop.run_in_executor(None, _keep_secret_later, server)


_KEEPING: Final = threading.Lock()
"""Of two threads that keep a secret the one that comes last keeps the latest."""


def _keep_secret_later(server: Server) -> None:
    with _KEEPING, contextlib.suppress(OSError):  # the command line for others can do without it
        keep_secret_file(server.settings.data_dir, server.secret)


def _mended(data_dir: Path) -> list[str]:
    """Make the files with secrets in a data directory private; what was wrong with them, in words."""
    findings = []
    for name in (SECRET_FILE, credentials.FILE_NAME):
        try:
            findings.append(private_file.mend_mode(data_dir / name))
        except FileNotFoundError:
            continue
        except private_file.NotPrivate as error:
            findings.append(str(error))
        except OSError as error:
            findings.append(f"others may be able to use {data_dir / name}: {error.strerror}")
    return [finding for finding in findings if finding]


async def _let_in(server: Server, options: NodeOptions) -> None:
    """Wait until the network has let the server in, or cannot be reached yet: that is tried on.

    Raises CommandFailed, with the server ended, if the network does not want it.
    """
    news = asyncio.Event()
    unsubscribe = server.subscribe(lambda notice: news.set())
    try:
        async with asyncio.timeout(LET_IN_LIMIT):
            while True:
                news.clear()
                for notice in server.notices:
                    if notice.kind == "join_refused":
                        await server.abort()
                        one = f"there, F8 or `activity-tui invite server {options.join}` makes"
                        if options.invited is not None:
                            hint = f"Another invitation is needed: {one} it."
                        elif "secret" in notice.text:
                            hint = f"An invitation needs no secret: {one} it."
                        else:
                            hint = ""
                        raise CommandFailed(ExitStatus.REFUSED, notice.text, hint=hint)
                    if notice.kind in ("linked", "unlinked"):
                        return
                await news.wait()
    except TimeoutError:
        return
    finally:
        unsubscribe()


def engine_settings(options: NodeOptions, port: int) -> EngineSettings:
    """The engine's settings for listening on `port`."""
    settings = options.settings
    return EngineSettings(
        data_dir=data_dir_of(options, port),
        port=port,
        name=options.name or default_name(port),
        secret=options.secret,
        secret_known=None if options.secret is not None else kept_secret(data_dir_of(options, port)),
        on_loss=options.on_loss,
        join=options.join,
        join_base=options.join_base,
        invited=options.invited,
        limits=ConnectionLimits(**settings["connections"]),
        retention=Retention(**settings["retention"]),
        node=settings["node"],
        **settings["engine"],
    )


def data_dir_of(options: NodeOptions, port: int) -> Path:
    """Where the server on `port` keeps its data."""
    return options.data_dir if options.data_dir is not None else default_data_dir(port)


def default_name(port: int) -> str:
    """What people call a server that nobody named: the machine's name, and the port where there may be several."""
    name = machine_name()
    return f"{name[:58]}:{port}" if name and port not in (0, DEFAULT_PORT) else name


def machine_name() -> str:
    """This machine's name without its domain, as a server's name; empty if it has none."""
    with contextlib.suppress(OSError):
        return socket.gethostname().partition(".")[0][:64]
    return ""


def kept_secret(data_dir: Path) -> str | None:
    """The network's secret as its file in the data directory has it; None if there is none, or it is no secret.

    A restored database does not know it, and would be given another one.
    """
    try:
        return values.secret(private_file.read(data_dir / SECRET_FILE, 4096).decode().rstrip("\r\n"))
    except (OSError, ValueError):
        return None


def keep_secret_file(data_dir: Path, secret: str) -> Path:
    """Write the network's secret where `--secret-file` can be pointed at, mode 0600. Raises OSError."""
    file = data_dir / SECRET_FILE
    if kept_secret(data_dir) != secret:
        private_file.write(file, f"{secret}\n".encode())
    return file


@contextlib.asynccontextmanager
async def serving_ssh(server: Server, options: NodeOptions) -> AsyncIterator[SSHServer | None]:
    """The application over SSH as long as the block runs, if the options ask for it.

    The block should last until the node has ended: what the node says on leaving reaches the sessions through it.
    Raises EngineError, or CommandFailed if the host key or the people's keys cannot be used.
    """
    if options.ssh is None:
        yield None
        return
    # Nobody else has to pay for asyncssh and Textual, and nobody waits meanwhile: asyncssh looks for libraries with
    # whatever compiler and linker are there.
    await asyncio.to_thread(importlib.import_module, "tui.ssh.ssh_server")
    from tui.ssh.ssh_server import SSHServer
    from tui.ssh.ssh_settings import SSHSettings

    settings = SSHSettings(
        options.ssh.host,
        options.ssh.port,
        data_dir=server.settings.data_dir,
        anonymous=options.anonymous,
        **options.settings["ssh"],
    )
    service = SSHServer(server, settings)
    try:
        await service.start()
    except (OSError, ValueError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = f"{error.strerror}{f' ({error.filename})' if error.filename else ''}"
        raise CommandFailed(ExitStatus.DATA_DIRECTORY, f"SSH cannot be served: {reason}") from None
    try:
        yield service
    finally:
        await service.close("the server here has ended")
