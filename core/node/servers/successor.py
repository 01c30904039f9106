"""The successor: the neighbour that takes the place of this node when it leaves.

It is drawn among the neighbours that stay, rather an eager one, rather one that people on other machines can reach; a
base server takes a place only where there is no other neighbour. It has taken over once it has answered and has all
that this node held when it asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.node.base.handing_over import HandingOver
from core.node.documents.document_comparisons import DocumentComparisons
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.reconciling import Reconciliation
from core.node.log.replication import Replication
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.leavers import Leavers
from core.wire.address import Address
from core.wire.entries import Stream, decode_vector
from core.wire.messages import AttachedServer, Quit
from core.wire.scope import Scope, scope_of
from core.wire.vector_lines import LONG_VECTOR_BYTES_MAX, shortened

ANSWER_SHARE: Final = 0.3
"""Part of the limit for leaving within which a successor has to answer, if there is another one: three can be asked."""


class Successor:
    """Who takes this node's place: nobody, until one is chosen."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        replication: Replication,
        handing_over: HandingOver,
        whereabouts: Whereabouts,
        leavers: Leavers,
        reconciliation: Reconciliation,
        documents: DocumentComparisons,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._handing_over = handing_over
        self._whereabouts = whereabouts
        self._leavers = leavers
        self._reconciliation = reconciliation
        self._documents = documents
        self.link: Link | None = None
        """The link with it, as long as that lives."""
        self._address: Address | None = None
        self._named: Link | None = None
        """The link with whom people are sent to, also once it has gone."""
        self._named_is_native = True
        self._held: Mapping[Stream, int] = {}
        """What this node had when it asked its successor: the successor must have all of it. What came in later was
        passed on over the successor's link like any other broadcast."""
        self._answered = False
        """Whether the successor has said anything of what it has since it was asked: its link may have been dead."""
        self._silent: set[int] = set()
        """Native links over which no answer came in time."""

    # --- choosing it --------------------------------------------------------------------------------------------------

    def choose(self) -> bool:
        """Choose one; whether it is a neighbour, which is to have everything before people are sent to it."""
        context = self._context
        natives = self._leavers.staying()
        natives = [link for link in natives if link.conn not in self._silent] or natives
        eager = [link for link in natives if link.eager] or natives
        # What others have signed is believed of who has it with the signatures.
        eager = [link for link in natives if link.key is not None] or eager
        # People who are on other machines must be able to go there too.
        eager = [link for link in eager if self._is_for_others(link)] or eager
        bases = [link for link in context.connections.links(ConnectionState.BASE) if link.remote_id is not None]
        if eager:
            self.link = context.rng.choice(eager)
        elif bases:
            self.link = context.rng.choice(bases)
        if self.link is None:
            return False
        # As it calls itself: by that, older servers recognise who is meant.
        self._address = Address(self.link.hostname, self.link.port)
        self._named, self._named_is_native = self.link, self._neighbours.is_neighbour(self.link)
        return self._named_is_native

    def ask(self) -> None:
        """Ask the neighbour that was chosen to take this node's place, with the base servers that it speaks to."""
        context, link = self._context, self.link
        if link is None:
            return
        if self._reconciliation.applies_to(link):
            self._reconciliation.answering.forget_what_it_has(link)
        else:
            # As far as it can say that it has that.
            self._held = shortened(self._replication.durable_vector(), LONG_VECTOR_BYTES_MAX // 2)
        self._answered = False
        attached = self._handing_over.offer()
        self._documents.ask_for_all(link)
        context.send(link, Quit(link.hostname, link.port, id=context.id, attached=attached, successor=link.remote_id))

    def _is_for_others(self, link: Link) -> bool:
        """Whether a neighbour has an address beyond this machine."""
        return link.remote_id is not None and scope_of(self._whereabouts.shown(link.remote_id).host) is Scope.ANYWHERE

    @property
    def id(self) -> str | None:
        """Its server's id, as long as there is a link with it."""
        return self.link.remote_id if self.link is not None else None

    # --- what becomes of it -------------------------------------------------------------------------------------------

    @property
    def leaves_as_well(self) -> bool:
        """Whether the neighbour that was chosen leaves too, as far as this node knows."""
        if self.link is None or not self._neighbours.is_neighbour(self.link):
            return False
        return self.has_named_this_node or self._leavers.is_leaving(self.link.remote_id or "")

    @property
    def has_named_this_node(self) -> bool:
        """Whether the two have named each other."""
        return self.link is not None and self._leavers.has_named_this_node(self.link)

    def heard_of(self, link: Link) -> bool:
        """A neighbour has told what it has; whether it was the successor."""
        self._answered |= link is self.link
        return link is self.link

    def is_silent(self) -> bool:
        """Whether it has said nothing since it was asked, and another one may be asked: note that."""
        if self._answered or self.link is None:
            return False
        self._silent.add(self.link.conn)
        return any(link.conn not in self._silent for link in self._leavers.staying())

    def has_everything(self) -> bool:
        """Whether it has answered, and has what this node held."""
        if self.link is None or not self._answered or not self._documents.has_all(self.link):
            return False
        if self._reconciliation.applies_to(self.link):
            return self.link.has_everything
        if self.link.peer_has is None:
            return False
        try:
            has: dict[Stream, int] = decode_vector(self.link.peer_has)
        except ValueError:
            return False
        return not any(upto > has.get(stream, 0) for stream, upto in self._held.items())

    def unlinked(self, link: Link) -> bool:
        """A link has gone; whether it was the one with the successor."""
        self._silent.discard(link.conn)
        if link is not self.link:
            return False
        self.link = None
        return True

    def give_up(self) -> None:
        """Nobody is sent there any more."""
        self.link = None
        self._address = None

    # --- where it is --------------------------------------------------------------------------------------------------

    @property
    def keeps_no_vectors(self) -> bool:
        """Whether it is a base server: nobody there can tell people from where on they may miss something."""
        return self.link is not None and not self._neighbours.is_neighbour(self.link)

    def farewell(self, connection: Connection) -> Quit:
        """What somebody is told when this node leaves: where to go, if they can go anywhere."""
        address = self.address_for(connection)
        if address is None:
            return Quit(id=self._context.id)
        heir = self.link if self._neighbours.is_neighbour(connection) else None
        return Quit(
            address.host, address.port, id=self._context.id, successor=heir.remote_id if heir is not None else None
        )

    def address_for(self, connection: Connection) -> Address | None:
        """Where somebody is sent to reach it."""
        successor, address = self._named, self._address
        if address is None or successor is None or successor.remote_id is None:
            return None
        if not self._named_is_native:
            attached = AttachedServer(successor.remote_id, address.host, address.port, 0)
            return self._whereabouts.attached_for_peer(attached, self._context.id, connection)
        found = self._whereabouts.for_peer(successor.remote_id, connection)
        # A server knows the successor by its id, and may know the way itself.
        return found or (address if isinstance(connection, Link) else None)
