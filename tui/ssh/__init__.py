"""The application over SSH: one Textual app a session, many of them on one event loop, here or in workers.

What it allows (`SSHSettings`) can be known without loading what it is made of.
"""

from typing import TYPE_CHECKING, Any

from tui.ssh.ssh_settings import SSHSettings

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

__all__ = ["SSHServer", "SSHSettings"]


def __getattr__(name: str) -> Any:
    if name == "SSHServer":
        import tui.ssh.ssh_server

        return tui.ssh.ssh_server.SSHServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
