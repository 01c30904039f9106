"""What lies and damage still break, and who mends it: the tests here are expected to fail, and must not pass unnoticed.

Whoever mends one takes its row away: a test that is named here and passes fails.
"""

from __future__ import annotations

from typing import Final

NOT_YET: Final[dict[str, tuple[str, str]]] = {
    "test_what_a_flipped_bit_has_changed_is_shown_to_nobody": (
        "damage",
        "what is read from a disk is not looked at before it is served",
    ),
    "test_what_a_flipped_bit_has_changed_comes_from_the_neighbours_again": (
        "damage",
        "what is on a disk is not looked at, and not asked for again",
    ),
    "test_everything_holds_in_histories_in_which_bits_flip": (
        "damage",
        "what is on a disk is not looked at, and not asked for again",
    ),
}
"""A test's name, as pytest prints it, to the part of the work that it waits for, and what goes wrong today."""
