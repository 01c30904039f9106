"""Somebody who listens at a port in the place of a server, and writes down what is said to it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.program import LIMIT

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Stranger:
    """`raw` is all that came over its sockets, `said` what of it could be decrypted, a piece for each connection."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext | None, answer: Answer) -> None:
        self._listener = listener
        self._tls = tls
        self._answer = answer
        self.port: int = listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.raw = bytearray()
        self.said = bytearray()
        self.visits = 0
        self.visited = threading.Event()
        """Somebody has come and gone."""

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connected:
                connected.settimeout(LIMIT)
                self._talk(connected)
            self.visits += 1
            self.visited.set()

    def _talk(self, connected: socket.socket) -> None:
        self.raw += connected.recv(65536, socket.MSG_PEEK)
        if self._tls is None:
            # What a server in clear says to whom it does not understand.
            self.said += connected.recv(65536)
            connected.sendall(b'{"command":"INVALID_MESSAGE","info":"what is that?"}\n')
            with contextlib.suppress(TimeoutError):
                while more := connected.recv(65536):
                    self.said += more
                    self.raw += more
            return
        with self._tls.wrap_socket(connected, server_side=True) as encrypted, encrypted.makefile("rwb") as stream:
            for line in stream:
                self.said += line
                for message in self._answer(json.loads(line)):
                    stream.write(json.dumps(message).encode() + b"\n")
                stream.flush()


def nothing(message: dict[str, Any]) -> list[dict[str, Any]]:
    return []


@contextmanager
def listening(port: int = 0, tls: ssl.SSLContext | None = None, answer: Answer = nothing) -> Iterator[Stranger]:
    """Somebody at a port of this machine; with `tls` they encrypt, and `answer` what they are told."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        stranger = Stranger(listener, tls, answer)
        thread = threading.Thread(target=stranger._serve, daemon=True)
        thread.start()
        try:
            yield stranger
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LIMIT)
