"""Leaving as data: the phases of this node, and those of a neighbour, with what leads from one to the next."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from core.wire.state_machine import Symbol


@enum.unique
class DrainPhase(Symbol):
    """How far this node has got with leaving."""

    RUNNING = "running"
    SETTLING = "waiting until everything accepted is durable"
    HANDING_OVER = "waiting until the successor has everything"
    LETTING_GO = "waiting until the neighbours have gone to the successor"
    FINISHED = "finished"


@enum.unique
class DrainOutcome(Symbol):
    BEGUN = "told to leave"
    SUCCESSOR_ASKED = "a neighbour is asked to take its place"
    SENT_AWAY = "everybody is sent to the successor, or home"
    OVER = "everybody has gone, or the time is over"
    GAVE_WAY = "another process is this start of the server"


_P, _O = DrainPhase, DrainOutcome

DRAIN: Final[Mapping[DrainPhase, Mapping[DrainOutcome, DrainPhase]]] = {
    _P.RUNNING: {_O.BEGUN: _P.SETTLING, _O.GAVE_WAY: _P.FINISHED},
    _P.SETTLING: {
        _O.SUCCESSOR_ASKED: _P.HANDING_OVER,
        # There is nobody to ask: a base server takes its place, or nobody does.
        _O.SENT_AWAY: _P.LETTING_GO,
        _O.OVER: _P.FINISHED,
        _O.GAVE_WAY: _P.FINISHED,
    },
    _P.HANDING_OVER: {
        # The one before says nothing, leaves as well, or is gone.
        _O.SUCCESSOR_ASKED: _P.HANDING_OVER,
        _O.SENT_AWAY: _P.LETTING_GO,
        _O.GAVE_WAY: _P.FINISHED,
    },
    _P.LETTING_GO: {
        _O.SUCCESSOR_ASKED: _P.HANDING_OVER,
        _O.SENT_AWAY: _P.LETTING_GO,
        _O.OVER: _P.FINISHED,
        _O.GAVE_WAY: _P.FINISHED,
    },
    _P.FINISHED: {},
}


@enum.unique
class Departure(Symbol):
    """How far a neighbour has got with leaving, as this node knows of it."""

    STAYS = "stays"
    HANDS_OVER = "has named this node, which has not all of it yet"
    HANDED_OVER = "has named this node, and been told that everything has arrived"
    GOES_ELSEWHERE = "has named another server, with which this node is to link"
    LET_GO = "its link is closed"


@enum.unique
class DepartureOutcome(Symbol):
    NAMED_THIS_NODE = "QUIT names this node"
    NAMED_ANOTHER = "QUIT names another server"
    ARRIVED = "everything that it had is durable here"
    LET_GO = "there is nothing to wait for any more"


_D, _W = Departure, DepartureOutcome

DEPARTURES: Final[Mapping[Departure, Mapping[DepartureOutcome, Departure]]] = {
    _D.STAYS: {
        _W.NAMED_THIS_NODE: _D.HANDS_OVER,
        _W.NAMED_ANOTHER: _D.GOES_ELSEWHERE,
        # QUIT names nobody, or somebody with whom this node is linked already, or cannot be.
        _W.LET_GO: _D.LET_GO,
    },
    _D.HANDS_OVER: {
        _W.NAMED_THIS_NODE: _D.HANDS_OVER,
        _W.NAMED_ANOTHER: _D.GOES_ELSEWHERE,
        _W.ARRIVED: _D.HANDED_OVER,
        _W.LET_GO: _D.LET_GO,
    },
    _D.HANDED_OVER: {
        _W.NAMED_THIS_NODE: _D.HANDS_OVER,
        _W.NAMED_ANOTHER: _D.GOES_ELSEWHERE,
        _W.LET_GO: _D.LET_GO,
    },
    _D.GOES_ELSEWHERE: {
        # The one before was silent, or leaves as well: it has named another one now.
        _W.NAMED_THIS_NODE: _D.HANDS_OVER,
        _W.NAMED_ANOTHER: _D.GOES_ELSEWHERE,
        _W.LET_GO: _D.LET_GO,
    },
    _D.LET_GO: {},
}
