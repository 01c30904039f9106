"""Drafts: what somebody was writing when they left, kept on this machine for each account and network.

One JSON file that only its owner may read, beside the one that says who they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from tui.remembered import private_file
from tui.remembered.file_lock import locked

FILE_NAME: Final = "drafts.json"
LOCK_NAME: Final = "drafts.lock"
ACCOUNTS_MAX: Final = 32
"""Accounts of which a draft is kept, those that wrote last."""
CHARACTERS_MAX: Final = 48_000
BYTES_MAX: Final = 12 * ACCOUNTS_MAX * CHARACTERS_MAX


class Draft(msgspec.Struct, frozen=True):
    text: str
    at: float
    """When it was written, in seconds since 1970."""


_drafts: Final = msgspec.json.Decoder(dict[str, Draft])


def load(directory: Path, account: str) -> Draft | None:
    """The draft of an account; none when the file cannot be read or is not ours."""
    return _load(directory).get(account)


def keep(directory: Path, account: str, draft: Draft | None) -> None:
    """Keep a draft in the place of the one before; None: there is none any more. Raises OSError."""
    with locked(directory, LOCK_NAME):
        kept = _load(directory)
        before = kept.pop(account, None)
        if draft is not None and draft.text.strip():
            kept[account] = Draft(draft.text[:CHARACTERS_MAX], draft.at)
        elif before is None:
            return
        private_file.write(directory / FILE_NAME, msgspec.json.encode(dict(list(kept.items())[-ACCOUNTS_MAX:])))


def _load(directory: Path) -> dict[str, Draft]:
    try:
        return _drafts.decode(private_file.read(directory / FILE_NAME, BYTES_MAX))
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}
