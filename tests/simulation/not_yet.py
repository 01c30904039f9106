"""What is still broken, and who mends it: the tests here are expected to fail, and must not pass unnoticed.

Whoever mends one takes its row away: a test that is named here and passes fails.
"""

from __future__ import annotations

from typing import Final

NOT_YET: Final[dict[str, tuple[str, str]]] = {}
"""A test's name, as pytest prints it, to the part of the work that it waits for, and what goes wrong today."""
