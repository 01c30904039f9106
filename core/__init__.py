"""The activity network without a screen: protocol, node, store, engine, client and simulator.

Each room has its public face in its own package: `core.engine.Server` runs a server, `core.client.Client` is one's
way in.
"""

__all__ = ["admission", "client", "engine", "node", "simulation", "store", "wire"]
