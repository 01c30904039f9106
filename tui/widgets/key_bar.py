"""The line at the bottom: the keys that work now, and what they do. A click presses one.

Textual's own footer makes a widget of each key, and makes all of them anew whenever the focus moves; they were more
than half of all widgets here, and of what the beginning of a session cost. This is one widget that paints one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, runtime_checkable

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import ActiveBinding
from textual.keys import key_to_character
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

_DIVIDER: Final = "\N{LEFT ONE EIGHTH BLOCK}"


@runtime_checkable
class HasIdleKeys(Protocol):
    """A widget or screen some of whose keys do nothing there but say why."""

    @property
    def idle_keys(self) -> frozenset[str]:
        """The ids of their actions."""
        ...


@runtime_checkable
class HasNearKeys(Protocol):
    """A screen some of whose keys belong to what a person is doing there."""

    @property
    def near_keys(self) -> frozenset[str]:
        """The ids of their actions."""
        ...


@dataclass(frozen=True, slots=True)
class _Key:
    key: str
    name: str
    words: str
    enabled: bool
    tooltip: str
    everywhere: bool
    """Whether it works in all panes alike, and could be looked up."""

    @property
    def cells(self) -> int:
        return cell_len(self.name) + 1 + cell_len(self.words)


class KeyBar(Widget):
    """Shows the active bindings that want to be shown: those of its screen, or of the dialog that lies over it."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-bar--key",
        "key-bar--words",
        "key-bar--pointed",
        "key-bar--disabled",
        "key-bar--divider",
    }
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1;
        color: $footer-foreground; background: $footer-background;
        & > .key-bar--key {
            color: $footer-key-foreground; background: $footer-key-background; text-style: bold;
        }
        & > .key-bar--words { color: $footer-description-foreground; background: $footer-description-background; }
        & > .key-bar--pointed { background: $block-hover-background; }
        & > .key-bar--disabled { text-style: dim; }
        & > .key-bar--divider { color: $foreground 20%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[_Key, ...] = ()
        self._palette: _Key | None = None
        self._pointed: _Key | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self.app.screen_change_signal.subscribe(self, self._bindings_changed)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)
        self.app.screen_change_signal.unsubscribe(self)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        app = self.app
        if screen is not app.screen or not app.app_focus:
            return
        if screen is not self.screen and screen.is_attached:
            # In a dialog, too, the keys are those of where the focus is.
            screen.bindings_updated_signal.unsubscribe(self)
            screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        keys: dict[str, _Key] = {}
        palette = None
        focused = screen.focused
        for key, (node, binding, enabled, tooltip) in _all_bindings(screen).items():
            if focused is not None and not binding.priority and focused.check_consume_key(key, key_to_character(key)):
                continue  # It is written, and does nothing else.
            if isinstance(node, HasIdleKeys) and binding.id in node.idle_keys:
                continue
            is_near = isinstance(node, HasNearKeys) and binding.id in node.near_keys
            everywhere = node is app.screen and not is_near
            shown = _Key(binding.key, app.get_key_display(binding), binding.description, enabled, tooltip, everywhere)
            if key == app.COMMAND_PALETTE_BINDING:
                palette = shown
            elif binding.show:
                keys.setdefault(binding.action, shown)
        found = (tuple(keys.values()), palette)
        if found != (self._keys, self._palette):
            self._keys, self._palette = found
            self.refresh()

    def _places(self) -> list[tuple[int, _Key]]:
        """Where each key begins; the one of the command palette is at the right."""
        places = []
        column = 0
        room = self.size.width
        if self._palette is not None and self._palette.cells < room:
            room -= self._palette.cells + 2
        keys = list(self._keys)
        while len(keys) > 1 and sum(key.cells + 1 for key in keys) - 1 > room:
            # What belongs to the place where one is stays longer than what works in all panes; how to get help and how
            # to leave come last, and are the last to go; before them what Enter does.
            near = keys[1] if len(keys) > 3 else keys[0]
            keys.remove(next((key for key in reversed(keys) if key.everywhere), near))
        for key in keys:
            places.append((column, key))
            column += key.cells + 1
        if room < self.size.width and self._palette is not None:
            places.append((room + 1, self._palette))
        return places

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        strips: list[Strip] = []
        column = 0
        for begin, key in self._places():
            if key is self._palette:
                # What has no room before it is cut.
                strips = [Strip(segments_of(strips)).adjust_cell_length(begin - 1, base)]
                strips.append(Strip([Segment(_DIVIDER, self.get_component_rich_style("key-bar--divider"))]))
            elif begin > column:
                strips.append(Strip([Segment(" " * (begin - column), base)]))
            over = base
            if key == self._pointed:
                over += self.get_component_rich_style("key-bar--pointed", partial=True)
            if not key.enabled:
                over += self.get_component_rich_style("key-bar--disabled", partial=True)
            name = over + self.get_component_rich_style("key-bar--key", partial=True)
            words = over + self.get_component_rich_style("key-bar--words", partial=True)
            strips.append(Strip([Segment(key.name, name), Segment(" " + key.words, words)]))
            column = begin + key.cells
        return Strip(segments_of(strips)).adjust_cell_length(self.size.width, base)

    def _key_at(self, column: int) -> _Key | None:
        for begin, key in reversed(self._places()):
            if begin <= column < begin + key.cells:
                return key
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        key = self._key_at(event.x)
        if key is None:
            return
        if key.enabled:
            self.app.simulate_key(key.key)
        else:
            self.app.bell()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point_at(self._key_at(event.x))

    def on_leave(self) -> None:
        self._point_at(None)

    def _point_at(self, key: _Key | None) -> None:
        if key != self._pointed:
            self._pointed = key
            self.tooltip = key.tooltip or None if key is not None else None
            self.refresh()


def _all_bindings(screen: Screen[object]) -> dict[str, ActiveBinding]:
    """By their keys, those of where one is first."""
    active = screen.active_bindings
    return active | {key: found for key, found in _taken_everywhere(screen).items() if key not in active}


def _taken_everywhere(screen: Screen[object]) -> dict[str, ActiveBinding]:
    """The keys that are taken before the focused widget has them, through a dialog too; Textual leaves them out."""
    return {
        key: ActiveBinding(node, binding, bool(state), binding.tooltip)
        for node, found in reversed(screen._binding_chain if screen.is_modal else [])
        for key, binding in found
        if binding.priority and (state := screen.app._check_action_state(binding.action, node)) is not False
    }


def segments_of(strips: list[Strip]) -> list[Segment]:
    """The segments of strips that stand side by side."""
    return [segment for strip in strips for segment in strip]
