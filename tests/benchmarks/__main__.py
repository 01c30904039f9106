"""`make bench`: ours beside other brokers, the bars of the log and of the screen, and figures of real processes.

`ARGS` goes to the first, and names of its rows there are all that is measured. `python -m tests.benchmarks.brokers`,
`….log` and `….screen` measure some of their rows or all,
`python -m tests.benchmarks.ssh_sessions` sessions over SSH, `python -m tests.benchmarks.messages` lock messages,
`python -m tests.benchmarks.hot_path` where the processor time of an activity goes.
"""

import asyncio
import sys

from tests.benchmarks import brokers, figures, floods, hot_path, log, member_floods, screen

if not brokers.command(sys.argv[1:]):
    asyncio.run(log.main())
    asyncio.run(screen.main())
    asyncio.run(hot_path.main())
    asyncio.run(figures.main())
    asyncio.run(floods.main())
    asyncio.run(member_floods.main())
