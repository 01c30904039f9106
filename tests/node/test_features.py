"""What servers of ours show each other that they understand."""

from __future__ import annotations

import pytest

from core.node.kernel import context
from core.simulation.testing import ScriptedNetwork, star


def test_every_link_between_servers_shows_each_feature_whoever_dialled_it_and_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But the table of users, which takes long: a server asks for it over its first link alone."""
    monkeypatch.setattr(context, "FEATURES", ("quit", "user_info", "sync", "made_up"))
    network = ScriptedNetwork()
    for server in network.build(star(4)):
        shown = [link.features for link in server.node.neighbours]
        assert shown and all(features >= {"quit", "sync", "made_up"} for features in shown)
