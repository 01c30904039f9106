"""The broadcast task of Maelstrom (https://github.com/jepsen-io/maelstrom, "Broadcast"), as far as it can be compared.

25 nodes, 100 ms between any two. Half of the operations are reads, and what is counted is messages between servers for
each operation, so a tree costs 24 / 2 = 12. Here a read costs nothing: clients are sent everything. Times go from the
client's sending to the last server's handing over to its clients, and so have 100 ms for the client's own link in them
which Maelstrom does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.simulation.experiments.measuring import Sample, Verdict, quantile
from core.simulation.experiments.worlds import ArrivalWatch, TrafficLoad, add_writer, settled_world, write
from core.simulation.world.world import World

NODES: Final = 25
LATENCY: Final = 0.1
RATE: Final = 100
"""Activities a second in the whole network."""
SECONDS: Final = 30.0
BEGIN: Final = 15.0

MESSAGES_BAR: Final = 13.3
MEDIAN_BAR: Final = 0.385
TAIL_BAR: Final = 0.530


def task(seed: int, shape: str, lazy_links: int) -> Sample:
    """Everybody writes, in a network that has grown as a shape says."""
    world = settled_world(seed, NODES, latency=LATENCY, shape=shape, lazy_links=lazy_links)
    watch, traffic = ArrivalWatch(world), TrafficLoad(world)
    writers = [add_writer(world, server) for server in world.servers.values()]
    interval = NODES / RATE
    for number, writer in enumerate(writers):
        write(world, writer, BEGIN + number / RATE, BEGIN + SECONDS, interval)
    world.schedule.run_until(BEGIN)
    traffic.reset()
    world.schedule.run_until(BEGIN + SECONDS)
    messages = traffic.total
    world.schedule.run_until(BEGIN + SECONDS + 5.0)
    sample = Sample(f"{shape}, seed {seed}", problems=watch.missed(world.alive(), writers))
    times = _times(world, watch)
    sample.figures = {
        "messages": messages / (2 * len(watch.arrivals)),
        "median": quantile(times, 0.5),
        "tail": quantile(times, 0.99),
    }
    return sample


def _times(world: World, watch: ArrivalWatch) -> list[float]:
    """Seconds from the sending of each activity until every server has it."""
    found = []
    for entry_id in world.ledger.accepted:
        post = world.ledger.post_of(entry_id)
        arrivals = watch.arrivals.get(str(entry_id), {})
        if post is not None and len(arrivals) == NODES:
            found.append(max(arrivals.values()) - world.ledger.posted_at[post])
    return found


def judge(samples: Sequence[Sample]) -> Verdict:
    figures = {
        name: max(sample.figures.get(name, float("inf")) for sample in samples)
        for name in ("messages", "median", "tail")
    }
    text = (
        f"{figures['messages']:.2f} msg/op, p50 {1000 * figures['median']:.0f} ms, p99 {1000 * figures['tail']:.0f} ms"
    )
    met = figures["messages"] < MESSAGES_BAR and figures["median"] < MEDIAN_BAR and figures["tail"] < TAIL_BAR
    return Verdict(text, met and not any(sample.problems for sample in samples))
