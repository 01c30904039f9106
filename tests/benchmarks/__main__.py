"""`make bench`: figures of real processes, alone and under floods, and the bars of the log and of the screen.

`python -m tests.benchmarks.log` and `python -m tests.benchmarks.screen` measure one of their rows or all,
`python -m tests.benchmarks.ssh_sessions` sessions over SSH, `python -m tests.benchmarks.messages` messages,
`python -m tests.benchmarks.hot_path` where the processor time of an activity goes.
"""

import asyncio

from tests.benchmarks import figures, floods, hot_path, log, member_floods, screen

asyncio.run(log.main())
asyncio.run(screen.main())
asyncio.run(hot_path.main())
asyncio.run(figures.main())
asyncio.run(floods.main())
asyncio.run(member_floods.main())
