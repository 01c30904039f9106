"""The SSH server: listens, keeps the limits, and knows every session."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncssh

from core.admission import Guesses, share_of, told_of_habit
from core.engine import CannotBind, NotRunning, Server, TooBusy
from core.node import Notice, NoticeKind, Severity
from core.wire import ANONYMOUS, AccountFact, Address
from tui.application.frame_scheduler import FrameScheduler
from tui.model.visitors import SessionView
from tui.ssh.algorithms import algorithms
from tui.ssh.applications.application_runner import ApplicationRunner, LocalRunner, prepare
from tui.ssh.applications.read_only_node import ReadOnlyNode, public_notice
from tui.ssh.door import Door
from tui.ssh.host_certificate import HostCertifier
from tui.ssh.host_key import FILE as HOST_KEY_FILE
from tui.ssh.host_key import host_key_of
from tui.ssh.remote_people.keyring import KeyRing
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.ssh.sharing.cyclic_collection import CyclicCollector
from tui.ssh.sharing.ticker import Ticker
from tui.ssh.ssh_connection import SSHConnection
from tui.ssh.ssh_host import port_of, ssh_host
from tui.ssh.ssh_settings import SSHSettings
from tui.ssh.workers.worker_pool import WorkerPool
from tui.text import figures, invitation
from tui.text.safe_text import neutralise, neutralise_name
from tui.widgets.line_pool import SHARED_MAX, LinePool

if TYPE_CHECKING:
    from tui.ssh.ssh_session import SSHSession

VERSION: Final = "OpenSSH_compatible activity-tui"
"""OpenSSH tells only servers that call themselves so when nobody reads what it writes (`eow@openssh.com`): otherwise
`ssh ... tail | head` never ends. What may be expected of a server is what this string is for (RFC 4253, 4.2); no such
extension is expected that asyncssh does not have or answer."""
FULL_TOLD_GAP: Final = 60.0
"""Seconds between two notices that people who have not logged in are cut."""


class SSHServer:
    """Serves the application of one node over SSH. `start` it once, `close` it before the node ends."""

    def __init__(self, node: Server, settings: SSHSettings) -> None:
        self.node = node
        self.settings = settings
        self.keyring = KeyRing(node, settings.keys_max)
        self.frame_scheduler = FrameScheduler()
        self.node_view = ReadOnlyNode(node)
        self.line_pool = LinePool(SHARED_MAX)
        self.collector = CyclicCollector(settings.collect_after)
        self.worker_pool: WorkerPool | None = None
        """The workers; None when applications run in this process."""
        self.context = contextvars.copy_context()
        """For what sessions start that is not theirs."""
        self.ticker = Ticker(self.context)
        self._guesses = Guesses(settings.failure_delay, settings.delay_max)
        self._checking: Counter[str] = Counter()
        """Secrets of each host that are being checked, or wait to be."""
        self._checks = asyncio.Semaphore(settings.checks_max)
        self._connections: set[SSHConnection] = set()
        self._door: Door[SSHConnection] = Door(settings, self._no_room)
        self._full_told_at = float("-inf")
        self._sessions: dict[int, SSHSession] = {}
        self._numbers = 0
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._closing = False
        self._went = asyncio.Event()
        self._unsubscribe: Callable[[], None] = lambda: None
        self._certifier: HostCertifier | None = None
        self._announced = 0
        """The port that others are told; 0: none."""
        self.fingerprint = ""
        self.address = Address(settings.host, settings.port)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises CannotBind, OSError when the keys cannot be kept, ValueError when they are damaged."""
        if not self.settings.workers:
            await asyncio.to_thread(prepare)
        host_key, finding = await asyncio.to_thread(host_key_of, self.settings.data_dir / HOST_KEY_FILE)
        if finding:
            self.tell("security", finding)
        self.fingerprint = host_key.get_fingerprint()
        self._certifier = HostCertifier(host_key, self.node.node_id)
        self.collector.start()
        settings = self.settings
        _have_home(settings.data_dir)
        try:
            self._acceptor = await asyncssh.listen(
                settings.host or None,
                settings.port,
                server_factory=functools.partial(SSHConnection, self),
                server_host_keys=self._certifier.host_keys(
                    self.node.ssh_authority, self.settings.host, self.node.hosts
                ),
                encoding=None,
                line_editor=False,
                login_timeout=settings.login_limit,
                keepalive_interval=settings.keepalive_interval,
                keepalive_count_max=settings.keepalive_misses,
                **algorithms(),
                agent_forwarding=False,
                x11_forwarding=False,
                allow_scp=False,
                server_version=VERSION,
                backlog=128,
            )
        except OSError as error:
            where = Address(settings.host or "*", settings.port)
            reason = "something listens there already; choose another port"
            if error.errno != errno.EADDRINUSE:
                reason = str(error.strerror or error)
            raise CannotBind(f"SSH cannot be served at {where}: {reason}") from error
        keys = self.node.subscribe_removed_keys(self._key_removed)
        secrets = self.node.subscribe_changed_secrets(self._secret_changed)
        hosts = self.node.subscribe_identity(self._certify)
        kept_out = self.node.subscribe_kept_out(self._look_who_is_kept_out)

        def unsubscribe() -> None:
            for leave in (keys, secrets, hosts, kept_out):
                leave()

        self._unsubscribe = unsubscribe
        # They may have become others while the port was taken.
        self._certify()
        if settings.workers:
            self.worker_pool = WorkerPool(self, settings.workers)
            try:
                await self.worker_pool.start()
            except OSError as error:
                self.tell("security", f"no process for SSH sessions can be started: {error}", severity="warning")
        advertised = self.node.advertised.host
        ports = {str(address[0]): int(address[1]) for address in self._acceptor.get_addresses()}
        found_at = ssh_host(ports, advertised, asked_for=self.node.settings.advertise is not None)
        self.address = Address(settings.host or found_at, port_of(found_at, ports))
        # Others are told the port alone: they look for it at the host that they know this node by.
        self._announced = self.address.port if found_at == advertised else 0
        self._announce()
        command = invitation.ssh_command(found_at, self.address.port, "NAME")
        self.tell("listening", f"SSH at {self.address}, host key {self.fingerprint}; come in with: {command}")

    def _announce(self) -> None:
        if self._announced and self._certifier is not None:
            self.node.announce_ssh(self._announced, self._certifier.authority)

    def _certify(self) -> None:
        """Have the host key's certificate be of the network, and name all hosts at which people find it; for who comes
        from here on."""
        if self._acceptor is not None and self._certifier is not None:
            keys = self._certifier.renewed(self.node.ssh_authority, self.settings.host, self.node.hosts)
            if keys is not None:
                self._acceptor.update(server_host_keys=keys)
                self._announce()

    async def close(self, reason: str, successor: Address | None = None) -> None:
        """Say good-bye to every session, give their terminals back, and stop listening; within `leave_limit`."""
        self._closing = True
        self._unsubscribe()
        self.node.announce_ssh(0)
        if self._acceptor is not None:
            self._acceptor.close()
        sessions = list(self._sessions.values())
        for session in sessions:
            session.farewell(reason, successor)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.leave_limit):
                for session in sessions:
                    await session.over.wait()
                # A client that has its exit status hangs up by itself; hung up on, it would complain.
                while any(connection.had_session for connection in self._connections):
                    self._went.clear()
                    await self._went.wait()
        for connection in list(self._connections):
            connection.hang_up(reason)
        if self._acceptor is not None:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(self.settings.leave_limit):
                    await self._acceptor.wait_closed()
        if self.worker_pool is not None:
            await self.worker_pool.close()
        self.collector.close()

    @property
    def notices(self) -> Iterable[Notice]:
        """What happened so far, as people over SSH are told it."""
        return (told for notice in self.node.told_so_far if (told := public_notice(notice)) is not None)

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Have `callback` called with what happens from here on, as people over SSH are told it.

        The result ends that.
        """

        def noticed(notice: Notice) -> None:
            told = public_notice(notice)
            if told is not None:
                callback(told)

        return self.node.subscribe(noticed)

    # --- connections --------------------------------------------------------------------------------------------------

    def wall(self) -> float:
        return time.time()

    def admit(self, connection: SSHConnection) -> bool:
        """Whether there is room for another connection."""
        if self._closing or not self._door.admit(connection):
            return False
        self._connections.add(connection)
        return True

    def _no_room(self, connection: SSHConnection) -> None:
        """Somebody who has not logged in has to go for another one."""
        self._connections.discard(connection)
        connection.drop()
        now = time.monotonic()
        if now - self._full_told_at >= FULL_TOLD_GAP:
            self._full_told_at = now
            text = f"too many connections over SSH have not logged in: some are cut, of {connection.share} first"
            self.tell("security", text, severity="warning")

    def has_room_for_anonymous(self) -> bool:
        return self._door.has_room_for_anonymous()

    def authenticated(self, connection: SSHConnection) -> None:
        """Somebody has proved who they are."""
        remote_user = connection.remote_user
        self._door.came_in(connection, anonymous=remote_user is None or remote_user.claim is None)
        if remote_user is not None and remote_user.claim is not None:
            self._guesses.succeeded(connection.share, remote_user.name)
        if remote_user is not None:
            how = "a key" if remote_user.key is not None else "a secret"
            if remote_user.claim is None:
                how = "no name" if remote_user.name == ANONYMOUS else "a name that nobody has yet"
            self.tell(
                "login", f"{neutralise_name(remote_user.name)} came in over SSH from {connection.host} with {how}"
            )

    def _key_removed(self, claim: str, text: str) -> None:
        for connection in list(self._connections):
            if connection.key_removed(claim, text):
                who = f"{neutralise_name(connection.username)} from {connection.host}"
                self.tell("security", f"the session over SSH of {who} was ended: its key was removed")

    def _secret_changed(self, claim: str, verifier: str) -> None:
        for connection in list(self._connections):
            if connection.secret_changed(claim, verifier):
                who = f"{neutralise_name(connection.username)} from {connection.host}"
                self.tell("security", f"the session over SSH of {who} was ended: the secret was changed")

    def gone(self, connection: SSHConnection) -> None:
        """A connection has ended."""
        self._went.set()
        if connection in self._connections:
            self._connections.discard(connection)
            self._door.leave(connection)
            if connection.remote_user is None and (connection.keys_refused or connection.weakness):
                self._failed(connection.share, connection.username)
                who = f"{connection.host} as {neutralise_name(connection.username)}"
                keys = "a key that opens nothing" if connection.keys_refused == 1 else "keys that open nothing"
                why = connection.weakness or keys
                self.tell("refused", f"a login over SSH from {who} failed: {why}", severity="warning")

    def account(self, name: str) -> AccountFact | None:
        """The account that has a name; None also when the node has ended."""
        try:
            return self.node.account(name)
        except NotRunning:
            return None

    def accounts_called(self, name: str) -> tuple[AccountFact, ...]:
        """The accounts that somebody giving a name may mean, the likeliest first; none also when the node has ended."""
        try:
            return self.node.accounts_called(name)
        except NotRunning:
            return ()

    def name_of(self, claim: str, otherwise: str) -> str:
        """The name that an account has now; `otherwise` when the node has ended."""
        try:
            return self.node.account_name(claim) or otherwise
        except NotRunning:
            return otherwise

    def kept_out(self, claim: str | None, host: str) -> str | None:
        """Why operators have kept an account, or an address, out of the network; None also when the node has ended."""
        try:
            return self.node.kept_out(claim, host)
        except NotRunning:
            return None

    def _look_who_is_kept_out(self) -> None:
        for connection in list(self._connections):
            connection.look_whether_kept_out()

    def way_on(self, successor: Address, user: str) -> str:
        """Where somebody can go on at another server, over SSH too if it is known to serve that; a sentence."""
        try:
            servers = self.node.snapshot().servers
        except NotRunning:
            servers = ()
        port = next((one.ssh for one in servers if Address(one.hostname, one.port) == successor), 0)
        # Who has come with nothing but ssh is told of another program only where that leads nowhere.
        way = invitation.ssh_command(successor.host, port, user) if port else invitation.client_command(successor)
        return f"Go on with `{way}`."

    def left_words(self, user: str) -> str:
        """What somebody is told who has left the application: what goes on, and how they come back; a sentence."""
        try:
            snapshot = self.node.snapshot()
        except NotRunning:
            return ""
        servers = figures.count(sum(one.state != "unreachable" for one in snapshot.servers), "server")
        way = invitation.ssh_command(snapshot.hostname, snapshot.servers[0].ssh or self.address.port, user)
        return f"You have left {neutralise_name(snapshot.name)}, where {servers} went on; `{way}` comes back."

    async def hold_back(self, host: str, username: str) -> None:
        """Let somebody wait whose host is in the habit of failing, unless they have come in from there before."""
        await asyncio.sleep(self._guesses.penalty(share_of(host), username, time.monotonic()))

    def _failed(self, share: str, username: str) -> float:
        """Somebody from there has failed; seconds for which the answer should be kept back."""
        delay = self._guesses.failed(share, username, time.monotonic())
        if self._guesses.has_just_begun(share):
            self.tell("security", told_of_habit(share), severity="warning")
        return delay

    async def account_opened(self, host: str, username: str, secret: str) -> AccountFact | None:
        """Of the accounts that somebody giving a name may mean the one that the secret opens. Wrong ones are answered
        late, and the later the more there were of one host."""
        opened: AccountFact | None = None
        busy = False
        share = share_of(host)
        guesses = self._guesses.penalty(share, username, time.monotonic()) > 0
        if not (guesses and self._checking[share] >= self.settings.checks_per_host_max):
            self._checking[share] += 1
            try:
                async with self._checks:
                    opened = await self.node.account_opened(username, secret, host)
            except TooBusy:
                busy = True
            except NotRunning:
                pass
            finally:
                self._checking[share] -= 1
                if not self._checking[share]:
                    del self._checking[share]
        if opened is None:
            delay = 0.0 if busy else self._failed(share, username)
            self.tell(
                "refused", f"a login over SSH from {host} as {neutralise_name(username)} failed", severity="warning"
            )
            await asyncio.sleep(delay)
        return opened

    def tell(self, kind: NoticeKind, text: str, severity: Severity = "info") -> None:
        """Put something among the node's events."""
        self.node.publish(Notice(time.time(), kind, neutralise(text, 400), severity))

    # --- sessions -----------------------------------------------------------------------------------------------------

    def may_open(self, connection: SSHConnection) -> bool:
        """Whether there is room for another session of this person, on this connection and here at all."""
        settings, remote_user = self.settings, connection.remote_user
        if self._closing or remote_user is None or len(self._sessions) >= settings.sessions_max:
            return False
        if len(connection.open_sessions) >= settings.sessions_per_connection_max:
            return False
        if (
            sum(share_of(session.host) == connection.share for session in self._sessions.values())
            >= settings.sessions_per_host_max
        ):
            return False
        of_user = sum(1 for session in self._sessions.values() if session.user == remote_user.name)
        return remote_user.name == "anonymous" or of_user < settings.sessions_per_user_max

    def opened(self, session: SSHSession) -> int:
        self._numbers += 1
        self._sessions[self._numbers] = session
        return self._numbers

    def closed(self, number: int) -> None:
        if self._sessions.pop(number, None) is not None and not self._closing:
            if self.worker_pool is None:
                self.collector.ended()

    def runner_for(self, session: SSHSession, connection: SSHConnection, query: str) -> ApplicationRunner:
        """A place for a session's application: in a worker if there are any, else here."""
        remote = self.worker_pool.runner_for(session, connection, query) if self.worker_pool is not None else None
        return remote or LocalRunner(self, connection, session, query, session.has_read)

    def sessions(self) -> tuple[SessionView, ...]:
        """Every session, oldest first."""
        return tuple(session.view() for session in self._sessions.values())

    def end(self, number: int, reason: str) -> bool:
        """End a session; whether there was one with this number."""
        session = self._sessions.get(number)
        if session is None:
            return False
        session.farewell(reason, None)
        return True

    async def bind_key(self, remote_user: RemoteUser, claim: str) -> bool:
        """Bind the key that somebody came in with to their account; whether it was new."""
        return remote_user.key is not None and await self.keyring.bind(claim, remote_user.key)


def _have_home(directory: Path) -> None:
    """Give the process a home directory if it has none: asyncssh (2.24) cannot make its options without one."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(directory)
