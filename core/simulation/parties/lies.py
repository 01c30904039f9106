"""The kinds of lies that a member of the network can tell, each as what a lying server does.

Some are said once; by others it goes from then on, in all that it does (`LyingServer.ways`). Who tells one that needs
something to be heard first (a registration, a stream) tells none as long as it has heard of none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.simulation.parties.lies_about_entries import LIES_ABOUT_ENTRIES
from core.simulation.parties.lies_about_people import LIES_ABOUT_PEOPLE
from core.simulation.parties.lies_about_servers import LIES_ABOUT_SERVERS
from core.simulation.parties.telling_lies import Lie

LIES: Final[Mapping[str, Lie]] = {**LIES_ABOUT_ENTRIES, **LIES_ABOUT_PEOPLE, **LIES_ABOUT_SERVERS}
"""Each kind by the name by which plans, tables and reports know it."""
