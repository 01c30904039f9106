"""A field of a dialog: a box that says what belongs into it, in every theme and with any number of colours."""

from __future__ import annotations

from textual.widgets import Input


class Field(Input):
    """An input in a frame with its name on it."""

    def __init__(self, label: str, *, value: str = "", placeholder: str = "", password: bool = False, widget_id: str):
        super().__init__(value=value, placeholder=placeholder, password=password, id=widget_id)
        self.border_title = label
