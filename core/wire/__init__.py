"""The wire: messages as typed structs, lines, limits, and what the network replicates.

Its modules are its public face. They are not gathered here, so that a command that only parses an address loads no more
than that.
"""

__all__ = ["activity", "address", "codec", "entries", "framing", "limits", "messages", "names"]
