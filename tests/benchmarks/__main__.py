"""`make bench`: figures of real processes, alone and under floods, and the bars of the log.

`python -m tests.benchmarks.log` measures one of its rows or all, `python -m tests.benchmarks.ssh_sessions` sessions
over SSH, `python -m tests.benchmarks.messages` messages.
"""

import asyncio

from tests.benchmarks import figures, floods, log

asyncio.run(log.main())
asyncio.run(figures.main())
asyncio.run(floods.main())
