"""Faults of a node that more than one test plants."""

from __future__ import annotations

import pytest

from core.node.log.replication import Replication


def changes_what_is_written_second(patch: pytest.MonkeyPatch) -> None:
    """What somebody writes second is kept with a number changed."""
    whole = Replication.originate

    def originate(self: Replication, kind: str, body: bytes, **members: object) -> object:
        if b'"n":2,' in body:
            body = body.replace(b'"precise":0.1', b'"precise":0.2')
        return whole(self, kind, body, **members)  # type: ignore[arg-type]

    patch.setattr(Replication, "originate", originate)
