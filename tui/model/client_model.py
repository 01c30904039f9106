"""One person at one application: the node here (if any), the person's client, and everything that is shown.

A model holds plain data and knows nothing of screens. What the network says changes the data at once and marks it
changed; the screen looks when it is ready, some times a second. Several models may share one node in one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal

import msgspec

from core.answers import replies_to
from core.client import NotConnected, OperatorSeat, PastEntry, PastPage, PastPlace, ResumePoint
from core.node import NodeSnapshot, Notice, NoticeKind, Severity
from core.query import is_to
from core.stories import Stories
from core.wire import ANONYMOUS, Address, Ed25519Signer
from tui.feed.activities import note
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem
from tui.feed.feed_window import CAPACITY
from tui.feed.history import History
from tui.feed.past_answers import AskedAbout, PastAnswers, asked_about, past_item
from tui.model.concerns import Concerns
from tui.model.muted_threads import MutedThreads
from tui.model.network_faces import ActivityInput, ClientFace, LinkTraffic, NodeFace, SecretUnchanged, SignIn
from tui.model.refusals import Refusals
from tui.model.visitors import Visitors
from tui.model.visits import Visits
from tui.text.safe_text import neutralise, neutralise_name

logger = logging.getLogger(__name__)

NOTICES_KEPT: Final = 2_000
HAPPENINGS_KEPT: Final = 200
KEEP_INTERVAL: Final = 2.0
"""Seconds between two looks whether something of a person's own is to be kept."""
SILENCE: Final = 2.5
"""Seconds after which a server that was asked whether it is there is said to be silent."""

ClientFactory = Callable[["ClientModel", SignIn], ClientFace]

HappeningKind = Literal[
    "logged in",
    "login refused",
    "registered",
    "register refused",
    "renamed",
    "disconnected",
    "redirected",
    "strange server",
    "gone",
]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a person has to be told at once. `secret` is only there when it was made for them just now."""

    kind: HappeningKind
    text: str
    username: str = ""
    secret: str | None = field(default=None, repr=False)


_OWN_NOTICES: Final[Mapping[HappeningKind, tuple[NoticeKind, Severity]]] = {
    "logged in": ("login", "good"),
    "registered": ("registered", "good"),
    "renamed": ("renamed", "warning"),
    "disconnected": ("unlinked", "warning"),
    "redirected": ("redirected", "info"),
    "strange server": ("security", "error"),
    "gone": ("lost", "error"),
}
"""What a client notices by itself."""

ClientStage = Literal["nobody", "connecting", "online", "waiting", "gone"]


class ClientModel:
    """What one person sees of the network. Not thread-safe: everything happens on the event loop."""

    def __init__(
        self,
        make_client: ClientFactory,
        *,
        node: NodeFace | None = None,
        target: Address | None = None,
        network: str = "",
        owns_node: bool = True,
        clock: Callable[[], float] | None = None,
        feed_capacity: int = CAPACITY,
    ) -> None:
        """`clock`: seconds since 1970."""
        self.node = node
        self.owns_node = owns_node and node is not None
        """Whether leaving takes the node out of the network."""
        self.network = network
        """The fingerprint of the network whose servers are talked to, encrypted; empty: whoever listens, in clear."""
        self.network_is_new = False
        """Whether the person has yet to decide that it is the one that they mean: nothing is said to it before."""
        self.target = target
        """The server that a client without a node was asked to join."""
        self.clock = clock or time.time
        self.feed = Feed(feed_capacity)
        self.concerns = Concerns()
        self.concerns.share = self._share
        self.feed.answers.muted = lambda: self.concerns.muted
        self.muted_threads = MutedThreads(self.feed.answers, lambda: self.concerns.threads, lambda: self.known_name)
        self.concerns.is_in_muted_thread = self.muted_threads.hides
        self._late: list[Callable[[], None]] = []
        """What has come late, until something comes that is new."""
        self.resume: ResumePoint | None = None
        """What the last client has received: the next one, whoever it logs in as, begins with what came since."""
        self.past = History(self.feed, self._read_past, self.is_own)
        self.notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._visits = Visits(self.notices)
        self.refusals = Refusals(self.notices)
        self.stories = Stories()
        """What the node, or the server that one looks at, has noted of the network."""
        self.notices_seen = 0
        """Lines of notices that ever came in."""
        self.notices_version = 0
        """Counts every change of them."""
        self.happenings: deque[Happening] = deque(maxlen=HAPPENINGS_KEPT)
        self.mentions = 0
        """Live activities of others to this person."""
        self.last_mention: FeedItem | None = None
        self.last_of_others: FeedItem | None = None
        self.others_live = 0
        """Live activities of others."""
        self.stage: ClientStage = "nobody"
        self.stage_words = "not logged in"
        self.identity: SignIn | None = None
        self.username: str | None = None
        """The name that the network knows this person by, while logged in."""
        self.claim: str | None = None
        """The account's, which no other name changes; None for anonymous, and at a server that does not tell."""
        self.server: Address | None = target
        self.visitors: Visitors | None = None
        """Who is here over SSH, for the node's operator."""
        self.snapshot: NodeSnapshot | None = None
        self.traffic: Mapping[int, LinkTraffic] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever something has changed; must return at once and change nothing."""
        self.looking = False
        """Whether a picture of the network is on its way from afar."""
        self.silent = False
        """Whether the server was asked for a picture and has none to give, as base servers do."""
        self.unheard_since: float | None = None
        """Since when, in seconds since 1970, nothing was heard of a server that should have answered."""
        self.stage_since = self.clock()
        """When the stage began, in seconds since 1970."""
        self.lost_since: float | None = None
        """Since when nobody is reached who was, in seconds since 1970."""
        self._make_client = make_client
        self._client: ClientFace | None = None
        self._task: asyncio.Task[None] | None = None
        self._began = False
        """Whether anything was ever live."""
        self._own_caught_up = 0
        """Own activities among what came over this connection before it was live."""

    @property
    def known_name(self) -> str | None:
        """The name by which others can write to this person; None while there is none."""
        return self.username if self.username and self.username != ANONYMOUS else None

    # --- what the person does --------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        return self.stage == "online"

    async def enter(self, identity: SignIn) -> None:
        """Register or log in, ending what there was before. What comes of it is told as a happening."""
        await self.stop()
        self.identity = identity
        self.username = self.claim = None
        self._stage("connecting", "registering" if identity.way == "register" else "logging in")
        self._client = client = self._make_client(self, identity)
        self._task = asyncio.create_task(self._run(client), name="client of the model")

    async def _run(self, client: ClientFace) -> None:
        keeping = asyncio.create_task(self._keep_up(), name="keeping what is the person's")
        try:
            await client.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("the client ended unexpectedly")
            self.gone(f"the client failed: {error}")
        finally:
            keeping.cancel()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(KEEP_INTERVAL)
            self.concerns.keep()

    def _share(self, content: bytes) -> None:
        if self._client is not None and self.known_name is not None:
            self._client.keep_document(content)

    async def stop(self) -> None:
        """Log out, within a bounded time."""
        self.concerns.keep()
        client, task = self._client, self._task
        self._client = self._task = None
        if client is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.close(), 2.0)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if self.stage != "gone":
            self._stage("nobody", "not logged in")

    def write(self, text: str) -> None:
        """Post a line. Raises ConnectionError with a sentence for a person when nobody is logged in."""
        self.post(note(text))

    def post(self, activity: ActivityInput, *, reads: bool = True) -> None:
        """Post an activity. Raises ConnectionError when nobody is logged in, ValueError when it cannot be sent.

        `reads`: whoever writes this has read what there is."""
        if self._client is None or self.username is None:
            raise ConnectionError("you are not logged in yet, so this cannot be sent")
        body = msgspec.json.encode(activity)
        ref = self._client.post(activity)
        self.feed.sending(ref, body, self.username, self.clock())
        if reads:
            self.concerns.read_all()
        self.on_change()

    async def change_secret(self, secret: str, new_secret: str) -> None:
        """Give the account another secret. Raises SecretNotChanged, SecretUnknown."""
        client, identity = self._client, self.identity
        if client is None or identity is None or self.username in (None, ANONYMOUS):
            raise SecretUnchanged("you are not logged in with a name")
        await client.change_secret(secret, new_secret)
        if self.identity is identity:
            known = new_secret if identity.secret is not None else None
            self.identity = replace(identity, way="login", secret=known, made=False)

    def operator_seat(self, signer: Ed25519Signer) -> OperatorSeat:
        """What an operator orders with a key. Raises NotConnected when nobody is logged in."""
        if self._client is None:
            raise NotConnected("you are not logged in")
        return self._client.operator_seat(signer)

    async def _read_past(self, place: PastPlace | None, backward: bool) -> PastPage:
        if self._client is None:
            raise NotConnected("you are not logged in")
        return await self._client.read_past(place, backward)

    @property
    def searches_past(self) -> bool:
        """Whether the present server looks for what matches in all of the past."""
        return self._client is not None and self._client.searches_past

    async def find_in_past(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        """The newest activities before a place that match; a page may have none, and more to look at. Raises as
        `ClientFace.find_in_past`."""
        if self._client is None:
            raise NotConnected("you are not logged in")
        return await self._client.find_in_past(place, query, most)

    async def known_now(self, entries: Sequence[PastEntry]) -> list[FeedItem]:
        """Activities of the past, once it is known here what was said of them since. Raises as `find_in_past`."""
        answers = self.feed.answers
        items = [past_item(entry, self.is_own) for entry in entries]
        for item in items:
            answers.note(item, is_shown=False)
        await self.look_up(asked for item in items for asked in asked_about(item, answers))
        return items

    async def look_up(self, wanted: Iterable[AskedAbout]) -> None:
        """Have it known here what was said of some activities. Raises as `find_in_past`."""
        before = self.feed.answers.version
        await PastAnswers(self.feed.answers, self.find_in_past, self.is_own).look(wanted)
        if self.feed.answers.version != before:
            self.on_change()

    def listen_for_silence(self) -> None:
        """Look whether the server still says something."""
        silence = self._client.silent_for() if self._client is not None and self.online else 0.0
        since = self.clock() - silence if silence >= SILENCE else None
        if (since is None) != (self.unheard_since is None):
            self.unheard_since = since
            self.on_change()

    def look(self) -> None:
        """Take a new picture of the node here."""
        if self.node is not None:
            self.snapshot = self.node.snapshot()
            self.traffic = self.node.traffic()

    async def look_from_afar(self) -> None:
        """Ask the server for a picture of the network, without a node here."""
        if self.node is not None or self._client is None or not self.online:
            return
        self.looking = True
        try:
            status = await self._client.status()
        finally:
            self.looking = False
        self.silent = status is None and self.online
        if status is None:
            self.on_change()
            return
        with contextlib.suppress(msgspec.ValidationError):
            self.snapshot = msgspec.convert(dict(status), NodeSnapshot, strict=False)
            self.on_change()

    # --- what the network says -------------------------------------------------------------------------------------

    def is_own(self, sender: str) -> bool:
        """Whether a sender is who is logged in here, by a name of their own."""
        return sender == self.username != ANONYMOUS

    def arrived(
        self,
        body: bytes,
        sender: str,
        at: float,
        *,
        live: bool,
        own_ref: str | None,
        entry_id: str | None = None,
        stamp: int | None = None,
    ) -> None:
        """`at` is seconds since 1970. `entry_id` and `stamp` (microseconds) are None where a base server tells none."""
        own = self.is_own(sender)
        concerns, is_new = self.concerns, live or self.concerns.is_new(entry_id, stamp)
        late = not own and is_new and concerns.is_late(stamp, live=live)
        add = partial(self._add, body, sender, at, live, own_ref, own, late, entry_id, stamp)
        if late and not live:
            # It belongs among what was read: it stands where reading goes on.
            self._late.append(add)
            return
        if is_new and not own:
            self._add_late()
        add()
        self.on_change()

    def _add(
        self,
        body: bytes,
        sender: str,
        at: float,
        live: bool,
        own_ref: str | None,
        own: bool,
        late: bool,
        entry_id: str | None,
        stamp: int | None,
    ) -> None:
        entry = self.feed.add(
            body,
            sender,
            at,
            live=live,
            own_ref=own_ref,
            own=own,
            late=late,
            entry_id=entry_id,
            stamp=stamp,
            came=self.clock(),
        )
        self.past.arrived(entry)
        name = self.known_name
        to_reader = not entry.own and name is not None and (is_to(name, body) or self.is_answered_by(body))
        if entry.own and not live:
            self._own_caught_up += 1
        if live and not entry.own:
            self._note_news(entry, to_reader=to_reader)
        self.concerns.arrived(entry, live=live, to_reader=to_reader)

    def is_answered_by(self, body: bytes) -> bool:
        """Whether an activity replies to what this person has posted."""
        return self.claim is not None and replies_to(self.claim, body)

    def _note_news(self, entry: FeedItem, *, to_reader: bool) -> None:
        """Others have written something just now, of which the person may want to be told."""
        if entry.folded or self.concerns.knows_read(entry) or self.concerns.is_muted(entry):
            return
        self.others_live += 1
        self.last_of_others = entry
        if to_reader:
            self.mentions += 1
            self.last_mention = entry

    def _add_late(self) -> None:
        late, self._late = self._late, []
        for add in late:
            add()

    def removed(
        self, ids: Sequence[str], by: str, because: str, server: str = "", since: float = 0.0, *, undone: bool = False
    ) -> None:
        """Operators have removed activities, or expelled the server that has accepted some from a time on: nobody is to
        see them any more, unless that is `undone`."""
        why = f" ({neutralise(because, 200)})" if because else ""
        who = neutralise_name(by) or "an operator"

        def of(sender: str) -> str:
            return f"an activity of {neutralise_name(sender) or '?'}"

        self.feed.remove(ids, lambda sender: f"{of(sender)} was removed by {who}{why}", f"removed by {who}")
        self.concerns.removed(ids)
        if server and undone:
            self.feed.show_again(server)
        elif server:
            # Its sender has done nothing: the server is why.
            self.feed.hide(
                server,
                since,
                lambda sender: f"{of(sender)} is hidden: {who} has expelled its server{why}",
                f"of a server that {who} has expelled",
            )
        self.on_change()

    def accepted(self, ref: str) -> None:
        self.feed.accepted(ref)
        self.on_change()

    def refused(self, ref: str, why: str) -> None:
        self.feed.refused(ref, why)
        self.on_change()

    def unknown(self, ref: str, why: str) -> None:
        self.feed.unknown(ref, why)
        self.on_change()

    def logged_in(self, username: str, server: Address | None, claim: str | None = None) -> None:
        """`claim`: the account's, by which its activities are named; None for anonymous, or where nobody tells."""
        self.username = username
        self.claim = claim
        self.concerns.begin(f"{self.network or self.target or ''}/{username}")
        self.server = server or self.server
        self._stage("online", f"logged in as {username}")
        self._happen(Happening("logged in", f"You are logged in as {username}.", username))

    def login_refused(self, why: str) -> None:
        self._stage("nobody", "not logged in")
        self._happen(Happening("login refused", why))

    def registered(self, username: str, secret: str) -> None:
        """The name is this person's; if they gave no secret, one was made just now."""
        made = self.identity is None or self.identity.made or self.identity.secret is None
        if self.identity is not None:
            self.identity = replace(self.identity, way="login", secret=self.identity.secret or secret)
        self._happen(Happening("registered", f"{username} is registered.", username, secret if made else None))

    def register_refused(self, why: str) -> None:
        self._stage("nobody", "not logged in")
        self._happen(Happening("register refused", why))

    def document_told(self, document: bytes | None) -> None:
        """What is kept of this account at every server; None: nothing is."""
        self.concerns.told(document)
        self.on_change()

    def document_saved(self, document: bytes) -> None:
        """This is kept of the account at every server."""
        self.concerns.saved(document)

    def caught_up(self, count: int) -> None:
        """Everything is live from here on; `count` activities came before. Nobody missed their own among them."""
        self._add_late()
        self.concerns.caught_up()
        missed = count - self._own_caught_up
        self.past.caught_up(shows=self._client is not None and self._client.shows_past)
        first, self._began = not self._began, True
        if first and self.feed.arrived and not self.concerns.knows_mark:
            self.feed.mark("from here on, live", self.clock())
        elif not first and missed > 0:
            self.feed.mark(f"{missed} missed while you were away, above", self.clock())
        self.on_change()

    def redirected(self, server: Address, why: str) -> None:
        self.server = server
        self._stage("connecting", f"moving to {server}")
        self._happen(Happening("redirected", why))

    def connecting(self, server: Address | None) -> None:
        """A connection is being tried; None: to the node here."""
        self.server = server or self.server
        self._own_caught_up = 0
        self._stage("connecting", f"connecting to {server}" if server is not None else "connecting to the server here")

    def server_quits(self, why: str) -> None:
        self._happen(Happening("redirected", why))

    def disconnected(self, why: str, retry_in: float | None) -> None:
        words = (
            "reconnecting" if not retry_in else f"trying again in {retry_in:.0f} s" if retry_in >= 1 else "trying again"
        )
        self._stage("waiting", f"{why}; {words}")
        self._happen(Happening("disconnected", why))

    def strange_server(self, why: str) -> None:
        """Whoever listens where a server of the network should is none: it was told nothing."""
        self._happen(Happening("strange server", why))

    def renamed(self, username: str, renamed: str, why: str) -> None:
        self.username = renamed
        if self.identity is not None:
            self.identity = replace(self.identity, way="login", username=renamed)
        self._stage("online", f"logged in as {renamed}")
        self._happen(
            Happening("renamed", why or f"{username} belongs to somebody else; you are {renamed} now.", renamed)
        )

    def gone(self, why: str) -> None:
        """The client has given up. After a refusal that is no news: the person is asked again."""
        if self.stage == "nobody":
            return
        self._stage("gone", why)
        self._happen(Happening("gone", why))

    def noticed(self, notice: Notice) -> None:
        if notice.line is not None:
            self.stories.take(notice.line)
            self.notices_version += 1
            self.on_change()
            return
        if self.stories.begun and notice.in_story:
            return
        if not self.refusals.fold(notice, self.notices_seen - len(self.notices)) and self._visits.add(notice):
            self.refusals.begin(notice, self.notices_seen)
            self.notices_seen += 1
        self.notices_version += 1
        self.on_change()

    def fault(self, text: str) -> None:
        """Something went wrong in this process that nobody else speaks of."""
        self.noticed(Notice(self.clock(), "storage", f"a fault in this program: {text}", "error"))

    def _stage(self, stage: ClientStage, words: str) -> None:
        if stage != self.stage:
            self.stage_since = self.clock()
            if stage == "online" or stage == "nobody":
                self.lost_since = None
            elif self.stage == "online":
                self.lost_since = self.stage_since
            self.silent = False
            self.unheard_since = None
        self.stage, self.stage_words = stage, words
        self.on_change()

    def _happen(self, happening: Happening) -> None:
        self.happenings.append(happening)
        if self.node is None and happening.kind in _OWN_NOTICES:
            # Without a node here nobody else tells what becomes of the connection.
            kind, severity = _OWN_NOTICES[happening.kind]
            if not self.notices or self.notices[-1].text != happening.text:
                self.noticed(Notice(self.clock(), kind, happening.text, severity))
        self.on_change()
