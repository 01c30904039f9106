"""Which network the server of a data directory is of, asked while it runs or not."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

import msgspec

from core.certificates.network_key import fingerprint
from core.store.data_directory import DATABASE
from core.store.kept_network_setting import NETWORK_SETTING
from core.wire.kept_network import KeptNetwork


def network_of(data_dir: Path) -> str | None:
    """The fingerprint of the network; None where there is no such server, or none that can be read."""
    where = f"file:{quote(str(data_dir / DATABASE))}?mode=ro"
    with contextlib.suppress(sqlite3.Error, msgspec.MsgspecError):
        with contextlib.closing(sqlite3.connect(where, uri=True)) as connection:
            found = connection.execute("SELECT value FROM settings WHERE name = ?", (NETWORK_SETTING,)).fetchone()
        if found is not None:
            return fingerprint(msgspec.json.decode(found[0], type=KeptNetwork).key)
    return None
