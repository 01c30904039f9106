"""A server whose secrets rest as hashes that cost next to nothing, so that all else of a registration can be measured.

    python -m tests.benchmarks.fast_server serve …

is `activity-tui serve …` with the least that Argon2 can do in the place of what OWASP recommends. Never serve people
with it.
"""

from __future__ import annotations

import sys
from typing import Final

from msgspec.structs import replace

from core.engine.engine_settings import PasswordSettings
from core.engine.threads.passwords import Passwords
from tests.processes.harness import NodeProcess

LEAST: Final[dict[str, int]] = {"memory_kib": 8, "passes": 1}


class FastProcess(NodeProcess):
    """Such a server as a process."""

    def command(self) -> list[str]:
        _, _, _, *arguments = super().command()
        return [sys.executable, "-m", "tests.benchmarks.fast_server", *arguments]


def main(arguments: list[str]) -> int:
    from tui.cli import main as run

    made = Passwords.__init__

    def made_fast(self: Passwords, settings: PasswordSettings) -> None:
        made(self, replace(settings, **LEAST))

    Passwords.__init__ = made_fast  # type: ignore[method-assign]
    sys.argv = ["activity-tui", *arguments]
    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
