"""A field of a dialog: a box that says what belongs into it, in every theme and with any number of colours."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input


class Field(Input):
    """An input in a frame with its name on it."""

    def __init__(self, label: str, *, value: str = "", placeholder: str = "", password: bool = False, widget_id: str):
        super().__init__(value=value, placeholder=placeholder, password=password, id=widget_id)
        self.border_title = label
        # A cursor that blinks would paint a dialog that nobody touches.
        self.cursor_blink = False
        self._typed_ahead = False

    async def on_event(self, event: events.Event) -> None:
        # A binding would be the last to be looked for: the dialog around it scrolls by the same keys.
        if isinstance(event, events.Key) and event.key in ("up", "down"):
            event.stop()
            if event.key == "up":
                self.screen.focus_previous()
            else:
                self.screen.focus_next()
        else:
            await super().on_event(event)

    async def _on_key(self, event: events.Key) -> None:
        if not self.has_focus:
            # It gets the focus in a moment, and would select what was typed ahead for the next letter to replace.
            self._typed_ahead = True
        await super()._on_key(event)

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        if self._typed_ahead:
            self._typed_ahead = False
            self.cursor_position = len(self.value)


class LeadingField(Field):
    """A field from which Enter leads on to the next one, and takes along what was typed after it.

    Keys wait in the queue of the field that had the focus when they came: over a slow link several come at once, and
    a secret behind an Enter would be written into the name for all to see. A binding for Enter would come too late as
    well: bindings are looked up when nobody on the key's way through the screen wanted it.
    """

    def __init__(
        self,
        label: str,
        entered: Callable[[], None],
        *,
        value: str = "",
        placeholder: str = "",
        password: bool = False,
        widget_id: str,
    ) -> None:
        super().__init__(label, value=value, placeholder=placeholder, password=password, widget_id=widget_id)
        self._entered = entered

    async def on_event(self, event: events.Event) -> None:
        there = self.screen.focused
        if isinstance(event, events.Key | events.Paste) and there is not None and there is not self:
            there._forward_event(event)
        elif isinstance(event, events.Key) and event.key == "enter":
            event.stop()
            self._entered()
        elif isinstance(event, events.Key) and event.key == "tab":
            # At once as well, or what is typed behind it would still be ours.
            event.stop()
            self.screen.focus_next()
        else:
            await super().on_event(event)
