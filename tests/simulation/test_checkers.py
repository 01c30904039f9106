"""Each checker sees the fault that it is for: one is planted, and exactly that guarantee fails.

A fault is planted between a real node and its host, or in the place of one of the public methods of a node, a client or
a disk. The same history without it passes, which is tested as well: so it is the fault that a checker sees.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from core.node.interface.node_config import NodeConfig, lan
from core.simulation.checking import checkers
from core.simulation.ledger import Violation
from core.simulation.plans.plan import Operation, Person, Plan
from core.simulation.runs.runner import run
from core.simulation.world.world import PORT, SECRET
from tests.simulation.plans import BASE, NATIVE, NOBODY, arrive, plan, posts
from tests.simulation.planted_faults import (
    acknowledges_before_it_is_kept,
    adds_to_what_others_say_of_themselves,
    allows_every_registration,
    answers_twice_about_each_name,
    believes_everybody,
    believes_marks_beyond_the_end,
    believes_places_to_be_further_on,
    believes_what_servers_advertise,
    changes_what_it_passes_on,
    client_does_not_come_back,
    delivers_before_the_previous,
    dials_where_others_were_first,
    disk_forgets,
    drops_who_registered_later,
    floods_always,
    forgets_accounts_of_others,
    gives_names_to_the_later_registration,
    hands_everything_out_twice,
    hands_the_networks_key_to_nobody,
    keeps_questions_that_are_answered,
    keeps_secrets_from_base_servers,
    keeps_what_is_removed,
    leaves_in_whose_account_is_closed,
    leaves_timers_behind,
    lets_in_with_any_secret,
    loses_the_second_activity,
    never_answers_a_login,
    never_has_left,
    never_looks_for_lost_servers,
    never_tries_the_disk_again,
    one_server_goes_by_the_first_secret,
    parks_without_a_limit,
    passes_no_documents_on,
    passes_nothing_on,
    prefers_younger_links_at_one_server,
    redirects_everybody_again_and_again,
    redirects_nobody,
    refuses_before_it_keeps,
    refuses_known_people_for_a_while,
    registers_nobody,
    repeats_nothing,
    rounds_numbers,
    says_changed_before_it_is_kept,
    says_kept_before_it_is,
    says_refused_of_what_it_keeps,
    says_registered_and_keeps_nothing,
    says_what_is_no_message,
    sends_activities_before_the_login,
    speaks_before_the_base_server_has,
    speaks_natively_to_everybody,
    takes_each_code_again,
    takes_gaps_for_had,
    takes_what_comes_late_for_new,
    tells_base_servers_everything_twice,
    tells_base_servers_what_they_do_not_know,
    tells_documents_to_others,
    trusts_silent_links,
    writes_into_anothers_stream,
)

Patch = pytest.MonkeyPatch


# --- histories --------------------------------------------------------------------------------------------------------

ARRIVALS = [arrive(1.0, "nat", "s000"), arrive(2.0, "bas", "s002")]
CHANGED = plan(
    arrive(1.0, "nat", "s000"),
    Operation(5.0, "secret", "nat"),
    Operation(8.0, "reset", "s000", "client-nat"),
    people=(NATIVE,),
)
CHANGED_SLOWLY = plan(
    arrive(1.0, "nat", "s000"),
    Operation(3.5, "disk slow", "s000", amount=0.5),
    Operation(4.0, "secret", "nat"),
    people=(NATIVE,),
)
TALK = plan(*ARRIVALS, *posts("nat", 4.0, 5), *posts("bas", 4.05, 5))
MOVING = plan(
    arrive(1.0, "nat", "s000"),
    arrive(1.0, "bas", "s002"),
    Operation(4.0, "part", "s000,client-nat"),
    *posts("nat", 4.5, 1),
    Operation(4.9, "part", "s000"),
    Operation(4.95, "unite", "s000,client-nat"),
    Operation(5.0, "cut both", "s000", "client-nat"),
    Operation(5.0, "reset", "s000", "client-nat"),
    *posts("nat", 12.0, 20),
    Operation(16.0, "unite", "s000"),
    Operation(16.0, "mend", "s000", "client-nat"),
    duration=18.0,
)
BACK_AGAIN = plan(
    arrive(1.0, "nat", "s000"),
    arrive(2.0, "bas", "s000"),
    *posts("bas", 4.0, 3),
    Operation(5.0, "reset", "s000", "client-nat"),
    Operation(5.0, "cut both", "s000", "client-nat"),
    *posts("bas", 5.1, 5),
    Operation(7.0, "mend", "s000", "client-nat"),
    servers=1,
)
ELSEWHERE = plan(
    *ARRIVALS,
    *posts("bas", 4.0, 3),
    Operation(5.0, "reset", "s000", "client-nat"),
    Operation(5.0, "cut both", "s000", "client-nat"),
    *posts("bas", 5.0, 50, 0.01),
    Operation(9.0, "mend", "s000", "client-nat"),
)
RIVALS = plan(
    arrive(4.0, "nat", "s000"),
    arrive(4.0, "rival", "s002"),
    people=(NATIVE, Person("rival", registers=True, username="nat")),
)
PARTED_RIVALS = plan(
    Operation(3.5, "part", "s000,client-nat"),
    arrive(14.0, "nat", "s000"),
    arrive(15.0, "rival", "s002"),
    Operation(20.0, "unite", "s000,client-nat"),
    people=(NATIVE, Person("rival", registers=True, username="nat")),
    duration=22.0,
)
PARTED = plan(Operation(4.0, "part", "s000"), Operation(12.0, "unite", "s000"), duration=13.0, people=(), lazy_links=0)
REMOVING = plan(*ARRIVALS, *posts("nat", 4.0, 3), Operation(8.0, "order", "s001", "remove", 0.5))
CLOSING = plan(*ARRIVALS, Operation(6.0, "order", "s001", "close", 0.1))
CODED = plan(
    *ARRIVALS,
    Operation(5.0, "order", "s001", "code", 0.1),
    Operation(5.5, "redeem", "s001", amount=0.0),
    Operation(11.5, "redeem", "s001", amount=0.0),
)
CODED_BESIDE_AN_EXPULSION = plan(*CODED.operations, Operation(5.2, "order", "s001", "expel", 0.902))
"""Of s002, since the beginning, by who is at s001: the number says so (`operators`)."""
CHANGED_BESIDE_AN_EXPULSION = plan(
    *CHANGED.operations, Operation(4.0, "order", "s001", "expel", 0.902), people=(NATIVE,)
)
MOVING_BEFORE_AN_EXPULSION = plan(*MOVING.operations, Operation(30.0, "order", "s001", "expel", 0.003), duration=31.0)
"""Of s000, and what it has accepted before is not hidden."""
REKEYED = plan(*ARRIVALS, Operation(6.0, "order", "s001", "rekey", 0.1))
ALONE = plan(arrive(1.0, "ano", "s000"), *posts("ano", 4.0, 3), people=(NOBODY,))
CUT_OFF = plan(*ARRIVALS, Operation(5.0, "reset", "s000", "client-nat"))
SOMEWHERE = plan(
    arrive(1.0, "nat", "s000"), Operation(5.0, "quit", "s000"), people=(NATIVE,), advertised={"s001": "127.0.0.1"}
)
LEAVING = plan(Operation(5.0, "quit", "s001"), people=(), bound=12.0)
SUSPENDED = plan(
    arrive(1.0, "nat", "s002"),
    arrive(1.2, "bas", "s000"),
    Operation(5.0, "suspend", "s002"),
    *posts("nat", 5.1, 3),
    Operation(9.0, "move", "nat", "s000"),
    Operation(16.0, "resume", "s002"),
    duration=20.0,
)
"""What somebody writes at a server that stands still, they repeat elsewhere; and then it goes on."""
MOVED = plan(
    *(
        operation
        for index, name in enumerate(("s000", "s001", "s002"))
        for operation in (
            Operation(5.0 + 3.0 * index, "kill", name),
            Operation(5.1 + 3.0 * index, "readdress", name, amount=1.0),
            Operation(6.0 + 3.0 * index, "start", name),
        )
    ),
    people=(),
    duration=20.0,
)
HALF_OPEN = plan(Operation(5.0, "half-open", "s000", "s001"), people=(), servers=2, lazy_links=0, duration=20.0)
FULL = plan(
    arrive(1.0, "ano", "s000"),
    Operation(4.0, "disk full", "s000"),
    *posts("ano", 4.5, 1),
    Operation(8.0, "disk free", "s000"),
    people=(NOBODY,),
)
GONE = plan(arrive(4.0, "bas", "s000"), Operation(5.0, "leave", "bas"), people=(BASE,))
BUSY = plan(arrive(1.0, "ano", "s000"), *posts("ano", 4.0, 60, 0.05), people=(NOBODY,), epilogue=True)
EXAMINED = plan(*ARRIVALS, epilogue=True, lazy_links=2, seed=2)
BALANCED = plan(people=(), epilogue=True, seed=4)
UNREGISTERED = plan(arrive(1.0, "ano", "s000"), people=(NOBODY,), epilogue=True)
HASTY = plan(
    arrive(2.0, "nat", "s000"),
    arrive(1.0, "haste", "s001"),
    people=(
        NATIVE,
        Person("haste", native=False, registers=True, username="nat", impatient=True),
    ),
)
RETURNING = plan(
    arrive(1.0, "bas", "s000"),
    Operation(4.0, "leave", "bas"),
    arrive(7.5, "bas", "s000"),
    people=(BASE,),
    duration=20.0,
)
WRITING = plan(
    *ARRIVALS,
    arrive(2.5, "nan", "s000"),
    Operation(4.0, "document", "nat"),
    Operation(8.0, "document", "nat"),
    people=(NATIVE, BASE, Person("nan", native=True, registers=True)),
)
SLOW_DISK = plan(
    arrive(1.0, "nat", "s000"), Operation(3.5, "disk slow", "s000", amount=0.5), *posts("nat", 4.0, 1), people=(NATIVE,)
)
WITH_BASE = plan(*ARRIVALS, *posts("nat", 6.0, 3), base_servers=1)
EARLY = plan(arrive(1.0, "nat", "s000"), *posts("nat", 4.0, 100, 0.01), arrive(4.2, "bas", "s002"))
REGISTERING_WITH_BASE = plan(arrive(8.0, "bas", "s002"), Operation(9.0, "leave", "bas"), people=(BASE,), base_servers=1)


@dataclass(frozen=True)
class Case:
    """A fault, a history that brings it to light, and what the checker says."""

    plant: Callable[[Patch], None]
    history: Plan
    guarantee: str
    says: str
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """Settings under which the fault shows."""
    also: frozenset[str] = frozenset()
    """Guarantees that are broken with it."""

    def settings(self) -> NodeConfig | None:
        return replace(lan("", PORT, SECRET), liveness_after=2.75, **self.config) if self.config else None

    def __str__(self) -> str:
        return self.name or self.plant.__name__


CASES = (
    Case(delivers_before_the_previous, MOVING, "order", "after"),
    Case(
        delivers_before_the_previous,
        MOVING_BEFORE_AN_EXPULSION,
        "order",
        "after",
        "delivers_before_the_previous_what_an_expulsion_does_not_hide",
    ),
    Case(repeats_nothing, MOVING, "order", "after", config={"order_wait": 3.0}),
    Case(parks_without_a_limit, MOVING, "bounded queues", "the limit is 10", config={"parked_max": 10}),
    Case(allows_every_registration, RIVALS, "unique names", "both registered nat", also=frozenset({"stories"})),
    Case(never_looks_for_lost_servers, PARTED, "liveness", "reaches 1 of 3"),
    Case(prefers_younger_links_at_one_server, plan(people=()), "agreement", "have different trees"),
    Case(passes_nothing_on, ALONE, "agreement", "do not have the same entries"),
    Case(forgets_accounts_of_others, GONE, "agreement", "do not have the same accounts"),
    Case(loses_the_second_activity, TALK, "exactly once", "bas never got nat's activity 2"),
    Case(believes_places_to_be_further_on, BACK_AGAIN, "exactly once", "nat never got bas's activity 4"),
    Case(takes_gaps_for_had, ELSEWHERE, "exactly once", "nat never got bas's activity"),
    Case(takes_what_comes_late_for_new, SUSPENDED, "exactly once", "bas got nat's activity 1 twice"),
    Case(hands_everything_out_twice, TALK, "exactly once", "activity 1 twice"),
    Case(client_does_not_come_back, CUT_OFF, "liveness", "nat is not logged in"),
    Case(never_answers_a_login, ALONE, "liveness", "ano is not logged in"),
    Case(never_has_left, LEAVING, "liveness", "s001 is still leaving", also=frozenset({"stories"})),
    Case(
        dials_where_others_were_first,
        MOVED,
        "liveness",
        "reaches 1 of 3 servers",
        also=frozenset({"authorship"}),
    ),
    Case(trusts_silent_links, HALF_OPEN, "liveness", "has not noticed that its connection"),
    Case(never_tries_the_disk_again, FULL, "liveness", "the disk of s000 is not up to date"),
    Case(disk_forgets("activity"), TALK, "durability", "acknowledged activity", "disk_forgets_activities"),
    Case(disk_forgets("account"), TALK, "durability", "has not got the account", "disk_forgets_accounts"),
    Case(acknowledges_before_it_is_kept, SLOW_DISK, "durability", "before it was kept"),
    Case(says_registered_and_keeps_nothing, GONE, "durability", "does not know bas"),
    Case(gives_names_to_the_later_registration, PARTED_RIVALS, "unique names", "is not the earliest registration's"),
    Case(
        drops_who_registered_later,
        PARTED_RIVALS,
        "unique names",
        "has dropped the account",
        also=frozenset({"durability"}),
    ),
    Case(writes_into_anothers_stream, TALK, "authorship", "has what nobody accepted as"),
    Case(believes_marks_beyond_the_end, TALK, "authorship", "which is beyond its end", also=frozenset({"agreement"})),
    Case(adds_to_what_others_say_of_themselves, plan(people=()), "authorship", "believes of s000 what it does not say"),
    Case(keeps_questions_that_are_answered, EXAMINED, "bounded queues", "logins being checked"),
    Case(leaves_timers_behind, BUSY, "bounded queues", "timers"),
    Case(floods_always, EXAMINED, "cost", "one activity among 3 servers"),
    Case(answers_twice_about_each_name, UNREGISTERED, "cost", "a registration among 3 servers"),
    Case(redirects_nobody, BALANCED, "balance", "the loads are"),
    Case(redirects_everybody_again_and_again, BALANCED, "balance", "was redirected 3 times"),
    Case(believes_what_servers_advertise, SOMEWHERE, "addresses", "sends client-nat to 127.0.0.1"),
    Case(passes_no_documents_on, WRITING, "documents", "do not have the same documents"),
    Case(says_kept_before_it_is, WRITING, "documents", "is kept before it was"),
    Case(tells_documents_to_others, WRITING, "documents", "not its account's"),
    Case(registers_nobody, UNREGISTERED, "liveness", "nobody can register"),
    Case(says_refused_of_what_it_keeps, ALONE, "outcome", "was refused (no); it was kept"),
    Case(refuses_before_it_keeps, SLOW_DISK, "outcome", "was accepted after it was refused"),
    Case(keeps_what_is_removed, REMOVING, "orders", "which an operator has removed"),
    Case(leaves_in_whose_account_is_closed, CLOSING, "orders", "with an account that is closed or suspended"),
    Case(
        hands_the_networks_key_to_nobody,
        REKEYED,
        "agreement",
        "do not have the same network's key",
        also=frozenset({"orders"}),
    ),
    Case(takes_each_code_again, CODED, "orders", "has taken the code of"),
    Case(
        takes_each_code_again,
        CODED_BESIDE_AN_EXPULSION,
        "orders",
        "has taken the code of",
        "takes_each_code_again_beside_an_expulsion",
    ),
    Case(rounds_numbers, ALONE, "content", "was accepted as"),
    Case(changes_what_it_passes_on, TALK, "content", "bas got nat's activity"),
    Case(believes_everybody, HASTY, "login", "before the registration had succeeded"),
    Case(refuses_known_people_for_a_while, RETURNING, "login", "and refused its login"),
    Case(lets_in_with_any_secret, CHANGED, "login", "with a secret that was another one by then"),
    Case(
        lets_in_with_any_secret,
        CHANGED_BESIDE_AN_EXPULSION,
        "login",
        "with a secret that was another one by then",
        "lets_in_with_any_secret_beside_an_expulsion",
    ),
    Case(one_server_goes_by_the_first_secret, CHANGED, "secrets", "s002 does not let nat in with the newest secret"),
    Case(says_changed_before_it_is_kept, CHANGED_SLOWLY, "durability", "told of another secret before it was kept"),
    Case(speaks_natively_to_everybody, TALK, "base protocol", "bas was sent CAUGHT_UP"),
    Case(says_what_is_no_message(False), TALK, "base protocol", "what is no message", "garbles_for_base_clients"),
    Case(says_what_is_no_message(True), TALK, "protocol", "what is no message", "garbles_for_native_clients"),
    Case(sends_activities_before_the_login, EARLY, "base protocol", "an activity before its login"),
    Case(tells_base_servers_what_they_do_not_know, WITH_BASE, "base protocol", "b0: was sent CAUGHT_UP"),
    Case(tells_base_servers_everything_twice, WITH_BASE, "base protocol", "b0: was sent an activity twice"),
    Case(keeps_secrets_from_base_servers, REGISTERING_WITH_BASE, "base protocol", "without a secret"),
    Case(speaks_before_the_base_server_has, WITH_BASE, "base protocol", "before its first announcement"),
)


def guarantees(problems: list[Violation]) -> set[str]:
    return {problem.guarantee for problem in problems}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_fault_breaks_exactly_its_guarantee(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.plant(monkeypatch)
    problems = run(case.history, config=case.settings()).problems
    assert guarantees(problems) == {case.guarantee} | case.also, problems
    assert any(case.says in problem.text for problem in problems), problems


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_history_without_the_fault_passes(case: Case) -> None:
    assert run(case.history, config=case.settings()).problems == []


def test_each_guarantee_that_is_checked_has_a_planted_fault() -> None:
    tree = ast.parse(inspect.getsource(checkers))
    found = [
        node.value.elts[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple)
    ]
    checked = {word.value for word in found if isinstance(word, ast.Constant)}
    assert len(checked) > 5
    assert checked - {case.guarantee for case in CASES} == set()
