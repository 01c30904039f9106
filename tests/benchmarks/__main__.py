"""`make bench`: figures of real processes, alone and under floods.

`python -m tests.benchmarks.ssh_sessions` measures sessions over SSH, `python -m tests.benchmarks.messages` messages.
"""

import asyncio

from tests.benchmarks import figures, floods, sealing

sealing.main()
asyncio.run(figures.main())
asyncio.run(floods.main())
