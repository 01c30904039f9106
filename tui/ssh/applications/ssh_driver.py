"""A Textual driver whose terminal is at the other end of an SSH channel."""

from __future__ import annotations

from typing import Any, BinaryIO, Literal, TextIO

from tui.terminal.terminal_driver import TerminalDriver


class ChannelDriver(TerminalDriver):
    """What the person's application does not do here, because it would happen on the server."""

    def open_url(self, url: str, new_tab: bool = True) -> None:
        """Not here: a browser would open on the server. The person has the link on screen."""
        self._app.notify(url, title="Open this link yourself", severity="information")

    def deliver_binary(
        self,
        binary: BinaryIO | TextIO,
        *,
        delivery_key: str,
        save_path: Any,
        open_method: Literal["browser", "download"] = "download",
        encoding: str | None = None,
        mime_type: str | None = None,
        name: str | None = None,
    ) -> None:
        """Not here: the file would be written to the server's disk."""
        self._app.notify("Files cannot be saved over SSH", severity="warning")
