"""Neighbours: the servers of this network with which a node has a native link, and how news goes to them.

This is the one place that knows who they are. Whoever has something for the rest of the network gives it to this part,
in one of four ways, and knows of no state of a link:

| what | goes by | to |
|---|---|---|
| entries | `pass_on` | the eager neighbours; while the tree lacks a link, every one |
| a link-state record | `announce` | all, if it is structural; the eager ones, if it is load |
| a claim to a name | `ask`, `release` | the eager ones; from its second round on, every one |
| what is missing here | `request_missing`, `compare` | one that has it; every one, to find out |

*Eager* is a neighbour that the spanning tree leads through, *lazy* any other: its link is there for when the tree loses
one. Base servers are no neighbours: they are spoken for, and recognise nothing twice.

Each neighbour has one link, and they come in the order in which their connections began. A second kind of neighbour,
one that is no server and stands for everybody behind it (a hub that speaks for a message broker), would come here. It
would have to do six things:

1. have an id that no other neighbour has (`find`), and a place in the order (`all`);
2. be eager or lazy (`steer`), by the tree or by a rule of its own;
3. take entries, records and releases, each once, in order, none once it has ended (for links, `Context.send` does so);
4. give one answer for each claim that `ask` counted it for, or end;
5. answer `request_missing` with entries and, after the last, `SYNC_DONE`; and ask by itself for what it misses;
6. have its end told to all that rely on it, as that of a link is (`Links.ended`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import RECORDS, Context
from core.node.kernel.states import ConnectionState
from core.wire.codec import Frame
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import Spans, ids_in
from core.wire.messages import LockRelease, LockRequest, Message, SyncDigest, SyncRequest
from core.wire.vector_lines import LONG_VECTOR_BYTES_MAX, vector_in_line

RECENT_SECONDS: Final = 1.0
"""How far back what was passed on is repeated over redundant links when the tree loses a link: as long as it takes to
notice the loss, and for the news of it to come to the other end of the network."""
RECENT_MAX: Final = 256
"""How many entries that may be at most; more would clog the links when they are needed most. What is older, or more,
is asked for when another link takes the lost one's place."""


class News(NamedTuple):
    """Entries of one stream that are passed on: by themselves, and, where there is one, as the record that they are
    in."""

    stream: Stream
    spans: Spans
    frames: Iterable[Frame]
    record: Frame | None = None

    @property
    def entries(self) -> int:
        """How many they are."""
        return sum([last - first + 1 for first, last in self.spans])

    @property
    def entry_ids(self) -> Iterator[EntryId]:
        return ids_in({self.stream: self.spans})

    def for_neighbour(self, link: Link) -> Iterable[Frame]:
        """What a neighbour is sent, by what it has shown."""
        return self.frames if self.record is None or RECORDS not in link.features else (self.record,)


class Neighbours:
    """The native neighbours of a node, in the order in which their connections began."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._flood_until = float("-inf")
        self._recent: deque[tuple[float, News]] = deque()
        """What was passed on last, and when."""
        self._recent_entries = 0
        self.keyed_beside_tree = False
        """Whether entries go over all links with servers that have keys: over the tree they may come to one of a
        version before keys, behind which nobody with a key believes them."""

    # --- who they are -------------------------------------------------------------------------------------------------

    def all(self) -> list[Link]:
        """All of them as they are now: what is done about one may end another."""
        return self._context.connections.links(ConnectionState.NATIVE)

    def __iter__(self) -> Iterator[Link]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())

    def find(self, server: str) -> Link | None:
        """The neighbour with this id, if there is one."""
        return next((link for link in self if link.remote_id == server), None)

    def is_neighbour(self, connection: Connection) -> bool:
        """Whether a connection is a neighbour's, and has not ended."""
        return connection.state is ConnectionState.NATIVE

    def steer(self, tree: Container[str]) -> list[Link]:
        """Make each neighbour eager or lazy as the spanning tree says; those that have become eager."""
        newly_eager = []
        for link in self:
            was_eager, link.eager = link.eager, link.remote_id in tree
            if link.eager is not was_eager:
                to = "eager" if link.eager else "lazy"
                self._context.trace("tree", conn=link.conn, server=link.remote_id, to=to)
            if link.eager and not was_eager:
                link.eager_since = self._context.now.monotonic
                newly_eager.append(link)
        return newly_eager

    def broken(self) -> Iterator[str]:
        """What does not hold of them."""
        known: set[str] = set()
        for link in self:
            if link.remote_id is None or link.established_at is None:
                yield f"neighbour {link.conn} is not known by an id"
            elif link.remote_id in known:
                yield f"{link.remote_id} has two links"
            else:
                known.add(link.remote_id)

    # --- entries ------------------------------------------------------------------------------------------------------

    def pass_on(self, news: News, source: int | None) -> None:
        """Pass entries on to whoever is not known to have them; `source` is the connection that they came over."""
        self._recent.append((self._context.now.monotonic, news))
        self._recent_entries += news.entries
        while self._recent_entries > RECENT_MAX:
            self._recent_entries -= self._recent.popleft()[1].entries
        concerned = self._concerned(everywhere=self.flooding or self.keyed_beside_tree, source=source)
        for link in concerned:
            if not (link.eager or self.flooding or link.key is not None):
                continue
            for frame in news.for_neighbour(link):
                self._context.send(link, frame)

    def pass_on_beside(self, frame: Frame, feature: str, source: int | None) -> None:
        """Pass on what is no entry to those that show a feature: over the tree, or, where that may lead through one
        that does not, over every link."""
        everywhere = self.flooding or any(feature not in link.features for link in self)
        for link in self._concerned(everywhere=everywhere, source=source):
            if feature in link.features:
                self._context.send(link, frame)

    def flood(self) -> None:
        """The tree has lost a link: until all agree on another one, new entries are passed on over every link.

        So who was behind that link hears what is new as soon as the news of the loss has come to any redundant link
        between the parts, and does not wait for the one that takes its place in the tree. What was on its way when the
        link was lost goes first: without it the rest would wait for its turn.
        """
        context = self._context
        begins = not self.flooding
        self._flood_until = context.after(context.config.flood)
        if begins and self.flooding:
            since = context.now.monotonic - RECENT_SECONDS
            recent = [news for at, news in self._recent if at >= since]
            for link in self:
                if not link.eager:
                    for news in recent:
                        for frame in news.for_neighbour(link):
                            context.send(link, frame)

    @property
    def flooding(self) -> bool:
        """Whether new entries are passed on over every link."""
        return self._context.now.monotonic < self._flood_until

    def sent_over(self, link: Link) -> frozenset[EntryId]:
        """What the neighbour need not be sent again: the latest entries that went over this link, or came from there.

        They travel in order, so they are there before anything that is sent from now on.
        """
        if not link.eager:
            return frozenset()
        return frozenset(entry_id for at, news in self._recent if at > link.eager_since for entry_id in news.entry_ids)

    # --- a link-state record ------------------------------------------------------------------------------------------

    def announce(self, record: Callable[[Link], Frame], *, everywhere: bool, source: int | None = None) -> None:
        """Flood a record, in the words that `record` has for each: over the tree, or over every link; `source` is the
        connection that it came over."""
        for link in self._concerned(everywhere=everywhere, source=source):
            self._context.send(link, record(link))

    # --- a claim to a name --------------------------------------------------------------------------------------------

    def ask(self, request: Callable[[Link], LockRequest], *, everywhere: bool, source: int | None) -> list[Link]:
        """Ask about a claim, in the words that `request` has for each; those that were asked, each of which owes one
        answer. `source` is the connection over which this node was asked."""
        asked = self._concerned(everywhere=everywhere, source=source)
        for link in asked:
            self._context.send(link, request(link))
        return asked

    def release(self, release: LockRelease, *, everywhere: bool, source: int | None) -> None:
        """A claim has come to nothing; `source` is the connection over which this node heard of that."""
        self._send(Frame(release), everywhere=everywhere, source=source)

    # --- what is missing ----------------------------------------------------------------------------------------------

    def request_missing(self, link: Link, vector: Callable[[], dict[Stream, int]], *, again: bool = False) -> bool:
        """Ask a neighbour for what it has beyond a version vector, unless it has not answered yet; whether it was.

        `again`: also for what came over this link before.
        """
        if link.asked or not self.is_neighbour(link):
            return False
        link.asked = True
        self._context.send(link, SyncRequest(vector_in_line(vector(), LONG_VECTOR_BYTES_MAX), again))
        return True

    def missing_came(self, link: Link, received: int) -> None:
        """All that was asked for has come over a link: so many entries."""
        self._context.trace("sync", conn=link.conn, step="done", server=link.remote_id, received=received)
        if received:
            self._context.note("caught up", self._context.party(link.remote_id or "", link.name), count=received)
            self._context.notify(
                "synchronised",
                f"{received} missed {'entry' if received == 1 else 'entries'} came from {link.name or link.peer}",
                server=link.remote_id,
                in_story=True,
            )

    @property
    def is_any_asked(self) -> bool:
        """Whether a neighbour has not answered yet what is missing here."""
        return any(link.asked for link in self)

    def compare(self, digest: Callable[[], str], links: Sequence[Link]) -> None:
        """Tell these what this node has, in short: whoever has something else asks, or answers what it is asked."""
        if links:
            message = SyncDigest(digest())
            for link in links:
                self._context.send(link, message)

    # --- all of it ----------------------------------------------------------------------------------------------------

    def _concerned(self, *, everywhere: bool, source: int | None) -> list[Link]:
        return [link for link in self if (everywhere or link.eager) and link.conn != source]

    def _send(self, frame: Message | Frame, *, everywhere: bool, source: int | None) -> None:
        for link in self._concerned(everywhere=everywhere, source=source):
            self._context.send(link, frame)
