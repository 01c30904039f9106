"""While something is loaded nobody looks for garbage in it: to look through it again and again is a tenth of what it
costs, and all of it is there to stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """The collector rests as long as the block runs."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def ending() -> None:
    """The process ends: the interpreter need not look for garbage in what goes with it, as it does once more."""
    gc.freeze()
