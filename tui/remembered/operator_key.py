"""The key with which a person signs orders: made for them, or one of OpenSSH's that they have.

A file as `ssh-keygen -t ed25519` writes it, readable by its owner alone, and as its neighbour with `.pub` the public
half, which is shown to others.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from core.wire import Ed25519Signer
from tui.remembered import private_file

FILE_NAME: Final = "operator-key"
BYTES_MAX: Final = 64 * 1024


class OwnKey:
    """Somebody's key for orders, which may have been made just now, before it is known whether they are to give any."""

    def __init__(self, path: Path, signer: Ed25519Signer, *, is_new: bool) -> None:
        self.path = path
        self.signer = signer
        self.is_new = is_new

    def take_back(self) -> None:
        """They are no operator, so a key that was made for them now is not kept."""
        if self.is_new:
            for path in (self.path, _public_half(self.path)):
                with contextlib.suppress(OSError):
                    path.unlink()


class KeyUnusable(Exception):
    """There is a file, and orders cannot be signed with it; the text says why, and what to do."""


def signer_of(path: Path) -> Ed25519Signer | None:
    """The key in a file; None where there is no file. Raises KeyUnusable."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        private_file.mend_mode(path)
        data = private_file.read(path, BYTES_MAX)
    except FileNotFoundError:
        return None
    except private_file.NotPrivate as error:
        raise KeyUnusable(str(error)) from None
    except OSError as error:
        raise KeyUnusable(f"The key {path} cannot be read: {error.strerror or error}") from None
    try:
        key = load_ssh_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if "password" in str(error).lower():
            raise KeyUnusable(
                f"The key {path} is encrypted: `ssh-keygen -p -N '' -f COPY` makes a copy of it that is not, or leave"
                " out --key, and one is made for you"
            ) from None
        raise KeyUnusable(
            f"{path} is no private key as OpenSSH writes it: `ssh-keygen -t ed25519` makes one."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"The key {path} is of another kind: orders are signed with ssh-ed25519 keys")
    return Ed25519Signer(key.private_bytes_raw())


def own_key(path: Path) -> OwnKey:
    """The key in a file, which is made where there is none: the first operator of a network becomes it by showing one.
    Raises KeyUnusable, OSError."""
    signer = signer_of(path)
    return OwnKey(path, signer or make_key(path), is_new=signer is None)


def _public_half(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def make_key(path: Path) -> Ed25519Signer:
    """Make a key, and keep it. Raises OSError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    private_file.write(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    signer = Ed25519Signer(key.private_bytes_raw())
    with contextlib.suppress(OSError):
        private_file.write(_public_half(path), (public_line(signer) + "\n").encode())
    return signer


def public_line(signer: Ed25519Signer) -> str:
    """The public half as OpenSSH writes it: what somebody is given who is to appoint its owner."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PublicKey.from_public_bytes(signer.key)
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def usual_path(directory: Path | None) -> Path | None:
    """Where a person's key is, in the directory of their data."""
    return directory / FILE_NAME if directory is not None else None


def words_file(path: Path) -> str | None:
    """The first line of a file that may hold a public key; None if it cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError, ValueError):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            return os.read(handle, BYTES_MAX).decode().splitlines()[0] if os.fstat(handle).st_size else None
        finally:
            os.close(handle)
    return None
