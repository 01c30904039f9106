"""Encryption of a server's connections: TLS 1.3, and certificates under the network's key in both directions.

A server shows its leaf to everybody. People show none; a server that dials shows its own, and OpenSSL lets nobody in
with one of another network. Which network a dialled server is of is the node's matter: it is told what was shown.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

from msgspec.structs import replace

from core.certificates.approval import shown_approval
from core.certificates.leaf import Leaf, authority, make_leaf
from core.certificates.network_key import NetworkKey, fingerprint
from core.certificates.succession import succeed
from core.wire.kept_network import SUCCESSIONS_MAX, KeptNetwork

_NAME: Final = "activity-tui-leaf"


class NetworkTls:
    """What a server shows on encrypted connections. Its contexts are others when the network's key is another one."""

    def __init__(self, server_seed: bytes, network: KeptNetwork) -> None:
        self._server_seed = server_seed
        self.network = network
        self._show(network)

    @property
    def fingerprint(self) -> str:
        """The network's."""
        return fingerprint(self.network.key)

    def adopt(self, network: KeptNetwork) -> KeptNetwork:
        """Be a server of another network from here on, which is returned with how the key of the one before has led to
        it. Connections that there are stay as they are."""
        given_up = self.network.given_up
        if network.key != self.network.key:
            led_here = succeed(NetworkKey(self.network.seed), network.key)
            if self.network.founded_at is None:
                given_up = led_here
            else:
                known = dict.fromkeys([*self.network.successions, *network.successions, led_here])
                network = replace(network, successions=tuple(known)[-SUCCESSIONS_MAX:])
        network = replace(network, given_up=given_up)
        if network.shown != self.network.shown:
            self._show(network)
        self.network = network
        return network

    def _show(self, network: KeptNetwork) -> None:
        key = NetworkKey(network.seed)
        given_up = () if network.given_up is None else (network.given_up,)
        approval = shown_approval(network)
        led_here = network.successions[-(SUCCESSIONS_MAX - len(given_up) - len(approval)) :]
        leaf = make_leaf(key, self._server_seed, (*given_up, *led_here, *approval))
        self.listening = _listening(leaf, authority(key))
        """For connections that others open."""
        self.dialling = _dialling(leaf)
        """For connections to servers of the network."""
        self.asking = _dialling(None)
        """For connections to servers that are not to be shown who dials, or would let in no leaf of this network."""


def _listening(leaf: Leaf, known: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    # Each ticket costs a write, and memory until it is taken; the handshake without one is cheap.
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=known)
    load_leaf(context, leaf)
    return context


def _dialling(leaf: Leaf | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    context.check_hostname = False
    # OpenSSL proves that the other side has the key that its certificate names. Whose that is, is read from the leaf.
    context.verify_mode = ssl.CERT_NONE
    if leaf is not None:
        load_leaf(context, leaf)
    return context


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_RENEGOTIATION


def load_leaf(context: ssl.SSLContext, leaf: Leaf) -> None:
    """Have a context show a leaf. `ssl` takes files only: this one is in memory, where the system has such."""
    text = (leaf.certificate + leaf.key).encode("ascii")
    try:
        handle = os.memfd_create(_NAME, os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        _load_from_disk(context, text)
        return
    try:
        os.write(handle, text)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    except FileNotFoundError:  # there is no /proc
        _load_from_disk(context, text)
    finally:
        os.close(handle)


def _load_from_disk(context: ssl.SSLContext, text: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(prefix=_NAME) as file:  # readable by its owner alone
        file.write(text)
        file.flush()
        context.load_cert_chain(file.name)
