"""What a check found, in lines for a terminal or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tui.script.check_plan import CheckPlan
from tui.script.exit_status import CommandFailed
from tui.script.seam_check import SEAM, CheckVerdict
from tui.script.sightings import ReaderRecord, WrittenRecord
from tui.text.safe_text import neutralise

_WORDS: Final = {True: "holds", False: "BROKEN", None: "not tried"}
_STATES: Final = {True: "holds", False: "broken", None: "not tried"}


@dataclass(frozen=True)
class CheckReport:
    """All that came of a check."""

    plan: CheckPlan
    servers: str
    written: WrittenRecord
    readers: Sequence[ReaderRecord]
    verdicts: Sequence[CheckVerdict]
    seconds: float
    lost: int = 0
    """Attempts and connections that failed without the check's doing, and were made again."""
    redirected: int = 0
    ended_early: str = ""
    """Why less was done than planned, as a sentence."""
    failure: CommandFailed | None = None
    """What kept it from going on."""

    @property
    def holds(self) -> bool:
        return all(verdict.holds is not False for verdict in self.verdicts)

    @property
    def protocol(self) -> Literal["native", "base", "mixed"]:
        """What the servers that were spoken to speak."""
        spoken = {visit.native for reader in self.readers for visit in reader.visits}
        return "mixed" if len(spoken) > 1 else "base" if spoken == {False} else "native"

    def lines(self) -> Iterator[str]:
        """For a person."""
        written = self.written
        posted, logins = sum(written.sent), sum(len(reader.visits) for reader in self.readers)
        yield (
            f"{posted:,} posted, {written.count('accepted'):,} accepted; {len(self.readers)} readers, {logins} logins,"
            f" {self.seconds:.1f} s"
            + (f"; {self.redirected:,} redirects" if self.redirected else "")
            + (f"; {self.lost:,} times a connection was lost or could not be had" if self.lost else "")
        )
        width = max(len(verdict.name) for verdict in self.verdicts)
        for verdict in self.verdicts:
            told = [_looked_at(verdict, self.protocol), neutralise(verdict.remark)]
            yield f"{verdict.name:<{width}}  {_WORDS[verdict.holds]:<9}  {'; '.join(filter(None, told))}".rstrip()
            yield from (f"    {neutralise(example)}" for example in verdict.examples)
            if verdict.faults > len(verdict.examples):
                yield f"    … and {verdict.faults - len(verdict.examples):,} more"

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "holds": self.holds,
            "ended_early": self.ended_early or (str(self.failure) if self.failure else None),
            "run": self.plan.run,
            "servers": self.servers.split(", "),
            "protocol": self.protocol,
            "seconds": round(self.seconds, 3),
            "redirects": self.redirected,
            "connections_lost": self.lost,
            "posts": {
                "sent": sum(self.written.sent),
                **{fate: self.written.count(fate) for fate in ("accepted", "refused", "unknown", "waiting")},
                "refusals": self.written.refusals,
            },
            "checks": [
                {
                    "name": verdict.name,
                    "verdict": _STATES[verdict.holds],
                    "looked_at": verdict.looked_at,
                    "faults": verdict.faults,
                    "examples": verdict.examples,
                    "remark": verdict.remark or None,
                }
                for verdict in self.verdicts
            ],
            "readers": [
                {
                    "name": reader.name,
                    "kind": reader.kind,
                    "logins": [
                        {
                            "past": sum(not sighting.live for sighting in visit.sightings),
                            "live": sum(sighting.live for sighting in visit.sightings),
                            "caught_up": visit.caught_up,
                        }
                        for visit in reader.visits
                    ],
                }
                for reader in self.readers
            ],
        }


def _looked_at(verdict: CheckVerdict, protocol: str) -> str:
    if verdict.name != SEAM:
        return f"{verdict.looked_at:,} looked at" + (f", {verdict.faults:,} wrong" if verdict.faults else "")
    told = f"{verdict.looked_at:,} logins had one writer's activities on both sides"
    if not verdict.looked_at:
        told = "no login had one writer's activities on both sides"
        if protocol == "native":
            told += "; more --posts, --rate or --in-flight make it so"
    if protocol != "native":
        told += "; where only the base protocol is spoken no past is sent, and each login was looked at by itself"
    return told
