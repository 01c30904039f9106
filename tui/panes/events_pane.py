"""What happens in the network, in words, the newest below."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import ClassVar, Final

from textual.strip import Strip

from core.node import Notice, NoticeKind, Severity
from tui.model.client_model import ClientModel
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import wrap

_SYMBOLS: Final = {
    "info": ("\u00b7", "dim"),
    "good": ("\u2713", "good"),
    "warning": ("!", "warning"),
    "error": ("\u2717", "error"),
}
_SEVERITIES: Final[Mapping[Severity, str]] = {
    "info": "for information",
    "good": "good news",
    "warning": "a warning",
    "error": "something is wrong",
}
_SUBJECTS: Final[Mapping[NoticeKind, str]] = {
    "listening": "where this server is reached",
    "joined": "a server that came into the network",
    "join_refused": "a network that does not let this server in",
    "linked": "a new link between two servers",
    "unlinked": "a connection that ended",
    "lost": "what cannot be reached any more",
    "alone": "this server, which reaches no other",
    "healed": "servers that can be reached again",
    "quit": "a server that leaves on purpose",
    "redirected": "somebody who is sent to another server",
    "registered": "a new name",
    "refused": "something that was refused",
    "login": "somebody who logged in",
    "logout": "somebody who left",
    "vote": "an answer to who wants a new name",
    "renamed": "a name that changed",
    "synchronised": "what was missed and is here now",
    "backup": "a backup",
    "storage": "what is kept on this machine",
    "clock": "the clocks of servers",
    "limits": "what the system lets this program have",
    "dump": "a picture of what goes on inside this program",
    "identity": "the key of a server, and who speaks in its name without",
    "ordered": "what operators have ordered, and who is one",
    "noted": "what happens in the network",
    "security": "secrets, and who can read them",
}
NOTICE_CHARACTERS_MAX: Final = 600
NOTICE_LINES_MAX: Final = 6
_WHEN: Final = "%Y-%m-%d %H:%M:%S"


class EventsView(RowView):
    """The model's notices."""

    follows: ClassVar[bool] = True

    def __init__(self, model: ClientModel, *, zone: tzinfo | None = None, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._model = model
        self._zone = zone
        self._seen = model.notices_seen

    @property
    def _first(self) -> int:
        return self._model.notices_seen - len(self._model.notices)

    def notice(self, index: int) -> Notice:
        return self._model.notices[index]

    def row_count(self) -> int:
        return len(self._model.notices)

    def row_key(self, index: int) -> Hashable:
        return self._first + index

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        return max(0, key - self._first)

    def row_version(self, index: int) -> Hashable:
        # The last line may become another one, and one that tells of refusals tells of more.
        return self.notice(index).text, self._model.refusals.repeats(self._first + index)

    def _text(self, index: int, form: str) -> str:
        """What an event says, with how often it was; `form`: of the time of the last one."""
        text = neutralise(self.notice(index).text, NOTICE_CHARACTERS_MAX)
        repeats = self._model.refusals.repeats(self._first + index)
        if repeats is None:
            return text
        return f"{text} ({repeats.often:,} times, the last at {clock_time(repeats.last, self._zone, form)})"

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        notice = self.notice(index)
        symbol, role = _SYMBOLS[notice.severity]
        when = clock_time(notice.at, self._zone, "%H:%M:%S" if width >= 50 else "%H:%M")
        indent = len(when) + 3
        text = self._text(index, "%H:%M:%S")
        lines = wrap([(text, "text" if role == "dim" else role)], width - indent, NOTICE_LINES_MAX)
        return [
            self.strip_of(
                [(when + " ", "dim"), (symbol + " ", role), *line] if place == 0 else [(" " * indent, "text"), *line]
            )
            for place, line in enumerate(lines)
        ]

    def changed(self) -> None:
        if self._follow:
            self._seen = self._model.notices_seen
        super().changed()

    def reached_end(self) -> None:
        self._seen = self._model.notices_seen

    def marker(self) -> str:
        unseen = 0 if self._follow else self._model.notices_seen - max(self._seen, self._first)
        return f"\N{BLACK DOWN-POINTING TRIANGLE} {unseen} new below" if unseen else ""

    def row_copy(self, index: int) -> str | None:
        notice = self.notice(index)
        return f"{self._when(notice)} {self._text(index, _WHEN)}"

    def _when(self, notice: Notice) -> str:
        return clock_time(notice.at, self._zone, _WHEN)

    def row_detail(self, index: int) -> str:
        """Everything about the event, in words and safe."""
        notice = self.notice(index)
        return (
            f"{self._text(index, _WHEN)}\n\nWhen   {self._when(notice)}\nAbout  {_SUBJECTS[notice.kind]}\n"
            f"Kind   {_SEVERITIES[notice.severity]}"
        )

    def empty_words(self) -> str:
        return "Nothing has happened yet."
