"""What one member says that is not so: honest servers, and the people at them, lose nothing by it.

One kind of lie a test. Each history is the same but for the lie: three servers that are linked with each other, people
who write at all of them, and a member that lies, linked with two of the three, or in the middle of the tree. All that
the simulator checks is checked while it is there, and again when it is gone. What is expected to fail says `not_yet`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator

import pytest

from core.simulation.parties.lies import LIES
from core.simulation.plans.liars_mix import LIES as TOLD_IN_THE_MIX
from core.simulation.plans.plan import Operation, Person
from core.simulation.world.world import World
from core.wire import messages as wire
from core.wire.entries import EntryId
from core.wire.entry_runs import ids_in
from tests.simulation import test_damage, test_not_yet
from tests.simulation.lying import LIAR, liar_in, lied_to, nodes_in, problems
from tests.simulation.lying import LIES as BEGIN
from tests.simulation.not_yet import NOT_YET
from tests.simulation.plans import arrive, posts

NEW = (Person("new", registers=True), Person("rival", registers=True, username="new"))
CROWD = tuple(Person(f"a{number}") for number in range(8))


def crowd(where: str = "s000") -> list[Operation]:
    """People come one after the other, all to one server."""
    return [arrive(8.0 + 0.2 * number, one.name, where) for number, one in enumerate(CROWD)]


@pytest.mark.parametrize("old_links", [False, True], ids=["beside the tree", "in the middle"])
def test_a_member_that_keeps_nothing_and_tells_no_lie_changes_nothing(old_links: bool) -> None:
    assert problems(lied_to(old_links=old_links)) == []


def notices(texts: dict[str, None]) -> Callable[[World], None]:
    """A watcher by which all that servers say to whoever runs them is noted."""

    def watch(world: World) -> None:
        world.telling = lambda server, notice: texts.setdefault(notice.text)

    return watch


# --- entries ----------------------------------------------------------------------------------------------------------


def test_an_end_mark_beyond_the_end_of_somebodys_stream_makes_nobody_drop_what_comes() -> None:
    assert problems(lied_to("marks beyond the end")) == []


def test_an_end_mark_beyond_the_end_is_not_believed_after_a_restart_either() -> None:
    restart = [Operation(7.5, "kill", "s002"), Operation(7.8, "start", "s002")]
    assert problems(lied_to("marks beyond the end", over=("s002",), also=restart)) == []


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_an_end_mark_does_not_hide_what_its_teller_has_left_out(keyed: bool) -> None:
    apart = [Operation(6.5, "cut both", "s002", other) for other in ("s000", "s001")]
    together = [Operation(10.5, "mend", "s002", other) for other in ("s000", "s001")]
    assert problems(lied_to("marks over gaps", keyed=keyed, also=[*apart, *together])) == []


def test_another_body_under_a_known_identity_comes_to_nobody() -> None:
    assert problems(lied_to("another body", old_links=True)) == []


def test_an_entry_under_somebodys_next_number_does_not_take_its_place() -> None:
    assert problems(lied_to("unused numbers")) == []


def test_an_entry_under_a_number_that_nobody_comes_to_is_not_kept() -> None:
    assert problems(lied_to("far numbers")) == []


def test_an_entry_under_a_number_that_nobody_comes_to_leaves_no_gap_that_is_asked_for_again_and_again() -> None:
    world = lied_to("far numbers")
    honest = {node.id for node in nodes_in(world)}
    assert [
        str(one) for node in nodes_in(world) for one in ids_in(node.replication.vector.beyond) if one.node in honest
    ] == []


def test_an_entry_of_a_start_that_never_was_is_not_kept() -> None:
    assert problems(lied_to("invented starts")) == []


def test_a_server_whose_name_is_longer_than_what_can_be_asked_for_ends_no_honest_link() -> None:
    restart = [Operation(9.0, "kill", "s002"), Operation(9.5, "start", "s002")]
    assert problems(lied_to("names of full length", also=restart)) == []


@pytest.mark.slow
def test_who_invents_thousands_of_streams_loses_its_link_with_a_reason() -> None:
    world = lied_to("invented streams", many=4000, settings={"origins_max": 500})
    assert liar_in(world).sent_away
    assert problems(world) == []


def test_two_bodies_under_one_identity_of_its_own_part_nobody() -> None:
    assert problems(lied_to("two bodies")) == []


def test_what_is_dated_in_a_far_future_stands_on_top_of_nobodys_history() -> None:
    world = lied_to("far stamps")
    assert problems(world) == []
    latest = max(entry.stamp for server in world.servers.values() for entry in server.disk.entries())
    assert latest < liar_in(world).stamp() + 301_000_000


@pytest.mark.parametrize("hours", [4, -4])
def test_a_member_moves_the_date_of_nothing_that_another_server_has_accepted(hours: int) -> None:
    def move(world: World) -> None:
        if LIAR in world.liars:
            liar_in(world).moves = hours * 3600 * 1_000_000

    world = lied_to("moved dates", old_links=True, watch=move)
    assert problems(world) == []
    stamps: dict[EntryId, set[int]] = {}
    for server in world.servers.values():
        for entry in server.disk.entries():
            stamps.setdefault(entry.id, set()).add(entry.stamp)
    assert [str(entry) for entry, known in stamps.items() if len(known) > 1] == []


def test_what_a_member_does_not_pass_on_comes_by_another_way() -> None:
    assert problems(lied_to("withheld entries", old_links=True)) == []


def test_a_member_that_has_something_and_sends_nothing_keeps_nobody_from_asking_others() -> None:
    assert problems(lied_to("empty answers", old_links=True)) == []


def test_a_member_that_never_answers_keeps_nobody_from_asking_others() -> None:
    assert problems(lied_to("no answer at all", "withheld entries", old_links=True)) == []


def test_a_member_that_lists_what_there_is_none_of_keeps_nobody_from_asking_others() -> None:
    assert problems(lied_to("lists of nothing", compares=True, old_links=True)) == []


def test_a_member_that_says_it_has_dropped_everything_makes_nobody_do_without() -> None:
    apart = [Operation(6.5, "cut both", "s002", other) for other in ("s000", "s001")]
    again = [Operation(7.0 + 0.5 * number, "lie: everything dropped", LIAR) for number in range(6)]
    again.append(Operation(8.2, "reset", "s002", "liar-l0"))
    together = [Operation(10.5, "mend", "s002", other) for other in ("s000", "s001")]
    assert problems(lied_to("everything dropped", compares=True, also=[*apart, *again, *together])) == []


@pytest.mark.parametrize(
    "kind", ["withheld entries", "empty answers", "no answer at all", "digests that differ", "replayed messages"]
)
def test_a_member_that_compares_sums_can_do_no_more(kind: str) -> None:
    assert problems(lied_to(kind, compares=True, old_links=True)) == []


def test_a_member_that_always_has_more_is_not_asked_for_ever() -> None:
    world = lied_to("endless answers")
    assert problems(world) == []
    assert liar_in(world).told["endless answers"] < 200


def test_digests_that_always_differ_cost_a_question_a_second_at_most() -> None:
    world = lied_to("digests that differ")
    assert problems(world) == []
    asked = [message for message in liar_in(world).memory.heard if isinstance(message, wire.SyncRequest)]
    assert len(asked) < 2 * 3 * (14.0 - BEGIN)


def test_old_messages_said_again_change_nothing() -> None:
    again = [Operation(at, "lie: replayed messages", LIAR) for at in (7.0, 9.0, 11.0)]
    assert problems(lied_to("replayed messages", also=again, old_links=True)) == []


# --- people -----------------------------------------------------------------------------------------------------------


def test_what_a_member_says_that_somebody_wrote_stands_under_its_own_name_and_hides_nothing() -> None:
    world = lied_to("posts in others' names")
    assert problems(world) == []
    by_liar = [
        entry
        for server in world.servers.values()
        for entry in server.disk.entries()
        if entry.sender and b"a liar" in entry.body
    ]
    assert {entry.id.node for entry in by_liar} == {liar_in(world).id}


def test_what_bears_the_ref_of_somebodys_next_activity_does_not_take_its_place() -> None:
    assert problems(lied_to("taken refs")) == []


def test_a_backdated_registration_takes_no_account_over() -> None:
    assert problems(lied_to("backdated registrations")) == []


@pytest.mark.parametrize("keyed", [True, False])
def test_what_a_liar_takes_with_a_server_that_it_has_made_up_is_given_back_where_it_is_distrusted(
    keyed: bool,
) -> None:
    """The checkers look at both."""
    world = lied_to("made-up voters", keyed=keyed)
    assert problems(world) == []
    for node in nodes_in(world):
        holder = node.book.holder("nat")
        assert holder is not None and holder.claim.startswith(liar_in(world).id)


def test_a_registration_told_anew_with_another_secret_takes_no_account_over() -> None:
    assert problems(lied_to("rewritten registrations")) == []


def test_that_somebody_has_another_secret_stands_under_the_name_of_who_says_so() -> None:
    world = lied_to("changed secrets")
    assert problems(world) == []
    changes = [
        entry
        for server in world.servers.values()
        for entry in server.disk.entries()
        if b"secret-verifier" in entry.body
    ]
    assert {entry.id.node for entry in changes} == {liar_in(world).id}


@pytest.mark.slow
def test_who_invents_thousands_of_accounts_loses_its_link_with_a_reason() -> None:
    world = lied_to("invented accounts", many=4000, settings={"accounts_max": 500})
    assert liar_in(world).sent_away
    assert problems(world) == []


# --- locks ------------------------------------------------------------------------------------------------------------


def registering(at: float = 7.0) -> list[Operation]:
    """Two people want one name at the same moment, at the two ends of the network."""
    return [arrive(at, "new", "s000"), arrive(at, "rival", "s002")]


def test_answers_about_names_that_nobody_asked_for_decide_nothing() -> None:
    again = [Operation(at, "lie: unasked answers", LIAR) for at in (7.01, 7.02, 7.03, 7.05, 7.1)]
    assert problems(lied_to("unasked answers", people=NEW, also=[*registering(), *again], old_links=True)) == []


def test_a_member_that_allows_for_a_thousand_servers_gives_no_name_to_two_people() -> None:
    assert problems(lied_to("too many allow", people=NEW, also=registering(), old_links=True)) == []


def test_a_member_that_refuses_every_name_keeps_names_from_people_only_while_it_is_there() -> None:
    assert problems(lied_to("refused names", people=NEW[:1], also=[arrive(7.0, "new", "s000")])) == []


def test_who_registers_is_told_which_server_has_refused_the_name() -> None:
    texts: dict[str, None] = {}
    world = lied_to("refused names", people=NEW[:1], also=[arrive(7.0, "new", "s000")], watch=notices(texts))
    assert problems(world) == []
    assert [text for text in texts if "'new' failed" in text and LIAR in text]


def test_a_member_that_never_answers_about_names_keeps_them_from_people_only_while_it_is_there() -> None:
    assert problems(lied_to("silent voters", people=NEW[:1], also=[arrive(7.0, "new", "s000")])) == []


def test_claims_that_are_never_given_up_are_over_after_the_limit() -> None:
    world = lied_to("claims for ever", duration=30.0)
    assert problems(world) == []
    assert [node.registration.open_claims for node in nodes_in(world)] == [0, 0, 0]


@pytest.mark.slow
def test_who_claims_thousands_of_names_loses_its_link_with_a_reason() -> None:
    world = lied_to("claims for ever", many=4000, settings={"server_registrations_per_minute": 60.0})
    assert liar_in(world).sent_away
    assert problems(world) == []


# --- the map ----------------------------------------------------------------------------------------------------------


def beliefs(world: World) -> Iterator[str]:
    """What honest servers believe of each other that no such server says."""
    running = [server.node for server in world.servers.values() if server.node is not None]
    for node in running:
        for other in running:
            record = node.topology.records.get(other.id)
            if record is not None and other is not node:
                if record.hostname != other.topology.own.hostname or record.left or record.load >= 10_000:
                    yield f"{node.topology.own.name} of {other.topology.own.name}: {record.hostname} {record.left}"
                if record.incarnation != other.topology.own.incarnation or not record.links:
                    yield f"{node.topology.own.name} of {other.topology.own.name}: {record.order}, without links"


def believed_of_others(kind: str) -> list[str]:
    """What was believed at any moment after a kind of lie about other servers."""
    found: dict[str, None] = {}

    def look(world: World) -> None:
        if world.schedule.time > BEGIN:
            found.update(dict.fromkeys(beliefs(world)))

    again = [Operation(at, f"lie: {kind}", LIAR) for at in (6.4, 6.5, 6.6, 6.7)]
    world = lied_to(kind, watch=look, also=again)
    assert problems(world) == []
    return list(found)


@pytest.mark.parametrize("kind", ["address elsewhere", "others have left", "later starts", "wrong loads"])
def test_what_a_member_says_of_another_server_is_not_believed_for_a_moment(kind: str) -> None:
    assert believed_of_others(kind) == []


@pytest.mark.parametrize("kind", ["address elsewhere", "others have left", "later starts", "wrong loads"])
def test_a_server_of_which_a_member_lies_is_soon_known_for_what_it_is(kind: str) -> None:
    assert problems(lied_to(kind)) == []


def test_a_link_that_only_one_side_names_is_not_there() -> None:
    assert problems(lied_to("links that are not there", old_links=True)) == []


def test_two_records_under_one_number_part_nobody() -> None:
    assert problems(lied_to("two maps", old_links=True)) == []


@pytest.mark.slow
def test_who_invents_thousands_of_servers_loses_its_link_with_a_reason() -> None:
    world = lied_to("invented servers", many=2000, settings={"servers_max": 250})
    assert liar_in(world).sent_away
    assert problems(world) == []


def test_a_member_that_says_it_is_another_server_pushes_nobody_out() -> None:
    assert problems(lied_to("takes others' places")) == []


def test_a_farewell_that_is_none_sends_nobody_away() -> None:
    again = [Operation(at, "lie: false farewells", LIAR) for at in (7.0, 8.0, 9.0)]
    assert problems(lied_to("false farewells", also=again, old_links=True)) == []


IN_ANOTHERS_NAME = (
    *("marks beyond the end", "another body", "unused numbers", "far numbers", "invented starts", "two bodies"),
    *("address elsewhere", "others have left", "later starts", "wrong loads", "links that are not there"),
    *("takes others' places", "replayed messages"),
)
"""Lies that nobody believes who goes by keys."""


@pytest.mark.parametrize("kind", IN_ANOTHERS_NAME)
def test_a_member_that_shows_no_key_is_believed_no_more_than_one_with_a_key_of_its_own(kind: str) -> None:
    assert problems(lied_to(kind, keyed=False, old_links=True)) == []


@pytest.mark.parametrize("kind", IN_ANOTHERS_NAME)
@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_servers_whose_ids_are_from_before_keys_are_as_safe(kind: str, keyed: bool) -> None:
    before = {"s000": "bound", "s001": "bound", "s002": "bound"}
    assert problems(lied_to(kind, keyed=keyed, old_links=True, identities=before)) == []


# --- who is sent to it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["redirects to nowhere", "never answers clients"])
def test_whoever_is_sent_to_a_member_that_does_not_serve_people_comes_back(kind: str) -> None:
    assert problems(lied_to(kind, people=CROWD, also=crowd())) == []


def test_who_is_taken_in_by_a_liar_may_lose_and_nobody_else_does() -> None:
    world = lied_to("takes clients in", people=CROWD, also=[*crowd(), *posts("a1", 10.0, 5)])
    assert world.ledger.misled
    assert problems(world) == []


# --- the tests themselves ---------------------------------------------------------------------------------------------


def test_each_kind_of_lie_has_a_test() -> None:
    words = {
        node.value for node in ast.walk(ast.parse(inspect.getsource(sys.modules[__name__])))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    assert [kind for kind in LIES if kind not in words] == []


def test_the_mix_tells_each_kind_of_lie() -> None:
    assert tuple(LIES) == TOLD_IN_THE_MIX


def test_each_test_that_is_expected_to_fail_is_there() -> None:
    names = {*vars(sys.modules[__name__]), *vars(test_damage), *vars(test_not_yet)}
    assert [name for name in NOT_YET if name.partition("[")[0] not in names] == []
