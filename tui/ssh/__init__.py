"""The application over SSH: one Textual app a session, all of them in the node's process and event loop."""

from tui.ssh.server import SessionView, SSHServer
from tui.ssh.settings import SSHSettings

__all__ = ["SSHServer", "SSHSettings", "SessionView"]
