"""One SSH connection: who is at the other end, and what they may open.

A person is who they have proved to be when authentication has completed, never before: keys are offered, and may be
offered by somebody who does not have them, any number of times until then. The last thing that was accepted before the
completion is what proved it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import asyncssh

from core.admission import share_of
from core.engine import NotRunning, TooBusy
from core.wire import ANONYMOUS, registrable_problem
from tui.ssh.algorithms import key_weakness, signature_weakness
from tui.ssh.remote_people.public_keys import key_of
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.ssh.ssh_session import SSHSession
from tui.text.safe_text import neutralise, neutralise_name

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

log = logging.getLogger(__name__)

SOCKET_BUFFER: Final = 256 * 1024
"""Bytes that the system may keep for a client."""
PROBES: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4}
"""Seconds of silence after which the other machine is asked whether it is there, seconds between times, and times."""
REVOKED: Final = "The key that you came in with opens this account no longer. Come in with another one, or the secret."
SECRET_CHANGED: Final = "The secret that you came in with was changed. Come in with the new one, or with a key."
REVOKED_LIMIT: Final = 5.0
"""Seconds within which those leave whose way in was closed."""
CHANGE_LIMIT: Final = 60.0
"""Seconds for which a session that says so is taken to be the one that changes the secret."""


class SSHConnection(asyncssh.SSHServer):
    """What asyncssh asks about a connection. Everything that is not allowed here is refused by asyncssh's defaults."""

    def __init__(self, server: SSHServer) -> None:
        self._server = server
        self._conn: asyncssh.SSHServerConnection | None = None
        self._proof: RemoteUser | None = None
        self._attempts = 0
        self.keys_refused = 0
        """Keys that opened nothing."""
        self.weakness = ""
        """Why a key proved nothing that would have opened the account otherwise."""
        self.username = ""
        self.host = ""
        self.share = ""
        """Whom its limits are shared with: everybody at its address."""
        self.remote_user: RemoteUser | None = None
        """Who it is, once that is proved."""
        self.client = ""
        self.open_sessions: set[SSHSession] = set()
        self.had_session = False
        self.revoked = False
        """Whether what opened it opens nothing any more."""
        self._told_name = False
        """Whether this person has been told that they have another name than the one they gave."""
        self._verifier: str | None = None
        """What the secret fitted that opened it; None where none did."""
        self._changes_until = 0.0
        """Until when a changed secret is taken to be this person's own doing, in monotonic time."""
        self._empty: asyncio.TimerHandle | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        # asyncssh obeys the channel's window, which the client chooses, but not the socket: without this a client that
        # grants a large window and does not read would be buffered for without bound.
        conn.pause_writing = self._socket_full  # type: ignore[method-assign]
        conn.resume_writing = self._socket_drained  # type: ignore[method-assign]
        # asyncssh asks whether a key will do, and then takes whatever signature it can check.
        self._validate_signed = conn.validate_public_key
        conn.validate_public_key = self._validate_strongly_signed  # type: ignore[method-assign]
        sock = conn.get_extra_info("socket")
        if sock is not None:
            # By itself the system would keep megabytes of old frames for a client that does not read.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
            _probe(sock)
        peer = conn.get_extra_info("peername")
        self.host = str(peer[0]) if peer else "?"
        self.share = share_of(self.host)
        if self._server.kept_out(None, self.host) is not None or not self._server.admit(self):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_no_session(False)
        self._conn = None
        self._server.gone(self)
        if exc is not None and not isinstance(exc, asyncssh.DisconnectError | OSError):
            log.warning("an SSH connection from %s ended: %s", self.host, exc)

    def _socket_full(self) -> None:
        for session in self.open_sessions:
            session.full("socket")
        self._read_socket(False)

    def _socket_drained(self) -> None:
        for session in self.open_sessions:
            session.drained("socket")
        self._read_socket(True)

    def _read_socket(self, reading: bool) -> None:
        """Whoever does not read our answers asks no more: they would pile up as well."""
        transport = getattr(self._conn, "_transport", None)
        if transport is not None:
            if reading:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def close(self, reason: str) -> None:
        if self._conn is not None:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    def drop(self) -> None:
        """Cut the connection at once."""
        if self._conn is not None:
            self._conn.abort()

    def hang_up(self, reason: str) -> None:
        """Close behind everything that was sent. Where there was a session, its last words are all that is said.

        OpenSSH throws away what it has not shown when it hears of a disconnection, and what gives the terminal back
        with it; that a session has ended, it sees by itself.
        """
        transport = getattr(self._conn, "_transport", None)
        if self.had_session and transport is not None:
            transport.close()
        else:
            self.close(reason)

    # --- who it is ----------------------------------------------------------------------------------------------------

    async def begin_auth(self, username: str) -> bool:
        self.username = username
        await self._server.hold_back(self.host, username)
        if self._conn is not None:
            version = self._conn.get_extra_info("client_version", "")
            self.client = neutralise(str(version), 60).removeprefix("SSH-2.0-")
        if username == ANONYMOUS:
            if not self._server.has_room_for_anonymous():
                self._banner("This server has no room for more anonymous people now; try again later.")
            elif self._server.settings.anonymous:
                self._proof = RemoteUser(ANONYMOUS, None)
                return False
            else:
                self._banner("This server takes no anonymous people; come with a name of your own.")
        elif self._server.account(username) is None:
            problem = registrable_problem(username)
            if problem is not None:
                self._banner(f"{neutralise_name(username)}: {problem}.")
            elif not self._server.settings.registration:
                self._banner(
                    f"There is no {neutralise_name(username)} here; register the name at a server that lets you."
                )
            else:
                new = f"{neutralise_name(username)} is new here; you can register the name once you are in."
                self._banner(f"{new} With a password, that becomes its secret; it may be empty.")
        return True

    def _banner(self, text: str) -> None:
        if self._conn is not None:
            self._conn.send_auth_banner(f"{text}\r\n")

    def _may_register(self, username: str) -> bool:
        return (
            self._server.settings.registration
            and registrable_problem(username) is None
            and self._server.has_room_for_anonymous()
        )

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether a key would do. It is asked before the key's owner has proved to have it."""
        offered = key_of(key)
        meant = self._server.accounts_called(username)
        if not meant and (username == ANONYMOUS or not self._may_register(username)):
            return self._refused()
        opened = next((one.claim for one in meant if self._server.keyring.has(one.claim, offered.text)), None)
        if meant and opened is None:
            # Offering keys is what every client does by itself: the one that fits is mostly among them.
            self.keys_refused += 1
            return self._refused()
        if (weakness := key_weakness(key)) is not None:
            return self._too_weak(weakness)
        name = username if opened is None else self._name_now(username, opened)
        self._proof = RemoteUser(name, opened, key=offered)
        return True

    def _name_now(self, username: str, claim: str) -> str:
        """The name that somebody's account has now; they are told where it is not the one that they gave."""
        name = self._server.name_of(claim, username)
        if name != username and not self._told_name:
            self._told_name = True
            given, now = neutralise_name(username), neutralise_name(name)
            self._banner(f"The name {given} belongs to an account that was registered earlier; you are {now} now.")
        return name

    async def _validate_strongly_signed(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """Whether a key will do (`msg` is empty), or its owner has proved with a signature to have it."""
        if msg and (weakness := signature_weakness(signature)) is not None:
            return self._too_weak(weakness)
        return await self._validate_signed(username, key_data, msg, signature)

    def _too_weak(self, weakness: str) -> bool:
        self._banner(f"That key is refused: {weakness}. `ssh-keygen -t ed25519` makes one that will do.")
        self.weakness = weakness
        return self._refused()

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        if self._attempts >= self._server.settings.attempts_max:
            return self._refused()
        if not self._server.accounts_called(username) and username != ANONYMOUS and self._may_register(username):
            self._proof = RemoteUser(username, None, secret=password)
            return True
        opened = await self._server.account_opened(self.host, username, password)
        if opened is None:
            return self._refused()
        self._proof = RemoteUser(self._name_now(username, opened.claim), opened.claim)
        self._verifier = opened.verifier
        return True

    def _refused(self) -> bool:
        self._proof = None
        self._attempts += 1
        if self._attempts >= self._server.settings.attempts_max and self._conn is not None:
            self._conn.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many failed attempts")
        return False

    def auth_completed(self) -> None:
        self.remote_user = self._proof
        if self.remote_user is None:
            self.close("Nobody was authenticated")
            return
        key, claim = self.remote_user.key, self.remote_user.claim
        if key is not None and claim is not None and not self._server.keyring.has(claim, key.text):
            self.close(REVOKED)
            return
        if key is None and claim is not None and self._verifier != self._present_verifier(claim):
            self.close(SECRET_CHANGED)
            return
        if self._why_kept_out():
            self.close(self._why_kept_out())
            return
        self._server.authenticated(self)
        self._has_no_session(True)

    def key_removed(self, claim: str, text: str) -> bool:
        """A key no longer opens an account: if it was this person's way in, they leave. Whether it was."""
        remote_user = self.remote_user
        if self.revoked or remote_user is None or remote_user.key is None:
            return False
        if (remote_user.claim, remote_user.key.text) != (claim, text):
            return False
        self._revoke(REVOKED)
        return True

    def secret_changed(self, claim: str, verifier: str) -> bool:
        """An account has another secret: if the one before was this person's way in, they leave. Whether it was.

        Who has changed it stays, and so does who has a key that opens the account.
        """
        remote_user = self.remote_user
        if self.revoked or remote_user is None or remote_user.claim != claim or self._verifier in (None, verifier):
            return False
        if time.monotonic() < self._changes_until:
            self._verifier = verifier
            return False
        if remote_user.key is not None and self._server.keyring.has(claim, remote_user.key.text):
            return False
        self._revoke(SECRET_CHANGED)
        return True

    def _why_kept_out(self) -> str:
        claim = self.remote_user.claim if self.remote_user is not None else None
        return self._server.kept_out(claim, self.host) or ""

    def look_whether_kept_out(self) -> None:
        """Operators keep other people out than before: whoever is among them leaves."""
        if not self.revoked and self._why_kept_out():
            reason = self._why_kept_out()
            self._revoke(f"{reason[:1].upper()}{reason[1:]}.")
        elif not self.revoked and self.remote_user is not None and self.remote_user.key is not None:
            claim, key = self.remote_user.claim, self.remote_user.key
            if claim is not None and not self._server.keyring.has(claim, key.text):
                # A server that was expelled had bound it.
                self._revoke(REVOKED)

    def changes_secret(self, begins: bool) -> None:
        """This person is about to change their account's secret, or has done so."""
        self._changes_until = time.monotonic() + CHANGE_LIMIT if begins else 0.0

    def _present_verifier(self, claim: str) -> str | None:
        fact = self._server.account(self._server.name_of(claim, self.username))
        return fact.verifier if fact is not None else None

    def _revoke(self, words: str) -> None:
        """What opened it opens nothing any more: whoever is in leaves."""
        self.revoked = True
        for session in list(self.open_sessions):
            if not session.io.finishing:
                session.farewell(words, None)
        if self.open_sessions:
            # A client hangs up by itself when its last session has ended; hung up on, it would complain.
            asyncio.get_running_loop().call_later(REVOKED_LIMIT, self.hang_up, words)
        else:
            self.close(words)

    def registered(self, claim: str) -> None:
        """The newcomer has registered its name."""
        if self.remote_user is not None:
            self.remote_user = replace(self.remote_user, claim=claim)

    # --- their sessions -----------------------------------------------------------------------------------------------

    def session_opened(self, session: SSHSession) -> None:
        self.open_sessions.add(session)
        self.had_session = True
        self._has_no_session(False)

    def session_closed(self, session: SSHSession) -> None:
        self.open_sessions.discard(session)
        self._has_no_session(not self.open_sessions)

    def _has_no_session(self, empty: bool) -> None:
        if self._empty is not None:
            self._empty.cancel()
            self._empty = None
        if empty and self._conn is not None:
            limit = self._server.settings.empty_limit
            self._empty = asyncio.get_running_loop().call_later(limit, self.close, "There was no session for too long")

    # --- for the application (`application_host.NodeAccess`) --------------------------------------------------------

    def connect(self, name: str) -> socket.socket:
        return self._server.node.connect_local(self.vouched(name))

    def attach(self, sock: socket.socket, name: str) -> None:
        """The same over a socket that somebody else has the other end of. Raises NotRunning."""
        self._server.node.serve_local(sock, self.vouched(name))

    def vouched(self, name: str) -> str | None:
        """The name, if the person has proved to own the account that has it now."""
        fact = self._server.account(name)
        user = self.remote_user
        known = user is not None and user.claim is not None and not self.revoked
        return name if known and fact is not None and user is not None and fact.claim == user.claim else None

    async def take_account(self, username: str, secret: str) -> str | None:
        try:
            opened = await self._server.node.account_opened(username, secret)
        except (NotRunning, TooBusy):
            return None
        if opened is None:
            return None
        self.registered(opened.claim)
        self._verifier = opened.verifier
        return opened.claim

    async def tell_of_change(self, begins: bool) -> None:
        self.changes_secret(begins)

    async def bind_key(self, claim: str) -> None:
        if self.remote_user is not None:
            await self._server.bind_key(self.remote_user, claim)

    # --- what they may open -------------------------------------------------------------------------------------------

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        if self.remote_user is None or self.revoked or not self._server.may_open(self):
            return False
        return SSHSession(self._server, self)


def _probe(sock: socket.socket) -> None:
    """Let the system find out that the other machine has gone: that costs no idle session anything, as asking would."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        # Not every system has all of them.
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
