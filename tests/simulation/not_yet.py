"""What lies and damage still break, and who mends it: the tests here are expected to fail, and must not pass unnoticed.

Whoever mends one takes its row away: a test that is named here and passes fails.
"""

from __future__ import annotations

from typing import Final

NOT_YET: Final[dict[str, tuple[str, str]]] = {
    "test_what_bears_the_ref_of_somebodys_next_activity_does_not_take_its_place": (
        "records: refs",
        (
            "two activities of one sender with one ref are taken for copies, whatever is in them: a client is "
            "told that its activity is the liar's, which is acknowledged in its place"
        ),
    ),
    "test_a_member_that_allows_for_a_thousand_servers_gives_no_name_to_two_people": (
        "claims: answers",
        "answers are counted, and not whose they are",
    ),
}
"""A test's name, as pytest prints it, to the part of the work that it waits for, and what goes wrong today."""
