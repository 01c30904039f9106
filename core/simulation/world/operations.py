"""What each operation of a plan does. One whose subject is not there, or not in the state for it, does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from core.node.interface.events import JoinRequested
from core.simulation.environment.randomness import number_of
from core.simulation.environment.simulated_disk import USUAL_DELAY
from core.simulation.parties.hostile_peer import HostilePeer
from core.simulation.parties.lies import LIES
from core.simulation.parties.lying_server import MANY
from core.simulation.parties.native_agent import NativeAgent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.answers_mix import ANSWER
from core.simulation.plans.liars_mix import LIAR_WITH_KEY, LIE
from core.simulation.plans.orders_mix import ORDER, REDEEM
from core.simulation.plans.plan import Operation, Stillness, stillness_of
from core.simulation.plans.real_machines_mix import YEAR
from core.simulation.world.operators import give_order, redeem
from core.simulation.world.world import SECRET, World
from core.wire.address import Address
from core.wire.entries import EntryId

Doing = Callable[[World, Operation], None]


def perform(world: World, operation: Operation) -> None:
    """Let an operation happen now."""
    OPERATIONS[operation.what](world, operation)


# --- people -----------------------------------------------------------------------------------------------------------


def _arrive(world: World, operation: Operation) -> None:
    """`who` wants to be logged in, at server `whom`."""
    server = world.servers.get(operation.whom)
    base = world.base_servers.get(operation.whom)
    address = server.address if server is not None else base.address if base is not None else None
    if address is not None and operation.who in world.agents:
        world.agents[operation.who].arrive(address)


def _move(world: World, operation: Operation) -> None:
    """`who` goes to server `whom`."""
    server = world.servers.get(operation.whom)
    if server is not None and operation.who in world.agents:
        world.agents[operation.who].move(server.address)


def _post(world: World, operation: Operation) -> None:
    """`who` writes an activity."""
    agent = world.agents.get(operation.who)
    if agent is not None and agent.wanted:
        agent.post()


def _answer(world: World, operation: Operation) -> None:
    """`who` answers something, in the way that `whom` says; `amount` says what."""
    agent = world.agents.get(operation.who)
    if isinstance(agent, NativeAgent) and agent.wanted:
        agent.answer(operation.whom, operation.amount)


def _secret(world: World, operation: Operation) -> None:
    """`who` changes the secret of their account."""
    agent = world.agents.get(operation.who)
    if isinstance(agent, NativeAgent) and agent.wanted:
        agent.change_secret()


def _document(world: World, operation: Operation) -> None:
    """`who` changes the document of their account."""
    agent = world.agents.get(operation.who)
    if isinstance(agent, NativeAgent):
        agent.write_document()


def _leave(world: World, operation: Operation) -> None:
    """`who` logs out."""
    if operation.who in world.agents:
        world.agents[operation.who].leave()


def _slow_reader(world: World, operation: Operation) -> None:
    """`who` takes `amount` seconds for each message from here on."""
    agent = world.agents.get(operation.who)
    if agent is not None and agent.end is not None:
        agent.end.far.lane.tempo = operation.amount


# --- servers ----------------------------------------------------------------------------------------------------------


def _kill(world: World, operation: Operation) -> None:
    """The process of `who` dies; `amount` of its unsynced tail was on the disk."""
    if operation.who in world.base_servers:
        world.base_servers[operation.who].crash()
    elif operation.who in world.servers:
        world.servers[operation.who].crash(operation.amount)


def _power(world: World, operation: Operation) -> None:
    """The host of `who` loses its power: nobody is told."""
    if operation.who in world.servers:
        world.servers[operation.who].crash(operation.amount, silent=True)


def _start(world: World, operation: Operation) -> None:
    """`who` starts again, with what its disk has."""
    if operation.who in world.base_servers:
        world.base_servers[operation.who].start(None)
    elif operation.who in world.servers:
        _start_server(world, world.servers[operation.who])


def _start_server(world: World, server: SimulatedServer) -> None:
    """One that has left on purpose is told where the network is: those who were in it may all be others by now, and
    nobody names one that has left as well. So is one whose data is lost: it knows nobody, and others may take a copy of
    it for it. And one that comes back after others have moved: nobody may be where it looks for them."""
    must_be_told = server.finished is not None or server.disk.is_lost or world.moved.keys() - {server.name}
    server.start(_where(world, server) if must_be_told else ())
    server.disk.is_lost = False


def _where(world: World, server: SimulatedServer) -> tuple[Address, ...]:
    """Where the network is, or will be: who is to join a server that is down tries until that is there again."""
    expelled = world.expelled()
    others = [other for other in world.servers.values() if other is not server and other.id not in expelled]
    there = [other for other in others if other.node is not None]
    staying = [other for other in there if other.node is not None and not other.node.topology.own.draining]
    down = [other for other in others if other.node is None and other.finished is None]
    return tuple(other.address for other in staying or there or down)[:1]


def _chat(world: World, operation: Operation) -> None:
    """One of the people of base server `who` writes an activity."""
    if operation.who in world.base_servers:
        world.base_servers[operation.who].chat()


def _quit(world: World, operation: Operation) -> None:
    """`who` leaves on purpose."""
    if operation.who in world.servers:
        world.servers[operation.who].drain()


def _dial(world: World, operation: Operation) -> None:
    """`who` is told to join at `whom`, at the same moment as the other way round."""
    one, other = world.servers.get(operation.who), world.servers.get(operation.whom)
    if one is not None and other is not None:
        one.handle(JoinRequested(other.address))
        other.handle(JoinRequested(one.address))


def _disk_full(world: World, operation: Operation) -> None:
    if operation.who in world.servers:
        world.servers[operation.who].disk.full = True


def _disk_free(world: World, operation: Operation) -> None:
    if operation.who in world.servers:
        world.servers[operation.who].disk.full = False


def _disk_slow(world: World, operation: Operation) -> None:
    """Each sync of `who` takes up to `amount` seconds."""
    if operation.who in world.servers:
        world.servers[operation.who].disk.delay = (operation.amount * 0.3, operation.amount)


def _disk_quick(world: World, operation: Operation) -> None:
    """Syncs of `who` take no longer than usual again."""
    if operation.who in world.servers:
        world.servers[operation.who].disk.delay = USUAL_DELAY


def _copy_data(world: World, operation: Operation) -> None:
    """Somebody copies the data of `who`."""
    if operation.who in world.servers:
        world.servers[operation.who].disk.copy()


def _put_back(world: World, operation: Operation) -> None:
    """Who runs `who`, which is down, puts the copy back in the place of its data.

    Not as long as there is anything on this disk that it would not get again: see `_got_again`. Nor a copy from before
    its key: others let nobody in who comes as a server with a key and has none. `amount` below 0.5: what the data knew
    of its last start is lost as well.
    """
    server = world.servers.get(operation.who)
    if server is None or server.node is not None or server.disk.older is None or server.disk.goes_back_before_keys:
        return
    if _is_elsewhere(world, server):
        server.disk.put_back(with_witness=operation.amount >= 0.5)
        world.ledger.put_back(server, server.disk.entries())


def _is_elsewhere(world: World, server: SimulatedServer) -> bool:
    """Whether a server would get all that is on its disk again if it lost it."""
    elsewhere = _got_again(world, server)
    return _documents_are_elsewhere(world, server) and all(
        (entry.id, entry.body) in elsewhere for entry in server.disk.entries()
    )


def _documents_are_elsewhere(world: World, server: SimulatedServer) -> bool:
    """Whether of each account another server has the document that this one has, or a later one."""
    others = [
        other.disk.store.documents
        for other in world.servers.values()
        if other is not server and other.keyed and other.finished is None and other not in world.twins.values()
    ]
    return all(
        any(claim in there and there[claim].stamp >= version.stamp for there in others)
        for claim, version in server.disk.store.documents.items()
    )


def _got_again(world: World, server: SimulatedServer) -> set[tuple[EntryId, bytes]]:
    """What a server gets again once it has lost it: what others have of which the network hears again.

    A server with a key takes an entry in the name of one with a key in its signed record only, which no server of the
    version before keeps: what is only there, nobody can prove.
    """
    signing = {one.id for one in world.servers.values() if one.keyed} if server.keyed else set()
    found: set[tuple[EntryId, bytes]] = set()
    for other in world.servers.values():
        if other is server or other.finished is not None or other in world.twins.values():
            continue
        signed = other.disk.signed() if signing else frozenset[EntryId]()
        found.update(
            (entry.id, entry.body)
            for entry in other.disk.entries()
            if entry.id.node not in signing or entry.id in signed
        )
    return found


def _lose_data(world: World, operation: Operation) -> None:
    """The database of `who`, which is down, is gone; the same holds for it as for a copy that is put back."""
    server = world.servers.get(operation.who)
    if server is not None and server.node is None and _is_elsewhere(world, server):
        server.disk.lose(with_witness=operation.amount >= 0.5)
        world.ledger.put_back(server, server.disk.entries())


def _flip_bits(world: World, operation: Operation) -> None:
    """On the disk of `who` a bit flips in `amount` of all activities that it would get again as they were, with all
    that is damaged with them: a record that does not fit its checksum is damaged as a whole."""
    server = world.servers.get(operation.who)
    if server is None:
        return
    elsewhere = _got_again(world, server)
    server.disk.flip(
        [
            entry.id
            for entry in server.disk.entries()
            if entry.kind == "activity"
            and number_of(world.seed, "flip", operation.at, entry.id) / 2**64 < operation.amount
            and all((one.id, one.body) in elsewhere for one in server.disk.recorded_with(entry.id))
        ]
    )


def _upgrade(world: World, operation: Operation) -> None:
    """`who`, which is down, is brought from the version before to that of today."""
    if operation.who in world.servers:
        world.servers[operation.who].upgrade()


_GIVEN_UP: Final = ("its place is another's",)
"""Why a copy has ended for good."""


def _twin(world: World, operation: Operation) -> None:
    """What `who` has is copied, and started on another host, with all that it knows of the network. With an `amount`
    from 0.5 on that is the last copy which somebody has made, if there is any from after it got its key."""
    server = world.servers.get(operation.who)
    if server is not None and server.finished is None and server.name not in world.twins:
        world.add_twin(server, of_the_last_copy=operation.amount >= 0.5).start()


def _twin_ends(world: World, operation: Operation) -> None:
    """Who runs `who` has noticed, and ends the other one for good: once all that it has taken in is elsewhere. If it
    cannot tell the others as long as `who` runs, `who` has to wait. It may have ended by itself before."""
    server, twin = world.servers.get(operation.who), world.twins.get(operation.who)
    if server is None or twin is None or twin.finished == _GIVEN_UP:
        return
    if _is_elsewhere(world, twin):
        twin.crash(1.0)
    if twin.node is None and _is_elsewhere(world, twin):
        twin.finished = _GIVEN_UP
        # What was lost of its data may have said where the network is; and the others took the twin for it.
        if server.up:
            for address in _where(world, server):
                server.handle(JoinRequested(address))
        else:
            server.start(_where(world, server))
        return
    server.crash(1.0)
    twin.start()
    world.schedule.after(HANDING_OVER, lambda: _twin_ends(world, operation))


def _clock(world: World, operation: Operation) -> None:
    """The wall clock of `who` jumps by `amount` seconds."""
    if operation.who in world.servers:
        world.servers[operation.who].jump_clock(operation.amount)


def _years(world: World, operation: Operation) -> None:
    """Between this moment and the next lie `amount` years, in which nothing happens; every clock knows of them."""
    world.broke()
    world.schedule.epoch += operation.amount * YEAR


def _readdress(world: World, operation: Operation) -> None:
    """`who`, which is down, is at another address from now on: with `amount` below 0.5 at one that another server has
    left, if there is any. Of a server of which there are two each stays where it is."""
    server = world.servers.get(operation.who)
    if server is not None and server.node is None and not {server} & {*world.twins.values()}:
        if server.name not in world.twins:
            world.move(server, to_one_left=operation.amount < 0.5)


def _suspend(world: World, operation: Operation) -> None:
    """The process of `who` stands still, or its whole machine, as `amount` has it: see `Stillness`."""
    server = world.servers.get(operation.who)
    if server is None or server.node is None or server.is_suspended:
        return
    stillness = stillness_of(operation.amount)
    server.suspend(stillness)
    if stillness is not Stillness.PROCESS:
        others = [host for host in _hosts(world) if host != server.host]
        pairs = [pair for other in others for pair in ((server.host, other), (other, server.host))]
        world.raise_barrier(f"suspended {server.name}", pairs)


def _resume(world: World, operation: Operation) -> None:
    """`who` goes on."""
    if operation.who in world.servers:
        world.remove_barrier(f"suspended {operation.who}")
        world.servers[operation.who].resume()


# --- the network ------------------------------------------------------------------------------------------------------


def _hosts(world: World) -> list[str]:
    return [
        *(server.host for server in world.servers.values()),
        *(server.address.host for server in world.base_servers.values()),
        *(agent.host for agent in world.agents.values()),
        *(liar.host for liar in world.liars.values()),
    ]


def _cut(world: World, operation: Operation) -> None:
    """Nothing gets from `who` to `whom`."""
    world.raise_barrier(f"cut {operation.who} {operation.whom}", [(operation.who, operation.whom)])


def _cut_both(world: World, operation: Operation) -> None:
    """Nothing gets from `who` to `whom`, nor back."""
    pairs = [(operation.who, operation.whom), (operation.whom, operation.who)]
    world.raise_barrier(f"cut {operation.who} {operation.whom}", pairs)


def _mend(world: World, operation: Operation) -> None:
    world.remove_barrier(f"cut {operation.who} {operation.whom}")


def _part(world: World, operation: Operation) -> None:
    """The hosts in `who`, separated by commas, are parted from all others."""
    inside = [name for name in operation.who.split(",") if name]
    outside = [host for host in _hosts(world) if host not in inside]
    pairs = [pair for one in inside for other in outside for pair in ((one, other), (other, one))]
    world.raise_barrier(f"part {operation.who}", pairs)


def _unite(world: World, operation: Operation) -> None:
    world.remove_barrier(f"part {operation.who}")


def _divide(world: World, operation: Operation) -> None:
    """Nothing gets from the hosts in `who` to those in `whom`, nor back unless `amount` is 1; others see both."""
    inside, outside = operation.who.split(","), operation.whom.split(",")
    pairs = [(one, other) for one in inside for other in outside]
    if not operation.amount:
        pairs += [(other, one) for one, other in pairs]
    world.raise_barrier(f"divide {operation.who} {operation.whom}", pairs)


def _rejoin(world: World, operation: Operation) -> None:
    world.remove_barrier(f"divide {operation.who} {operation.whom}")


def _half_open(world: World, operation: Operation) -> None:
    """The connections from `who` to `whom` go dead, and nobody is told. With an `amount` of 1, only what `who` sends is
    lost: what `whom` sends arrives."""
    world.broke()
    world.links_broken_at.append(world.schedule.time)
    for end in world.network.ends_between(operation.who, operation.whom):
        end.lane.dead = True
        end.far.lane.dead = end.far.lane.dead or not operation.amount
        world.strand(end)
        world.strand(end.far)


def _reset(world: World, operation: Operation) -> None:
    """The connections from `who` to `whom` break, and both sides are told."""
    world.links_broken_at.append(world.schedule.time)
    for end in world.network.ends_between(operation.who, operation.whom):
        end.abort("connection reset")


def _hostile(world: World, operation: Operation, *, authenticated: bool) -> None:
    server = world.servers.get(operation.whom)
    if server is not None:
        peer = HostilePeer(world.environment, operation.who, server.address, authenticated=authenticated, secret=SECRET)
        peer.start(max(1, int(operation.amount)))


def _nonsense(world: World, operation: Operation) -> None:
    """A stranger talks nonsense to `whom`, over `amount` connections."""
    _hostile(world, operation, authenticated=False)


def _lies(world: World, operation: Operation) -> None:
    """Somebody who knows the network's secret does."""
    _hostile(world, operation, authenticated=True)


# --- members that lie -------------------------------------------------------------------------------------------------


def _liar(world: World, operation: Operation) -> None:
    """`who`, a member that lies, links with server `whom`. `amount` is a sum: 1, by the oldest of links, as it says; 2,
    with a key of its own; 4, and comparing sums."""
    liar = world.liars.get(operation.who)
    if liar is None:
        kind = int(operation.amount)
        liar = world.add_liar(
            operation.who, old_links=bool(kind & 1), keyed=bool(kind & LIAR_WITH_KEY), compares=bool(kind & 4)
        )
    server = world.servers.get(operation.whom)
    if server is not None:
        liar.come(server.address)


def _liar_leaves(world: World, operation: Operation) -> None:
    """`who`, a member that lies, is gone without a word."""
    if operation.who in world.liars:
        world.liars[operation.who].leave()
        world.broke()


def _lie(world: World, operation: Operation, *, kind: str) -> None:
    """`who` tells a lie of a kind; `amount` is how many things it makes up, where it makes up many."""
    liar = world.liars.get(operation.who)
    if liar is not None and liar.is_there:
        liar.many = int(operation.amount) or MANY
        LIES[kind](liar)
        if kind == "changed secrets":
            world.ledger.robbed.update((entry.username, None) for entry in liar.memory.accounts())
        if kind == "made-up voters":
            world.ledger.outdated.update((entry.username, None) for entry in liar.memory.accounts())


HANDING_OVER: Final = 3.0
"""Seconds between two looks at whether a server has told others all that it has."""
OPERATIONS: Final[Mapping[str, Doing]] = {
    "arrive": _arrive,
    "move": _move,
    "post": _post,
    ANSWER: _answer,
    "leave": _leave,
    "secret": _secret,
    "document": _document,
    "slow reader": _slow_reader,
    "kill": _kill,
    "power": _power,
    "start": _start,
    "chat": _chat,
    ORDER: give_order,
    REDEEM: redeem,
    "quit": _quit,
    "dial": _dial,
    "disk full": _disk_full,
    "disk free": _disk_free,
    "disk slow": _disk_slow,
    "disk quick": _disk_quick,
    "copy data": _copy_data,
    "put back": _put_back,
    "lose data": _lose_data,
    "flip bits": _flip_bits,
    "upgrade": _upgrade,
    "twin": _twin,
    "twin ends": _twin_ends,
    "clock": _clock,
    "years": _years,
    "readdress": _readdress,
    "suspend": _suspend,
    "resume": _resume,
    "cut": _cut,
    "cut both": _cut_both,
    "mend": _mend,
    "part": _part,
    "unite": _unite,
    "divide": _divide,
    "rejoin": _rejoin,
    "half-open": _half_open,
    "reset": _reset,
    "nonsense": _nonsense,
    "lies": _lies,
    "liar": _liar,
    "liar leaves": _liar_leaves,
    **{f"{LIE}{kind}": partial(_lie, kind=kind) for kind in LIES},
}


HARMLESS: Final = frozenset(
    {
        "arrive",
        "move",
        "post",
        "leave",
        "secret",
        "document",
        "dial",
        "chat",
        "copy data",
        "liar",
        "liar leaves",
        ORDER,
        REDEEM,
    }
).union(f"{LIE}{kind}" for kind in LIES)
"""Operations under which nothing breaks: what is guaranteed is guaranteed although somebody lies."""


def repair(world: World) -> None:
    """Everything that is broken works again, and every server runs but for those that left and could be spared."""
    world.remove_barriers()
    for server in world.servers.values():
        server.disk.full = False
        server.disk.delay = USUAL_DELAY
        server.resume()
        if server.finished is None:
            _start_server(world, server)
    for name in world.twins:
        _twin_ends(world, Operation(world.schedule.time, "twin ends", name))
    start_missed(world)
    for server in world.servers.values() if len(world.moved) > 1 else ():
        # Two that moved while they did not hear each other have both looked where the other was.
        for address in _where(world, server) if server.name in world.moved else ():
            server.handle(JoinRequested(address))
    for base in world.base_servers.values():
        base.start(None)
    for end in world.network.ends():
        # What somebody reads may come from a process that has died since, and holds no end any more.
        for lane in (end.lane, end.far.lane):
            if lane.tempo:
                lane.hurry()


def start_missed(world: World) -> None:
    """Who left, but holds what nobody else may have, starts again; also one that only now has left. `_twin_ends` sees
    to what a copy holds."""
    for server in world.servers.values():
        if server.finished is not None and server.missed and server not in world.twins.values():
            _start_server(world, server)
