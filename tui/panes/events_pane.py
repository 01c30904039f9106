"""What happens in the network, in words, the newest below."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import ClassVar, Final, NamedTuple

from textual.strip import Strip

from core.node import Notice, NoticeKind, Severity
from core.stories import Incident
from tui.model.client_model import ClientModel
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise
from tui.text.story_text import moment_at, mood_of, page_of, told
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
STORY_LINES_MAX: Final = 16
PAGE_WIDTH: Final = 110
"""Columns of the page of a story, at most."""
PAGE_MARGIN: Final = 12
"""What of the screen's width is not the page's."""


class EventRow(NamedTuple):
    """An event, when it was or began, and by what it is known."""

    at: float
    key: tuple[str, int]
    what: Notice | Incident


_WHEN: Final = "%Y-%m-%d %H:%M:%S"


class EventsView(RowView):
    """What happened: the stories of the network, and notices of all else, by the time at which each began."""

    follows: ClassVar[bool] = True

    def __init__(self, model: ClientModel, *, zone: tzinfo | None = None, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._model = model
        self._zone = zone
        self._seen = self._begun
        self._rows: list[EventRow] = []
        self._places: dict[Hashable, int] = {}
        self._version = -1

    @property
    def _begun(self) -> int:
        return self._model.notices_seen + self._model.stories.begun

    def rows(self) -> list[EventRow]:
        """What there is, the newest last."""
        model = self._model
        if self._version != model.notices_version:
            self._version = model.notices_version
            first = model.notices_seen - len(model.notices)
            rows = [
                EventRow(notice.at, ("notice", first + place), notice) for place, notice in enumerate(model.notices)
            ]
            rows += [EventRow(one.stamp / 1_000_000, ("story", one.number), one) for one in model.stories]
            rows.sort(key=lambda row: row.at)
            self._rows = rows
            self._places = {row.key: place for place, row in enumerate(rows)}
        return self._rows

    def row_count(self) -> int:
        return len(self.rows())

    def row_key(self, index: int) -> Hashable:
        return self.rows()[index].key

    def row_index(self, key: Hashable) -> int | None:
        self.rows()
        return self._places.get(key, 0)

    def row_version(self, index: int) -> Hashable:
        row = self.rows()[index]
        if isinstance(row.what, Incident):
            # A story grows, and once nothing more comes of it, it is told otherwise.
            return row.what.lines_seen, row.what.over, row.what.is_quiet(self._moment)
        # The last line may become another one, and one that tells of refusals tells of more.
        return row.what.text, self._model.refusals.repeats(row.key[1])

    @property
    def _moment(self) -> int:
        return moment_at(self._model.clock())

    def _text(self, row: EventRow, form: str) -> str:
        """What an event says; of a notice how often it was; `form`: of the time of the last one."""
        if isinstance(row.what, Incident):
            return " ".join(told(row.what, self._model.clock()))
        text = neutralise(row.what.text, NOTICE_CHARACTERS_MAX)
        repeats = self._model.refusals.repeats(row.key[1])
        if repeats is None:
            return text
        return f"{text} ({repeats.often:,} times, the last at {clock_time(repeats.last, self._zone, form)})"

    def _mood(self, row: EventRow) -> Severity:
        return mood_of(row.what, self._model.clock()) if isinstance(row.what, Incident) else row.what.severity

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        row = self.rows()[index]
        symbol, role = _SYMBOLS[self._mood(row)]
        when = clock_time(row.at, self._zone, "%H:%M:%S" if width >= 50 else "%H:%M")
        indent = len(when) + 3
        most = STORY_LINES_MAX if isinstance(row.what, Incident) else NOTICE_LINES_MAX
        lines = wrap([(self._text(row, "%H:%M:%S"), "text" if role == "dim" else role)], width - indent, most)
        return [
            self.strip_of(
                [(when + " ", "dim"), (symbol + " ", role), *line] if place == 0 else [(" " * indent, "text"), *line]
            )
            for place, line in enumerate(lines)
        ]

    def changed(self) -> None:
        if self._follow:
            self._seen = self._begun
        super().changed()

    def reached_end(self) -> None:
        self._seen = self._begun

    def marker(self) -> str:
        unseen = 0 if self._follow else min(self._begun - self._seen, len(self.rows()))
        return f"\N{BLACK DOWN-POINTING TRIANGLE} {unseen} new below" if unseen else ""

    def row_copy(self, index: int) -> str | None:
        row = self.rows()[index]
        return f"{self._when(row)} {self._text(row, _WHEN)}"

    def _when(self, row: EventRow) -> str:
        return clock_time(row.at, self._zone, _WHEN)

    def row_detail(self, index: int) -> str:
        """Everything about the event, in words and safe: of a story also the ladder of what went on, and each line."""
        row = self.rows()[index]
        if isinstance(row.what, Incident):
            room = self.app.size.width - PAGE_MARGIN if self.is_attached else PAGE_WIDTH
            return page_of(row.what, self._model.clock(), self._zone, min(PAGE_WIDTH, room))
        return (
            f"{self._text(row, _WHEN)}\n\nWhen   {self._when(row)}\nAbout  {_SUBJECTS[row.what.kind]}\n"
            f"Kind   {_SEVERITIES[row.what.severity]}"
        )

    def empty_words(self) -> str:
        return "Nothing has happened yet."
