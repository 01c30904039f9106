"""Where a client goes when its server sends it away: to another one, to the next that it knows, or nowhere."""

from __future__ import annotations

from core.client.client_events import LoginRefused, Redirected, ServerQuits
from core.client.client_settings import ClientSettings
from core.client.client_states import IN
from core.client.course import Course
from core.client.inbox import Inbox
from core.client.logging_in import LoggingIn
from core.client.outgoing_posts import OutgoingPosts
from core.client.outputs import Outputs
from core.client.route import Route
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import decode_vector


class Moving:
    """Takes what a server says when it does not go on with the client."""

    def __init__(
        self,
        course: Course,
        settings: ClientSettings,
        outputs: Outputs,
        route: Route,
        inbox: Inbox,
        posts: OutgoingPosts,
        logging_in: LoggingIn,
    ) -> None:
        self._course = course
        self._settings = settings
        self._outputs = outputs
        self._route = route
        self._inbox = inbox
        self._posts = posts
        self._logging_in = logging_in

    def redirected(self, message: wire.Redirect, now: float) -> None:
        address = Address(message.hostname, int(message.port))
        meant = self._route.believed(address)
        self._outputs.disconnect()
        self._posts.connection_lost(farewell=True)
        self._outputs.tell(Redirected(meant or address))
        if not self._settings.follow_redirects:
            self._course.end(f"redirected to {address}")
        elif self._route.redirected(address):
            self._course.retry("", now, at_once=True)
        elif meant != address:
            self._course.retry(f"{self._route.where} sends people to {address}, which leads nowhere from here", now)
        else:
            self._course.retry(f"{self._route.where} redirects back and forth", now)

    def server_quits(self, message: wire.Quit, now: float) -> None:
        self._outputs.disconnect()
        self._posts.connection_lost(farewell=True)
        if message.new_server_ip is None or message.new_server_port is None:
            self._outputs.tell(ServerQuits(None))
            self._course.retry("the server left and the network ends here", now)
            return
        # The named server may have no past to send. The next one can be told from where on something is missed.
        try:
            vector = None if message.vector is None else decode_vector(message.vector)
            self._inbox.left_before_login(vector, message.begins, self._logging_in.wall(now))
        except ValueError as error:
            self._course.malformed(f"QUIT: {error}", now)
            return
        address = Address(message.new_server_ip, int(message.new_server_port))
        self._outputs.tell(ServerQuits(self._route.believed(address) or address))
        if self._settings.follow_redirects:
            if self._route.left(address):
                self._course.retry("", now, at_once=True)
            else:
                self._course.retry(f"the server left for {address}, which leads nowhere from here", now)
        else:
            self._course.end(f"the server left; go on at {address}")

    def objected(self, message: wire.InvalidMessage, now: float) -> None:
        """The server objects to something, or an operator has ended the connection."""
        self._refused(message.info, now, certain=False)

    def activity_objected(self, message: wire.AuthenticationFail, now: float) -> None:
        self._refused(message.info, now, certain=True)

    def _refused(self, info: str, now: float, *, certain: bool) -> None:
        """The server closes; `certain`: because of an activity."""
        self._outputs.disconnect()
        self._posts.objected(info, certain=certain)
        if not self._logging_in.ever_online and self._course.state not in IN:
            self._outputs.tell(LoginRefused(info))
            self._course.end(f"the server refused: {info}")
            return
        self._course.retry(f"the server objected: {info}", now)
