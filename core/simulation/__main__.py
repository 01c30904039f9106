"""Run the simulator from a command line."""

from __future__ import annotations

import sys

from core.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
