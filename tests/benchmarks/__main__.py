"""`make bench`: figures of real processes. `python -m tests.benchmarks.ssh_sessions` measures sessions over SSH."""

import asyncio

from tests.benchmarks.figures import main

asyncio.run(main())
