"""What is kept of each account on this machine, a small document each, such as where somebody stopped reading.

One JSON file beside the one that says who they are. What the documents say is the application's affair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from tui.remembered import private_file
from tui.remembered.file_lock import locked

FILE_NAME: Final = "reading.json"
LOCK_NAME: Final = "reading.lock"
ACCOUNTS_MAX: Final = 32
"""Accounts of which something is kept, those that were used last."""
BYTES_MAX: Final = 1024 * 1024

_documents: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def load(directory: Path) -> dict[str, bytes]:
    """The documents by account; none when the file cannot be read or is not ours."""
    try:
        found = _documents.decode(private_file.read(directory / FILE_NAME, BYTES_MAX))
    except (OSError, msgspec.DecodeError, UnicodeError):
        return {}
    return {account: bytes(document) for account, document in found.items()}


def written(directory: Path) -> tuple[int, int] | None:
    """Which writing of the file this is; None where there is none."""
    try:
        status = (directory / FILE_NAME).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def keep(directory: Path, account: str, document: bytes) -> None:
    """Keep a document, which is JSON, in the place of the one before; of other accounts, those that other programs keep
    meanwhile, too. Raises OSError."""
    with locked(directory, LOCK_NAME):
        kept = load(directory)
        kept.pop(account, None)
        kept[account] = document
        last = list(kept.items())[-ACCOUNTS_MAX:]
        private_file.write(directory / FILE_NAME, msgspec.json.encode({name: msgspec.Raw(one) for name, one in last}))
