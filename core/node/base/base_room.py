"""The base servers' room: its parts put together, and what they ask of the rest of a node.

Whoever reads a node without it leaves this room out, and finds it again where `node.py` hands it in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.node.accounts.book import AccountBook
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.base.announcing import BaseAnnouncing
from core.node.base.base_activities import BaseActivities
from core.node.base.base_links import BaseLinks
from core.node.base.base_registrations import BaseRegistrations
from core.node.base.base_servers import BaseServers
from core.node.base.second_ways import SecondWays
from core.node.base.telling import BaseTelling
from core.node.base.user_table import UserTable
from core.node.kernel.context import Context
from core.node.log.intake import Intake
from core.node.log.replication import Replication
from core.node.map.announcements import Announcements
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.drift import Drift
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import PeerRecord


class BaseRoom:
    """What a node does because base servers exist."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        drift: Drift,
        topology: Topology,
        whereabouts: Whereabouts,
        announcements: Announcements,
        replication: Replication,
        intake: Intake,
        book: AccountBook,
        secrets: Secrets,
        registration: Registration,
        load: Callable[[], int],
        peers: Iterable[PeerRecord],
    ) -> None:
        """`load` is how many clients this node has, `peers` what its disk has kept of other servers."""
        self.servers = BaseServers(
            context, neighbours, topology, whereabouts, drift.latest, announcements.time_at, replication.keep, peers
        )
        announcements.attached = self.servers.attached
        self._telling = BaseTelling(context, topology, whereabouts, load)
        self._second_ways = SecondWays(context, topology, self.servers.dialling, self._telling)
        announcing = BaseAnnouncing(
            context, topology, self.servers, whereabouts, announcements, self._telling, self._second_ways
        )
        self.activities = BaseActivities(context, self.servers, replication, intake)
        replication.delivery.on_handed_out = self.activities.hand_out
        replication.delivery.is_anybody_told = self.activities.is_anybody_told
        self.links = BaseLinks(context, self.servers, announcements, announcing, self.activities)
        self._second_ways.on_doubt_over = self.activities.take_held
        self.registrations = BaseRegistrations(context, topology, book, registration)
        registration.bridge_to(self.registrations)
        self.user_table = UserTable(context, book, secrets, registration, replication.room.accounts)
        self.takers = (self.registrations, self.links, self.activities, announcing, self.user_table)
        """The parts that take messages."""

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """A server of ours says something new of itself."""
        self.servers.taking_over.record_merged(before, record)
        self._second_ways.record_merged(before, record)

    def tree_changed(self) -> None:
        """The map has changed: some ways may be second ones now, and base servers hear of servers that are new."""
        self._second_ways.look()
        self._telling.tell_new()
