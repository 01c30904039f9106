"""Which algorithms SSH is spoken with: those of today, and none with SHA-1, CBC or compression.

Each list is all that is allowed, whatever asyncssh, or the libraries that it finds, would offer by themselves in this
version or a later one.
"""

from __future__ import annotations

from typing import Any, Final

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from tui.text.safe_text import neutralise

KEX: Final = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
)
"""Without the curves of NIST: nobody can tell where their constants are from."""
CIPHERS: Final = (
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
MACS: Final = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
"""Encrypt, then MAC: with the others a packet is decrypted before anybody knows whose it is."""
SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ssh-ed448",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""With which a client may prove that it has a key. Nothing with SHA-1, no DSA."""
RSA_BITS_MIN: Final = 2048
"""Of a client's key (NIST SP 800-57, table 2)."""


def algorithms() -> dict[str, Any]:
    """Options of `asyncssh.listen`: of ours those that it knows here, in our order."""
    return {
        "kex_algs": _known(KEX, asyncssh.kex.get_kex_algs()),
        "encryption_algs": _known(CIPHERS, asyncssh.encryption.get_encryption_algs()),
        "mac_algs": _known(MACS, asyncssh.mac.get_mac_algs()),
        "signature_algs": _known(SIGNATURES, asyncssh.public_key.get_public_key_algs()),
        "compression_algs": ["none"],
        # Where GSSAPI is installed, key exchanges with SHA-1 would come with it.
        "gss_host": None,
    }


def _known(wanted: tuple[str, ...], known: Any) -> list[str]:
    names = {name.decode("ascii") if isinstance(name, bytes) else name for name in known}
    return [name for name in wanted if name in names]


def key_weakness(key: asyncssh.SSHKey) -> str | None:
    """Why nobody comes in with a key, whatever they sign with it; None if it will do."""
    kind, material = key.get_algorithm(), key.pyca_key
    if kind == "ssh-dss":
        return "DSA keys (ssh-dss) are too short, and sign with SHA-1"
    if isinstance(material, RSAPublicKey | RSAPrivateKey):
        if material.key_size >= RSA_BITS_MIN:
            return None
        return f"an RSA key has {RSA_BITS_MIN} bits at least, and that one has {material.key_size}"
    return None if kind in SIGNATURES else f"keys of the kind {kind} are not taken"


def signature_weakness(signature: bytes) -> str | None:
    """Why a signature, as RFC 4252 has it, proves nothing, whoever made it; None if it will do when it is right.

    asyncssh tells clients what is allowed (`server-sig-algs`), and takes anything from those who do not listen.
    """
    try:
        kind = SSHPacket(signature).get_string().decode("ascii", "replace")
    except PacketDecodeError:
        return "a signature that cannot be read"
    if kind in SIGNATURES:
        return None
    if kind == "ssh-rsa":
        return "the client signs with SHA-1 (ssh-rsa), and not with rsa-sha2-256 or rsa-sha2-512"
    return f"signatures of the kind {neutralise(kind, 60)} are not taken"
