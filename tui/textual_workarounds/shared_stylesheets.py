"""Style sheets that applications in one process share as far as they are alike.

Measured with Textual 8.2.8: two thirds of the time until a session's first frame goes into style sheets. Most of that
are the styles of component classes, worked out for every class of every widget whenever anything about the widget
changes, and rules that are matched anew for each widget of each session, though nearly all sessions are alike. Here
rules are parsed once a theme for all sessions; what they come to is remembered by everything about a widget and its
ancestors that the rules ask for; and the styles of a component class are worked out when they are first asked for.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from textual.cache import LRUCache
from textual.css.model import RuleSet, SelectorType
from textual.css.styles import RenderStyles, RulesMap
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.app import App

_parsed: Final[LRUCache[tuple[Any, ...], list[RuleSet]]] = LRUCache(2048)

SHEETS_MAX: Final = 64
MATCHES_MAX: Final = 8192
"""Widgets with different ancestors, classes or states of which a sheet remembers what its rules come to."""

_OF_APP: Final = frozenset({"dark", "light", "inline", "ansi", "nocolor"})
"""States that all widgets of an application have, or none."""
_TRANSIENT: Final = "hover"
"""Nothing about a part of a list depends on where the mouse is; and it moves a lot."""

_ALWAYS: Final = frozenset({"-textual-system"})
"""A class that Textual asks for by itself."""
_PREFIX: Final = {
    SelectorType.UNIVERSAL: "*",
    SelectorType.NESTED: "*",
    SelectorType.TYPE: "",
    SelectorType.CLASS: ".",
    SelectorType.ID: "#",
}

About = tuple[str | None, frozenset[str], tuple[Callable[[Any], bool], ...], bool]
"""What rules ask for about a widget: its id, its classes, how to find its states, whether the mouse matters."""
NodeKey = tuple[type[DOMNode], str | None, frozenset[str], tuple[bool, ...], bool]
"""A widget's type, id, classes and states, each as far as any rule asks for it; last whether the mouse is over it."""


class _Matched:
    """What the rules come to for a widget."""

    __slots__ = ("flags", "rules", "settled")

    def __init__(self, rules: RulesMap | None, flags: tuple[bool, bool, bool, bool]) -> None:
        self.rules = rules
        self.flags = flags
        self.settled: RulesMap | None = None
        """The same as a widget's styles keep them, once it has been seen."""


class _Asked:
    """What the rules of a sheet ask for, and what they came to so far."""

    def __init__(self, rules: list[RuleSet]) -> None:
        self.states: dict[str, set[str]] = {}
        for rule in rules:
            for selector_set in rule.selector_set:
                for selector in selector_set.selectors:
                    prefix = _PREFIX[selector.type]
                    name = prefix if prefix == "*" else prefix + selector.name
                    self.states.setdefault(name, set()).update(selector.pseudo_classes)
        self.nodes: LRUCache[Any, About] = LRUCache(MATCHES_MAX)
        self.matches: LRUCache[Any, _Matched] = LRUCache(MATCHES_MAX)

    def key_of(self, node: DOMNode) -> NodeKey:
        kind, classes = type(node), node.classes
        known = self.nodes.get((kind, node._id, classes))
        if known is None:
            known = self.nodes[kind, node._id, classes] = self._about(node)
        identity, classes, checks, hovers = known
        return (
            kind,
            identity,
            classes,
            tuple([check(node) for check in checks]) if checks else (),
            hovers and node._PSEUDO_CLASSES[_TRANSIENT](node),  # type: ignore[arg-type]
        )

    def _about(self, node: DOMNode) -> About:
        states: set[str] = set().union(*(self.states.get(name, ()) for name in node._selector_names))
        if isinstance(node, Widget):
            states -= _OF_APP
        return (
            node._id if f"#{node._id}" in self.states else None,
            frozenset(name for name in node.classes if f".{name}" in self.states or name in _ALWAYS),
            tuple(
                check for name, check in sorted(node._PSEUDO_CLASSES.items()) if name in states and name != _TRANSIENT
            ),
            _TRANSIENT in states and _TRANSIENT in node._PSEUDO_CLASSES,
        )


class SharedStylesheet(Stylesheet):
    """A style sheet whose rules may be those of other applications as well. Rules are never changed once parsed."""

    def __init__(self, app: App[Any], *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._app = weakref.ref(app)
        self._theme = _theme_of(self._variables)
        self._asked: _Asked | None = None
        self._found: RulesMap | None = None
        self._matching = False

    def set_variables(self, variables: dict[str, str]) -> None:
        super().set_variables(variables)
        self._theme = _theme_of(variables)

    def parse(self) -> None:
        super().parse()
        key = (self._theme, tuple(self.source.items()))
        asked = _sheets.get(key)
        if asked is None:
            asked = _sheets[key] = _Asked(self.rules)
        self._asked = asked

    def reparse(self) -> None:
        self.parse()

    def _parse_rules(
        self, css: str, read_from: Any, is_default_rules: bool = False, tie_breaker: int = 0, scope: str = ""
    ) -> list[RuleSet]:
        key = (self._theme, css, read_from, is_default_rules, tie_breaker, scope)
        rules = _parsed.get(key)
        if rules is None:
            rules = _parsed[key] = super()._parse_rules(css, read_from, is_default_rules, tie_breaker, scope)
        return rules

    # --- what the rules come to ---------------------------------------------------------------------------------------

    def apply(
        self, node: DOMNode, *, animate: bool = False, cache: dict[tuple[Any, ...], RulesMap] | None = None
    ) -> None:
        if self._require_parse or self._asked is None:
            self.parse()
        asked, app = self._asked, self._app()
        if asked is None or app is None:
            return
        path = [asked.key_of(each) for each in node.css_path_nodes]
        whole = (app.theme, app.no_color, app.native_ansi_color)
        key = (whole, *path)
        matched = asked.matches.get(key)
        if matched is None:
            matched = asked.matches[key] = self._match(node)
        node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even = matched.flags
        if matched.rules is not None:
            self._give(node, matched, animate)
        if names := _component_classes(type(node)):
            self._give_components(node, names, (asked, whole, *(each[:4] for each in path)))

    def _match(self, node: DOMNode) -> _Matched:
        """Have Textual work out what the rules come to for a widget; nothing about it is changed but its flags."""
        self._matching, self._found = True, None
        try:
            super().apply(node)
        finally:
            self._matching = False
        flags = node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even
        return _Matched(self._found, flags)

    def replace_rules(self, node: DOMNode, rules: RulesMap, animate: bool = False) -> None:  # type: ignore[override]
        if self._matching:
            self._found = rules
        else:
            super().replace_rules(node, rules, animate)

    def _process_component_classes(self, node: DOMNode) -> None:
        if not self._matching:
            super()._process_component_classes(node)

    def _give(self, node: DOMNode, matched: _Matched, animate: bool) -> None:
        rules, settled = cast(RulesMap, matched.rules), matched.settled
        base = node.styles.base
        if settled is not None and base._rules == settled:
            if not animate:
                node.notify_style_update()
        elif settled is not None and not base._rules and not node._is_mounted:
            # Nothing is there that could have to be painted again: what setting rules one by one would do as well.
            base.merge_rules(settled)
            node._nodes.updated()
            node.notify_style_update()
        else:
            fresh = not base._rules
            super().replace_rules(node, rules, animate)
            if fresh and not animate:
                matched.settled = base.get_rules()

    def _give_components(self, node: DOMNode, names: frozenset[str], key: tuple[object, ...]) -> None:
        known: object = node._component_styles
        if isinstance(known, _ComponentStyles):
            if known.key == key:
                return
            node.refresh()
        node._component_styles = _ComponentStyles(self, node, key, names)


class _ComponentStyles(dict[str, RenderStyles]):
    """The styles of a widget's component classes, each worked out when it is asked for."""

    def __init__(self, sheet: Stylesheet, node: DOMNode, key: tuple[object, ...], names: frozenset[str]) -> None:
        super().__init__()
        self.key = key
        self._sheet = sheet
        self._node = node
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __missing__(self, name: str) -> RenderStyles:
        if name not in self._names:
            raise KeyError(name)
        part = DOMNode(classes=name)
        part._attach(self._node)
        self._sheet.apply(part, animate=False)
        styles = self[name] = part.styles
        return styles


@functools.cache
def _component_classes(kind: type[DOMNode]) -> frozenset[str]:
    return kind._get_component_classes()


def _theme_of(variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return _themes.setdefault(known := tuple(sorted(variables.items())), known)


_themes: Final[dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {}
_sheets: Final[LRUCache[tuple[Any, ...], _Asked]] = LRUCache(SHEETS_MAX)
