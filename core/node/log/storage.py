"""Storage: what a node does while its disk takes no writes, and once it takes them again."""

from __future__ import annotations

from core.node.kernel.context import Context
from core.node.log.replication import Replication


class Storage:
    """Whether the disk takes writes. While it does not, nothing new is accepted here; others' entries are passed on."""

    def __init__(self, context: Context, replication: Replication) -> None:
        self._context = context
        self._replication = replication

    def failed(self, batch: int, reason: str) -> None:
        """The disk has not taken a batch."""
        if self._context.storage_error is None:
            self._context.storage_error = reason
            self._context.note("disk fails", remark=reason)
            self._context.notify(
                "storage",
                f"the disk does not take writes ({reason}): new activities and registrations are refused",
                "error",
            )
        self._replication.commit_failed(batch, reason)

    def recovered(self) -> None:
        """The disk takes writes again."""
        if self._context.storage_error is not None:
            self._context.storage_error = None
            self._context.note("disk works")
            self._context.notify("storage", "the disk takes writes again", "good")
            self._replication.storage_recovered()
