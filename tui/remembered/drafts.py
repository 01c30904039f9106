"""Drafts: what somebody was writing when they left, kept on this machine for each account and network.

One JSON file that only its owner may read, beside the one that says who they are. Several applications of one account
may write at a time: each has a draft of its own there, and none takes another's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.remembered import private_file
from tui.remembered.file_lock import locked

FILE_NAME: Final = "drafts.json"
LOCK_NAME: Final = "drafts.lock"
ACCOUNTS_MAX: Final = 32
"""Accounts of which drafts are kept, those that wrote last."""
WRITERS_MAX: Final = 4
"""Drafts of one account, those that were written last."""
CHARACTERS_MAX: Final = 48_000
BYTES_MAX: Final = 12 * ACCOUNTS_MAX * WRITERS_MAX * CHARACTERS_MAX


class AnsweredDraft(msgspec.Struct, frozen=True):
    """What a draft is a reply to: what names it, and what is said of it above the line."""

    reference: str
    sender: str
    words: str
    """The beginning of what it says."""
    own: bool = False


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    text: str
    at: float
    """When it was written, in seconds since 1970."""
    answers: AnsweredDraft | None = None
    writer: str = ""
    """Which application writes it."""


_drafts: Final = msgspec.json.Decoder(dict[str, Draft | list[Draft]])


def load(directory: Path, account: str) -> list[Draft]:
    """The drafts of an account, the latest first; none when the file cannot be read or is not ours."""
    return _load(directory).get(account, [])[::-1]


def keep(directory: Path, account: str, writer: str, draft: Draft | None, adopted: Sequence[str] = ()) -> None:
    """Keep an application's draft in the place of its one before; None: there is none any more. `adopted`: the writers
    of drafts that it has shown as its own, which are kept no more. Raises OSError."""
    with locked(directory, LOCK_NAME):
        kept = _load(directory)
        before = kept.pop(account, [])
        drafts = [one for one in before if one.writer != writer and one.writer not in adopted]
        if draft is not None and draft.text.strip():
            drafts.append(replace(draft, text=draft.text[:CHARACTERS_MAX], writer=writer))
        if drafts:
            kept[account] = drafts[-WRITERS_MAX:]
        elif not before:
            return
        private_file.write(directory / FILE_NAME, msgspec.json.encode(dict(list(kept.items())[-ACCOUNTS_MAX:])))


def _load(directory: Path) -> dict[str, list[Draft]]:
    try:
        found = _drafts.decode(private_file.read(directory / FILE_NAME, BYTES_MAX))
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}
    return {account: [one] if isinstance(one, Draft) else one for account, one in found.items()}
