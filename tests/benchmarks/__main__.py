"""`make bench`: ours beside other brokers, the bars of the log, the screen, the search and of people over SSH, and
figures of real processes.

`ARGS` goes to the first, and names of its rows there are all that is measured; files that it names get the other bars,
too. `python -m tests.benchmarks.brokers`, `….log`, `….screen`, `….fulltext` and `….ssh_traffic` measure some of their
rows or all, `python -m tests.benchmarks.ssh_sessions` how many sessions over SSH fit, `python -m
tests.benchmarks.messages` lock messages, `python -m tests.benchmarks.hot_path` where the processor time of an activity
goes.
"""

import asyncio
import sys

from tests.benchmarks import (
    brokers,
    figures,
    floods,
    fulltext,
    hot_path,
    log,
    member_floods,
    report,
    screen,
    ssh_traffic,
)
from tests.benchmarks.rows import recorded

arguments = brokers.asked(sys.argv[1:])
lines, results = asyncio.run(brokers.main(arguments.rows, arguments.scale))
if not arguments.rows:
    for name, measured in (
        ("the log", log.main),
        ("the screen", screen.main),
        ("the search", fulltext.main),
        ("people over SSH", ssh_traffic.main),
    ):
        with recorded() as lines[name]:
            asyncio.run(measured())
    for others in (hot_path.main, figures.main, floods.main, member_floods.main):
        asyncio.run(others())
    print(report.table(lines))
brokers.written(arguments, lines, results)
