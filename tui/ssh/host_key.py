"""The key by which people recognise the server."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import asyncssh

FILE: Final = "ssh-host-key"


def host_key_of(file: Path) -> asyncssh.SSHKey:
    """The host key; made at the first start. Raises OSError, or ValueError when the file is damaged."""
    with contextlib.suppress(FileNotFoundError):
        try:
            return asyncssh.read_private_key(str(file))
        except asyncssh.KeyImportError as error:
            raise ValueError(f"{file} is damaged: {error}; move it away to have a new one made") from None
    key = asyncssh.generate_private_key("ssh-ed25519", comment="activity-tui")
    _write_private(file, key.export_private_key())
    return key


def _write_private(file: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all. Raises OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
