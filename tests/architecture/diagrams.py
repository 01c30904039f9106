"""What the documents have from the sources: `make diagrams` draws it anew.

A picture of states stands between `<!-- states: NAME -->` and `<!-- end of states -->`, and is drawn from the table
that runs. Mermaid is drawn by GitHub, and can be read as it is. What is said of rooms (`rooms.DRAWN`) stands between
`<!-- arrows: PACKAGE -->` and `<!-- end of arrows -->`, and so on.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, Final

from core.client import client_states
from core.engine.transport import stream_states
from core.node.kernel import states
from core.node.servers import leaving
from tests.architecture.rooms import DRAWN, ROOT

Table = Mapping[Any, Mapping[Any, enum.Enum]]

DOCUMENTS: Final = (
    "core/PROTOCOL.md",
    "core/DESIGN.md",
    "core/simulation/README.md",
    "tui/README.md",
    "tui/ssh/README.md",
)
MACHINES: Final[dict[str, Table]] = {
    "connection": states.TRANSITIONS,
    "client": client_states.TRANSITIONS,
    "drain": leaving.DRAIN,
    "departure": leaving.DEPARTURES,
    "stream": stream_states.TRANSITIONS,
}
_BLOCK: Final = re.compile(r"(<!-- (\w+): ([\w. ]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def picture(table: Table) -> str:
    """A table as a picture; what leads from everywhere to the end is told in a sentence, not in as many arrows."""
    ends = {state for state, row in table.items() if set(row.values()) <= {state}}
    everywhere = {
        outcome: after
        for outcome, after in next(iter(table.values())).items()
        if after in ends
        and all(row.get(outcome) is after for state, row in table.items() if row and state is not after)
    }
    lines = [f"From each state, “{outcome.value}” leads to {after.name}.\n" for outcome, after in everywhere.items()]
    lines += ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(table)).name}"]
    for state, row in table.items():
        arrows: dict[str, list[str]] = {}
        for outcome, after in row.items():
            if outcome not in everywhere:
                arrows.setdefault(after.name, []).append(outcome.value)
        lines += [f"    {state.name} --> {after} : {' / '.join(outcomes)}" for after, outcomes in arrows.items()]
    return "\n".join([*lines, "```", ""])


def drawn_anew(text: str) -> str:
    """A document with its pictures as the sources are now."""

    def drawn(found: re.Match[str]) -> str:
        what, name = found[2], found[3]
        return found[1] + (picture(MACHINES[name]) if what == "states" else DRAWN[what](name)) + found[4]

    return _BLOCK.sub(drawn, text)


def main() -> None:
    for name in DOCUMENTS:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = drawn_anew(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{name}: drawn anew")


if __name__ == "__main__":
    main()
