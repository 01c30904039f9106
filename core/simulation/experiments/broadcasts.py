"""What a settled network costs: messages for a broadcast, links and messages while nothing happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.simulation.checking.checkers import nodes
from core.simulation.experiments.measuring import Sample, Verdict
from core.simulation.experiments.worlds import ARRIVING, ArrivalWatch, TrafficLoad, add_writer, settled_world, write

BEGIN: Final = 15.0
"""When writing begins: links that new people's loads led to are known, digests have gone round."""
IDLE: Final = 60.0
LINKS_MAX: Final = 12
MESSAGES_MAX: Final = 25.0
"""What a handful is here: links of any node, and messages a second that the busiest one sends."""


def broadcasts(seed: int, count: int, senders: int, interval: float, seconds: float) -> Sample:
    """The redundancy of broadcasts with so many senders, each writing every `interval` seconds for so long.

    Redundancy is messages / (n-1) - 1 (Leitão, Pereira and Rodrigues, "Epidemic Broadcast Trees", 2007): 0 for a tree.
    """
    world = settled_world(seed, count)
    watch, traffic = ArrivalWatch(world), TrafficLoad(world)
    writers = [add_writer(world, server) for server in list(world.servers.values())[:senders]]
    world.schedule.run_until(ARRIVING)
    for number, writer in enumerate(writers):
        write(world, writer, BEGIN + interval * number / senders, BEGIN + seconds, interval)
    world.schedule.run_until(BEGIN)
    traffic.reset()
    world.schedule.run_until(BEGIN + seconds + 15.0)
    written = len(watch.arrivals)
    sample = Sample(f"{senders} of {count} write, seed {seed}", problems=watch.missed(world.alive(), writers))
    sample.figures = {"redundancy": traffic.broadcasts / (written * (count - 1)) - 1, "written": written}
    return sample


def judge_redundancy(bar: float, samples: Sequence[Sample]) -> Verdict:
    worst = max((sample.figures["redundancy"] for sample in samples if sample.figures), default=float("nan"))
    written = sum(sample.figures["written"] for sample in samples if sample.figures)
    sound = not any(sample.problems for sample in samples)
    return Verdict(f"{worst:.3f} at worst, {written:.0f} activities", sound and worst < bar)


def idle(seed: int, count: int) -> Sample:
    """How many links and messages the servers of a large network have while nothing happens."""
    world = settled_world(seed, count)
    traffic = TrafficLoad(world)
    world.schedule.run_until(BEGIN)
    traffic.reset()
    world.schedule.run_until(BEGIN + IDLE)
    links = [len(node.topology.own.links) for _, node in nodes(world)]
    return Sample(
        f"{count} idle servers, seed {seed}",
        {
            "links": max(links),
            "mean links": sum(links) / len(links),
            "busiest": max(traffic.sent.values()) / IDLE,
            "messages": traffic.total / count / IDLE,
        },
    )


def judge_idle(samples: Sequence[Sample]) -> Verdict:
    if not all(sample.figures for sample in samples):
        return Verdict("nothing was measured", False)
    links = max(sample.figures["links"] for sample in samples)
    mean_links = max(sample.figures["mean links"] for sample in samples)
    busiest = max(sample.figures["busiest"] for sample in samples)
    messages = max(sample.figures["messages"] for sample in samples)
    has = f"{links:.0f} links at most, {mean_links:.1f} on average"
    sends = f"{messages:.1f} msg/s sent by a node, {busiest:.1f} by the busiest"
    return Verdict(f"{has}; {sends}", links <= LINKS_MAX and busiest <= MESSAGES_MAX)
