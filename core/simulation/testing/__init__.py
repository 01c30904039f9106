"""The simulated network as a test uses it: real nodes, and clients and base servers that say what the test wants.

`ScriptedNetwork.start` starts a server, `client` connects a client to one, `base_server` a base server, and `run` lets
time pass. What can go wrong: a server crashes, a connection breaks, goes dead or is slow, a disk fails. Every message
crosses as bytes, within the limits on lines, so that what one node says another one can read.
"""

from core.simulation.environment.connection_ends import End
from core.simulation.environment.schedule import EPOCH
from core.simulation.testing.scripted_network import ScriptedNetwork, chain, random_tree, star
from core.simulation.testing.scripted_peers import (
    NATIVE_CLIENT,
    SECRET,
    Ear,
    ScriptedBaseServer,
    ScriptedClient,
    ScriptedPeer,
)
from core.simulation.testing.watched_server import WatchedServer

__all__ = [
    "EPOCH",
    "NATIVE_CLIENT",
    "SECRET",
    "Ear",
    "End",
    "ScriptedBaseServer",
    "ScriptedClient",
    "ScriptedNetwork",
    "ScriptedPeer",
    "WatchedServer",
    "chain",
    "random_tree",
    "star",
]
