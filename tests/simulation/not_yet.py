"""What lies and damage still break, and who mends it: the tests here are expected to fail, and must not pass unnoticed.

Whoever mends one takes its row away: a test that is named here and passes fails.
"""

from __future__ import annotations

from typing import Final

NOT_YET: Final[dict[str, tuple[str, str]]] = {
    "test_an_end_mark_beyond_the_end_of_somebodys_stream_makes_nobody_drop_what_comes": (
        "keys: marks",
        "any neighbour's SYNC_DONE raises anybody's stream, and what comes in it is then taken for a repetition",
    ),
    "test_an_end_mark_beyond_the_end_is_not_believed_after_a_restart_either": (
        "keys: marks",
        "the mark is kept on the disk",
    ),
    "test_another_body_under_a_known_identity_comes_to_nobody": (
        "keys: signatures",
        "who hears the changed entry first keeps it, and the true one is a repetition",
    ),
    "test_an_entry_under_somebodys_next_number_does_not_take_its_place": (
        "keys: signatures",
        "anybody writes into anybody's stream",
    ),
    "test_an_entry_under_a_number_that_nobody_comes_to_is_not_kept": (
        "keys: signatures",
        "anybody writes into anybody's stream",
    ),
    "test_an_entry_under_a_number_that_nobody_comes_to_leaves_no_gap_that_is_asked_for_again_and_again": (
        "keys: signatures",
        "the gap before it is never closed",
    ),
    "test_an_entry_of_a_start_that_never_was_is_not_kept": (
        "keys: signatures",
        "anybody writes into anybody's stream",
    ),
    "test_a_server_whose_name_is_longer_than_what_can_be_asked_for_ends_no_honest_link": (
        "bounds: names",
        (
            "an entry may name a server of 64 characters, a vector no more than 64 with the incarnation: the "
            "SYNC_REQUEST of who has such an entry is refused at every link, for ever"
        ),
    ),
    "test_who_invents_thousands_of_streams_loses_its_link_with_a_reason": (
        "bounds: streams",
        "nothing bounds what one peer introduces",
    ),
    "test_who_invents_thousands_of_accounts_loses_its_link_with_a_reason": (
        "bounds: accounts",
        "nothing bounds what one peer introduces",
    ),
    "test_who_claims_thousands_of_names_loses_its_link_with_a_reason": (
        "bounds: locks",
        "nothing bounds what one peer asks for",
    ),
    "test_who_invents_thousands_of_servers_loses_its_link_with_a_reason": (
        "bounds: servers",
        "nothing bounds what one peer introduces",
    ),
    "test_a_member_that_always_has_more_is_not_asked_for_ever": (
        "reconcile: pages",
        "`more` is believed of an answer with nothing in it, and asked for again at once",
    ),
    "test_what_bears_the_ref_of_somebodys_next_activity_does_not_take_its_place": (
        "records: refs",
        (
            "two activities of one sender with one ref are taken for copies, whatever is in them: a client is "
            "told that its activity is the liar's, which is acknowledged in its place"
        ),
    ),
    "test_a_backdated_registration_takes_no_account_over": (
        "claims: dates",
        "the earlier registration keeps the name, and anybody dates one",
    ),
    "test_a_registration_told_anew_with_another_secret_takes_no_account_over": (
        "claims: facts",
        "of two facts of one claim the smaller counts, whoever says it",
    ),
    "test_a_member_that_allows_for_a_thousand_servers_gives_no_name_to_two_people": (
        "claims: answers",
        "answers are counted, and not whose they are",
    ),
    "test_who_registers_is_told_which_server_has_refused_the_name": (
        "claims: answers",
        "a refusal does not say whose it is",
    ),
    "test_a_member_that_says_it_is_another_server_pushes_nobody_out": (
        "keys: identity",
        "who says that it is a neighbour, started later, takes its link's place",
    ),
    "test_what_a_member_says_of_another_server_is_not_believed_for_a_moment[address elsewhere]": (
        "keys: link-state records",
        "the newest record of a server is believed, whoever says it, until that server has heard of it",
    ),
    "test_what_a_member_says_of_another_server_is_not_believed_for_a_moment[others have left]": (
        "keys: link-state records",
        "the newest record of a server is believed, whoever says it, until that server has heard of it",
    ),
    "test_what_a_member_says_of_another_server_is_not_believed_for_a_moment[later starts]": (
        "keys: link-state records",
        "the newest record of a server is believed, whoever says it, until that server has heard of it",
    ),
    "test_what_a_member_says_of_another_server_is_not_believed_for_a_moment[wrong loads]": (
        "keys: link-state records",
        "the newest record of a server is believed, whoever says it, until that server has heard of it",
    ),
}
"""A test's name, as pytest prints it, to the part of the work that it waits for, and what goes wrong today."""
