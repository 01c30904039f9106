"""Stories against the truth: whatever servers tell of what happened is compared with what did.

Each claim (`core.stories.story_claims`) has a check here, or follows from others. A story may say less than what
happened; it may not say anything that did not. And of each server that died while another one reached it, that one has
to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.node.map.chronicle import SPARE_FROM
from core.simulation.parties.simulated_server import Life, SimulatedServer
from core.simulation.world.witnessing import Witnessed
from core.simulation.world.world import World
from core.stories import ClaimKind, ServerName, StoryClaim, claims_of
from core.wire.names import original_name

NOTICED_WITHIN: Final = 25.0
"""Seconds within which what breaks is noticed anywhere: pings, dials, and news of it on slow paths."""
CLOCK_STANDS: Final = 3.0
"""Seconds that the clock of a simulated process that has gone on may still stand: until time has come up to it."""
NEWS_WITHIN: Final = 4.0
"""Seconds within which it is known everywhere that a server is back; it may be gone again by then."""
MOMENT: Final = 0.05
LONG_AFTER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class ClaimScene:
    """One claim of one story."""

    world: World
    told: Witnessed
    claim: StoryClaim
    made: float
    """When it was made."""

    def server(self, party: ServerName) -> SimulatedServer | None:
        """The server of ours that a claim names; None where that is a liar's, or somebody else's."""
        return next((one for one in self.world.servers.values() if one.id == party.id), None)

    @property
    def at(self) -> float:
        """When it was claimed to be so."""
        found = self.told.at(self.claim.at) if self.claim.at else None
        return found if found is not None else self.made

    @property
    def wall(self) -> tuple[float, float]:
        """The time in which what it is about has to have happened."""
        return self.told.began - NOTICED_WITHIN, self.made + MOMENT

    def lives(self, party: ServerName) -> list[Life]:
        server = self.server(party)
        return server.lives if server is not None else []


def stories_are_true(world: World) -> Iterator[tuple[str, str]]:
    """Nothing that any server tells is wrong, and nothing that it could have seen is missing."""
    if world.liars or world.twins:
        # What a member says in another one's name who has no key is believed, and a twin is two servers of one name.
        return
    for told in world.witnessing.incidents:
        yield from _spans(world, told)
        last = dict.fromkeys(claims_of(told.incident, LONG_AFTER), told.ended)
        for claim, made in {**last, **told.claims}.items():
            problem = CHECKS[claim.kind](ClaimScene(world, told, claim, made))
            if problem:
                where = f"{told.server.name}, {told.began:.3f} to {told.ended:.3f} s, {told.incident.kind}"
                yield "stories", f"{where}: {claim.kind}: {problem}"
    yield from _untold(world)


def _spans(world: World, told: Witnessed) -> Iterator[tuple[str, str]]:
    """Spans that are told are as long as they were."""
    server, first = told.server, told.seen[0]
    for seen in told.seen:
        if any(
            since < seen.at and until > first.at - CLOCK_STANDS for life in server.lives for since, until in life.still
        ):
            return
        span, told_of = seen.at - first.at, (seen.moment - first.moment) / 1_000_000
        if seen.line.stamp < first.line.stamp:
            continue
        is_one_start = any(life.began <= first.at and (life.ended or seen.at) >= seen.at for life in server.lives)
        if is_one_start and abs(span - told_of) > MOMENT + 1.2 * world.plan.clock_drift * span:
            yield "stories", f"{server.name} tells of {told_of:.3f} s, and it was {span:.3f} s ({seen.line.kind})"
            return


# --- causes -----------------------------------------------------------------------------------------------------------


def _crashed(scene: ClaimScene) -> str:
    since, until = scene.wall
    for party in scene.claim.servers:
        if scene.server(party) is None:
            continue
        if not any(life.ended is not None and since <= life.ended <= until for life in scene.lives(party)):
            return f"the process of {party.name} did not end then"
    return ""


def _apart(scene: ClaimScene) -> str:
    (party,) = scene.claim.servers
    if scene.server(party) is None:
        return ""
    back = scene.at
    lost = back - (scene.claim.seconds or 0.0) * (1 - scene.world.plan.clock_drift)
    if any(
        life.began <= lost + MOMENT and (life.ended is None or life.ended >= back - NEWS_WITHIN)
        for life in scene.lives(party)
    ):
        return ""
    return f"{party.name} was another process before and after"


def _anything_broke(scene: ClaimScene) -> bool:
    """Whether anything happened at all that may keep servers from one another."""
    world = scene.world
    since, until = scene.wall
    if any(began <= until and (over is None or over >= since) for _, began, over in world.parted):
        return True
    for server in world.servers.values():
        for life in server.lives:
            moments = [life.began, life.ended, life.told_to_leave, *(end for span in life.still for end in span)]
            if any(moment is not None and since <= moment <= until for moment in moments):
                return True
            if life.still and life.still[0][0] <= until and life.still[-1][1] >= since:
                return True
        if server.is_suspended or not server.disk.is_quick:
            return True
    return any(since <= at <= until for at in world.links_broken_at) or bool(world.ledger.expulsions)


def _lost(scene: ClaimScene) -> str:
    return "" if _anything_broke(scene) else "nothing had broken"


def _all_stayed(scene: ClaimScene) -> str:
    for party in scene.claim.servers:
        alive = [life for life in scene.lives(party) if life.ended is None or life.ended >= scene.at - NEWS_WITHIN]
        if scene.server(party) is not None and not any(life.began <= scene.at for life in alive):
            return f"{party.name} had died by then"
    return ""


def _stood_still(scene: ClaimScene) -> str:
    since, until = scene.wall
    still = [span for life in scene.told.server.lives for span in life.still]
    if any(began <= until and over >= since for began, over in still):
        return ""
    return "it went on all the time"


# --- repair -----------------------------------------------------------------------------------------------------------


def _took_over(scene: ClaimScene) -> str:
    a, b = (scene.server(party) for party in scene.claim.servers)
    if a is None or b is None:
        return ""
    connected = [*a.connected.get(b.host, ()), *b.connected.get(a.host, ())]
    if not any(at <= scene.at for at in connected):
        return f"{a.name} and {b.name} had no connection by then"
    known_for = SPARE_FROM * (1 - 1.2 * scene.world.plan.clock_drift)
    if scene.claim.spare and not any(at <= scene.at - known_for + MOMENT for at in connected):
        return f"the link {a.name}-{b.name} is too young for a spare one"
    return ""


def _moved(scene: ClaimScene) -> str:
    claim = scene.claim
    to = scene.server(claim.other) if claim.other is not None else None
    whence = scene.server(claim.servers[0]) if claim.servers else None
    if to is None or whence is None:
        return ""
    # Whose name was changed, as it was given away twice, came to one of the two by the name of before.
    names = dict.fromkeys((claim.person, original_name(claim.person)))
    known = scene.world.ledger.stays
    stays = [(at, host) for name in names for at, host in known.get(name, ()) if at <= scene.at + 1.0]
    if not any(host == to.host for _, host in stays):
        return f"{claim.person} was never at {to.name}"
    if not any(host == whence.host for _, host in stays):
        return f"{claim.person} was never at {whence.name}"
    return ""


def _sent(scene: ClaimScene) -> str:
    claim = scene.claim
    ledger = scene.world.ledger
    # Whoever registers may be sent on at once, and go before they are let in there.
    registered = {fact.username for fact in ledger.accounts.values()}
    if claim.person and claim.person not in ledger.stays and claim.person not in registered:
        return f"nobody called {claim.person} was ever let in, or has registered"
    return "" if claim.other is not None and claim.other.id != scene.told.server.id else "it was sent nowhere"


def _gave_way(scene: ClaimScene) -> str:
    names = {fact.username for fact in scene.world.ledger.accounts.values()}
    return "" if scene.claim.person in names else f"nobody has registered {scene.claim.person}"


def _agreed(scene: ClaimScene) -> str:
    servers = len(scene.world.servers)
    if scene.claim.count > servers:
        return f"there are {servers} servers, and {scene.claim.count} are in reach"
    missing = scene.told.missing.get(scene.claim.at)
    return f"{missing} is missing" if missing else ""


# --- what was meant ---------------------------------------------------------------------------------------------------


def _leaves(scene: ClaimScene) -> str:
    (party,) = scene.claim.servers
    if scene.server(party) is None:
        return ""
    told = [life.told_to_leave for life in scene.lives(party) if life.told_to_leave is not None]
    return "" if any(at <= scene.told.ended for at in told) else f"{party.name} was never told to"


def _left(scene: ClaimScene) -> str:
    (party,) = scene.claim.servers
    if scene.server(party) is None:
        return ""
    left = [life.left for life in scene.lives(party) if life.left is not None]
    return "" if any(at <= scene.at + MOMENT for at in left) else f"{party.name} had not left by then"


def _started(scene: ClaimScene) -> str:
    began = [life.began for life in scene.told.server.lives]
    return "" if any(abs(at - scene.told.began) < MOMENT for at in began) else "it did not start then"


# --- registrations ----------------------------------------------------------------------------------------------------


def _asks(scene: ClaimScene) -> str:
    server = scene.server(scene.claim.servers[0])
    return "" if server is None or server.lives else f"{server.name} never ran"


def _voted(scene: ClaimScene, *, allowed: bool) -> str:
    """What others have answered; what the witness itself thinks of it, it may never have come to say."""
    party = scene.claim.servers[0]
    if scene.server(party) in (None, scene.told.server):
        return ""
    answers = scene.world.votes.get((scene.told.incident.key, party.id), [])
    return "" if allowed in answers else f"{party.name} has answered {answers}"


def _registered(scene: ClaimScene) -> str:
    incident, claim = scene.told.incident, scene.claim
    facts = [fact for fact in scene.world.ledger.accounts.values() if fact.claim == incident.key]
    if not facts:
        return f"there is no such account as {claim.person}"
    if facts[0].username != claim.person:
        return f"the account is {facts[0].username}'s"
    servers = len(scene.world.servers) + len(scene.world.base_servers)
    if claim.count > servers:
        return f"{claim.count} servers allowed it, of {servers}"
    sent = scene.world.lock_messages.get(incident.key, 0)
    if claim.messages and claim.messages > sent:
        return f"{claim.messages} messages, and there were {sent}"
    return ""


def _not_registered(scene: ClaimScene) -> str:
    kept = any(fact.claim == scene.told.incident.key for fact in scene.world.ledger.accounts.values())
    return "it has become an account" if kept else ""


# --- single things ----------------------------------------------------------------------------------------------------


def _disk_fails(scene: ClaimScene) -> str:
    return "" if scene.told.server.disk.has_failed else "the disk never failed"


def _expelled(scene: ClaimScene) -> str:
    return "" if scene.world.ledger.expulsions else "nobody was expelled"


def _not_checked(scene: ClaimScene) -> str:
    """It follows from other claims, or says that nothing is known."""
    return ""


CHECKS: Final[Mapping[ClaimKind, Callable[[ClaimScene], str]]] = {
    "crashed": _crashed,
    "apart": _apart,
    "nobody else": _not_checked,
    "unreachable": _lost,
    "returned": _lost,
    "suspected": _lost,
    "link broke": _lost,
    "tree link broke": _lost,
    "all stayed": _all_stayed,
    "stood still": _stood_still,
    "took over": _took_over,
    "many took over": _lost,
    "moved": _moved,
    "others moved": _not_checked,
    "caught up": _not_checked,
    "gave way": _gave_way,
    "whole": _lost,
    "whole without": _lost,
    "alone": _lost,
    "agreed": _agreed,
    "leaves": _leaves,
    "left": _left,
    "ended early": _leaves,
    "started": _started,
    "reaches": _not_checked,
    "arrived": _not_checked,
    "asks": _asks,
    "allowed": lambda scene: _voted(scene, allowed=True),
    "denied": lambda scene: _voted(scene, allowed=False),
    "registered": _registered,
    "not registered": _not_registered,
    "undecided": _not_checked,
    "sent": _sent,
    "sent on": _not_checked,
    "disk fails": _disk_fails,
    "disk works": _disk_fails,
    "reader cut": _not_checked,
    "clock off": _not_checked,
    "clock right": _not_checked,
    "refused": _not_checked,
    "expelled": _expelled,
    "cut short": _not_checked,
    "going on": _not_checked,
}


# --- what is missing --------------------------------------------------------------------------------------------------


def _untold(world: World) -> Iterator[tuple[str, str]]:
    """Deaths of which a server does not tell that had reached the dead one, and went on itself."""
    for server in world.servers.values():
        for life in server.lives:
            if life.ended is None or life.left is not None:
                continue
            for witness in world.witnesses_of.get((server.id, life.incarnation), ()):
                if not _could_tell(world, witness, life.ended):
                    continue
                if not _tells_of(world, witness, server, life.ended):
                    yield "stories", f"{witness.name} does not tell that {server.name} died at {life.ended:.3f} s"


def _could_tell(world: World, witness: SimulatedServer, at: float) -> bool:
    """Whether a server ran all the time until what happened had to be known, and nothing kept it from hearing of it."""
    until = at + NOTICED_WITHIN
    if world.schedule.time < until:
        return False
    lives = [life for life in witness.lives if life.began < at and (life.ended is None or life.ended > until)]
    if not lives or lives[0].told_to_leave is not None:
        return False
    return not any(since <= until and over >= at for since, over in lives[0].still)


def _tells_of(world: World, witness: SimulatedServer, server: SimulatedServer, at: float) -> bool:
    for told in world.witnessing.incidents:
        if told.server is witness and told.began <= at + NOTICED_WITHIN and told.ended >= at - MOMENT:
            if server.id in told.incident.servers or any(server.id in ends for ends in told.incident.gone):
                return True
            if told.incident.lost_unnamed or told.incident.lines_left_out:
                return True
    return False
