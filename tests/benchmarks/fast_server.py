"""A server whose secrets rest as hashes that cost next to nothing, so that all else of a registration can be measured.

    python -m tests.benchmarks.fast_server serve …

is `activity-tui serve …` with the least that Argon2 can do in the place of what OWASP recommends. Never serve people
with it.
"""

from __future__ import annotations

import sys
from typing import Final

from core.engine import engine_settings
from tests.processes.harness import NodeProcess

LEAST: Final = {"memory_kib": 8, "passes": 1}


class FastProcess(NodeProcess):
    """Such a server as a process."""

    def command(self) -> list[str]:
        _, _, _, *arguments = super().command()
        return [sys.executable, "-m", "tests.benchmarks.fast_server", *arguments]


def main(arguments: list[str]) -> int:
    from tui.cli import main as run

    defaults = engine_settings.PasswordSettings.__init__.__kwdefaults__
    assert defaults is not None and set(LEAST) <= set(defaults)
    defaults |= LEAST
    sys.argv = ["activity-tui", *arguments]
    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
