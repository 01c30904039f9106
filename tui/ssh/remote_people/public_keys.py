"""Public keys as clients offer and people give them, in the form in which the network keeps them."""

from __future__ import annotations

import asyncssh

from tui.ssh.remote_people.keyring import COMMENT_MAX, Key
from tui.text.safe_text import neutralise


def key_of(key: asyncssh.SSHKey) -> Key:
    """A key as it is kept."""
    text = key.export_public_key("openssh").decode("ascii", "replace").split()
    return Key(" ".join(text[:2]), neutralise(str(key.get_comment() or ""), COMMENT_MAX))
