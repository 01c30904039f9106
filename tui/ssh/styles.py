"""Style sheets that applications in one process share as far as they are alike.

Measured with Textual 8.2.8: two thirds of the time until a session's first frame goes into style sheets, most of it
into the styles of component classes, which are worked out for every class of every widget whenever anything about the
widget changes. Here rules are parsed once a theme for all sessions, and the styles of a component class are worked out
when they are first asked for.
"""

from __future__ import annotations

from typing import Any, Final

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

_parsed: Final[LRUCache[tuple[Any, ...], list[RuleSet]]] = LRUCache(2048)


class SharedStylesheet(Stylesheet):
    """A style sheet whose rules may be those of other applications as well. Rules are never changed once parsed."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._theme = _theme_of(self._variables)
        self._generation = 0

    def set_variables(self, variables: dict[str, str]) -> None:
        super().set_variables(variables)
        self._theme = _theme_of(variables)

    def parse(self) -> None:
        super().parse()
        self._generation += 1

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

    def _process_component_classes(self, node: DOMNode) -> None:
        classes = node._get_component_classes()
        if not classes:
            return
        key = (
            self._generation,
            *(
                (each._css_type_name, each._id, each.classes, each.pseudo_classes - _TRANSIENT)
                for each in node.css_path_nodes
            ),
        )
        known: object = node._component_styles
        if isinstance(known, _ComponentStyles):
            if known.key == key:
                return
            node.refresh()
        node._component_styles = _ComponentStyles(self, node, key, frozenset(classes))


_TRANSIENT: Final = frozenset({"hover"})
"""Nothing about a part of a list depends on where the mouse is; and it moves a lot."""


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


def _theme_of(variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return _themes.setdefault(known := tuple(sorted(variables.items())), known)


_themes: Final[dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {}
