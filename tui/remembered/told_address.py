"""Where a server has told others to reach it, in a file of its data directory: what `invite` tells who says no more."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from core.wire import Address, parse_address
from tui.remembered import private_file

FILE_NAME: Final = "reached-at"
BYTES_MAX: Final = 1024


def keep_address(data_dir: Path, address: Address) -> None:
    """Note it. Raises OSError."""
    if told_address(data_dir) != address:
        private_file.write(data_dir / FILE_NAME, f"{address}\n".encode())


def told_address(data_dir: Path) -> Address | None:
    """None where no server has noted any, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return parse_address(private_file.read(data_dir / FILE_NAME, BYTES_MAX).decode().strip())
    return None
