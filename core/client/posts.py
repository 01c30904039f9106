"""What a client has posted and not yet had an answer to."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from core.wire.activity import too_deep


class PostQueueFull(Exception):
    """Too many posts are waiting for their answer; wait for some."""


class PendingPost(msgspec.Struct):
    """One activity on its way out. `sent` is whether it went out on the present connection."""

    ref: str
    activity: dict[str, msgspec.Raw]
    size: int
    sent: bool = False
    ever_sent: bool = False
    sent_at: float = 0.0
    """Monotonic time at which it went out on the present connection."""
    unsure_since: float | None = None
    """Monotonic time at which it first went out on a connection that was lost without a word; None: on none such."""

    @property
    def unsure(self) -> bool:
        """Whether a server may have accepted it whose answer was lost."""
        return self.unsure_since is not None

    def age(self, now: float) -> float | None:
        """Seconds since a server may have accepted it; None if none has got it yet that may have."""
        return None if self.unsure_since is None else max(0.0, now - self.unsure_since)

    def is_broadcast_as(self, body: bytes, user: str) -> bool:
        """Whether `body` is this post of `user`, by content: base servers give activities no names."""
        try:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            author = members.pop("authenticated_user", None)
            if author is not None and msgspec.json.decode(bytes(author)) != user:
                return False
            mine = {name: msgspec.json.decode(bytes(raw)) for name, raw in self.activity.items()}
            mine.pop("authenticated_user", None)
            theirs = {name: msgspec.json.decode(bytes(raw)) for name, raw in members.items()}
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False
        return _same(mine, theirs)


class Posts:
    """Unanswered posts, in order. After a server objected, they go out one at a time, so that it is clear to which."""

    def __init__(self, limit: int, bytes_under_way: int) -> None:
        self._limit = limit
        self._bytes_under_way = bytes_under_way
        self._posts: OrderedDict[str, PendingPost] = OrderedDict()
        self.careful = False

    def __len__(self) -> int:
        return len(self._posts)

    def __contains__(self, ref: str) -> bool:
        return ref in self._posts

    def add(self, ref: str, activity: dict[str, msgspec.Raw], size: int) -> None:
        """Raises PostQueueFull, or ValueError when the name is in use."""
        if ref in self._posts:
            raise ValueError(f"an activity named {ref!r} is waiting for its answer already")
        if len(self._posts) >= self._limit:
            raise PostQueueFull(f"{len(self._posts)} activities wait for their answer already")
        self._posts[ref] = PendingPost(ref, activity, size)

    def ready(self) -> list[PendingPost]:
        """Those to send now, in order."""
        if self.careful:
            first = next(iter(self._posts.values()), None)
            return [first] if first is not None and not first.sent else []
        under_way = 0
        ready = []
        for post in self._posts.values():
            if under_way and under_way + post.size > self._bytes_under_way:
                break
            under_way += post.size
            if not post.sent:
                ready.append(post)
        return ready

    def answered(self, ref: str) -> PendingPost | None:
        """An answer came; the post, if it was awaited."""
        post = self._posts.pop(ref, None)
        if not self._posts:
            self.careful = False
        return post

    def get(self, ref: str) -> PendingPost | None:
        return self._posts.get(ref)

    def sent(self) -> list[PendingPost]:
        """Those that went out on this connection, in order."""
        return [post for post in self._posts.values() if post.sent]

    def connection_lost(self, *, farewell: bool) -> None:
        """`farewell`: the server has said where to go on, behind its answers to all that it had accepted."""
        for post in self._posts.values():
            if post.sent and not farewell and post.unsure_since is None:
                post.unsure_since = post.sent_at
            post.sent = False

    def all(self) -> list[PendingPost]:
        return list(self._posts.values())

    def clear(self) -> None:
        self._posts.clear()


def raw_activity(activity: object) -> dict[str, msgspec.Raw]:
    """An activity, as an object or as JSON, with the bytes of its members kept. Raises ValueError."""
    try:
        data = activity if isinstance(activity, bytes) else msgspec.json.encode(activity)
        data.decode()
        # Members keep their bytes, so line breaks between them would end the line that they travel on.
        data = msgspec.json.format(data, indent=-1)
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except RecursionError:
        raise ValueError("the activity is nested too deeply") from None
    except (msgspec.MsgspecError, TypeError, UnicodeError, OverflowError) as error:
        raise ValueError(f"an activity is a JSON object: {error}") from None
    if too_deep(b'{"":' + data):
        raise ValueError("the activity is nested too deeply")
    return members


def _same(one: object, other: object) -> bool:
    """Equality that does not take true for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other
