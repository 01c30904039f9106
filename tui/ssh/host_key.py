"""The key by which people recognise the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import asyncssh

from tui.remembered import private_file

FILE: Final = "ssh-host-key"
BYTES_MAX: Final = 65_536


def host_key_of(file: Path) -> tuple[asyncssh.SSHKey, str]:
    """The host key, made at the first start, and what should be known about it; nothing where there is nothing.

    Whatever is wrong with a key that is there, no other one is made: everybody who knows the server would be warned
    of it, and rightly. Raises OSError, NotPrivate, or ValueError when the file cannot be used.
    """
    way_out = "put the old one back, or move it away to have a new one made, of which everybody's ssh will warn"
    try:
        content = private_file.read(file, BYTES_MAX)
        return asyncssh.import_private_key(content), private_file.mend_mode(file)
    except FileNotFoundError:
        if os.path.islink(file):
            raise ValueError(f"{file} is a link to nothing; {way_out}") from None
    except private_file.NotOurs as error:
        raise ValueError(f"{file} cannot be used: {error.strerror}; {way_out}") from None
    except asyncssh.KeyImportError as error:
        raise ValueError(f"{file} is damaged: {error}; {way_out}") from None
    key = asyncssh.generate_private_key("ssh-ed25519", comment="activity-tui")
    private_file.write(file, key.export_private_key())
    return key, f"a host key for SSH was made, {key.get_fingerprint()}: people are shown it when they come first"
