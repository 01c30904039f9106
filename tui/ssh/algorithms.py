"""Which algorithms SSH is spoken with: those of today, and none with SHA-1, CBC or compression."""

from __future__ import annotations

from typing import Any, Final

import asyncssh

KEX: Final = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
)
CIPHERS: Final = (
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
MACS: Final = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Nothing with SHA-1, no DSA."""


def algorithms() -> dict[str, list[str]]:
    """Options of `asyncssh.listen`: of ours those that it knows here, in our order."""
    return {
        "kex_algs": _known(KEX, asyncssh.kex.get_kex_algs()),
        "encryption_algs": _known(CIPHERS, asyncssh.encryption.get_encryption_algs()),
        "mac_algs": _known(MACS, asyncssh.mac.get_mac_algs()),
        "signature_algs": _known(SIGNATURES, asyncssh.public_key.get_public_key_algs()),
        "compression_algs": ["none"],
    }


def _known(wanted: tuple[str, ...], known: Any) -> list[str]:
    names = {name.decode("ascii") if isinstance(name, bytes) else name for name in known}
    return [name for name in wanted if name in names]
