"""What has a secret among its fields and does not show it: values end up in reports of faults and in logs."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class KeepsSecret(msgspec.Struct, frozen=True):
    """A value whose field `secret` is left out where it is printed, or those that a class names in its place."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"secret"})

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.unprinted)
        return f"{type(self).__name__}({', '.join(shown)})"
