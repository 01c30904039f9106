"""What is told of what a server has noted, in the sentences that people read."""

from __future__ import annotations

from core.stories import ServerName, Stories, sentences_of
from core.stories.story_rules import GAP
from tests.stories.noted import BEGIN, BERGEN, LATER, LUND, OSLO, TROMSO, Noting, between, only, spare, told

UNKNOWN = "Whether it crashed or is cut off is not known here: it shows when it is back."
LOADS = "this server had 5 clients, the other one 2"


def crash() -> Noting:
    """tromso is killed; oslo was linked with it."""
    return (
        Noting()
        .note(10.0, "link lost", TROMSO, why="closed")
        .servers(10.0, "lost", TROMSO)
        .note(10.0, "tree broke", gone=(between(OSLO, TROMSO),), count=1)
        .note(10.2, "tree broke", gone=(between(TROMSO, BERGEN),), taken=(spare(OSLO, BERGEN),), count=2)
        .note(10.3, "nobody there", TROMSO)
        .note(10.9, "moved", TROMSO, other=LUND, person="Dora")
        .note(11.0, "caught up", BERGEN, count=12)
        .note(12.9, "whole", count=3)
    )


def test_a_crash_is_told_with_its_cause_its_repair_who_moved_and_the_verdict() -> None:
    assert told(crash().lines) == [
        [
            "tromso crashed (its connection broke, and nothing listens there any more).",
            "The spare link oslo\N{EN DASH}bergen took over after 0.2 s.",
            "1 person moved: Dora to lund.",
            "12 missed entries came from bergen.",
            "Whole again without tromso after 0.2 s. What only it has comes when it is back.",
            "Nothing that the 3 servers in reach have is missing here.",
        ]
    ]


def test_what_is_not_known_yet_is_said_so() -> None:
    noting = Noting().note(10.0, "link lost", TROMSO, why="closed").servers(10.0, "lost", TROMSO)
    assert told(noting.lines, at=10.5) == [
        [
            f"tromso cannot be reached: the connection broke. {UNKNOWN}",
            "It is going on.",
        ]
    ]


def test_who_comes_back_in_another_start_had_crashed() -> None:
    noting = (
        Noting()
        .note(10.0, "link lost", TROMSO, why="silent")
        .servers(10.0, "lost", TROMSO)
        .servers(40.0, "back anew", TROMSO)
        .note(42.0, "whole", count=4)
    )
    assert told(noting.lines)[0][0] == "tromso crashed (it has come back in another start)."
    assert "Whole again after 30 s." in told(noting.lines)[0]


def test_who_comes_back_in_the_same_start_was_cut_off_or_stood_still() -> None:
    noting = Noting().servers(10.0, "lost", TROMSO, LUND).servers(22.0, "back", LUND, TROMSO)
    assert told(noting.lines)[0][0] == (
        "tromso and lund could not be reached for 12 s and went on in the same start: cut off from here, or standing"
        " still."
    )


def test_two_losses_that_begin_together_are_one_incident_and_later_ones_another() -> None:
    noting = Noting().servers(10.0, "lost", TROMSO).servers(12.0, "lost", LUND)
    assert len(noting.stories) == 1
    noting.servers(12.0 + GAP + 1.0, "lost", BERGEN)
    assert [[part.party.name for part in one.missing] for one in noting.stories] == [["tromso", "lund"], ["bergen"]]


def test_who_is_back_ends_the_incident_in_which_it_was_lost_however_much_later() -> None:
    noting = Noting().servers(10.0, "lost", TROMSO).servers(20.0, "lost", LUND).servers(900.0, "back anew", TROMSO)
    first, second = noting.stories
    assert not first.missing
    assert second.missing


def test_a_server_that_leaves_is_no_outage_although_its_links_end_first() -> None:
    noting = (
        Noting()
        .note(10.0, "tree broke", gone=(between(BERGEN, TROMSO),), count=1)
        .note(10.1, "left", TROMSO, other=LUND)
        .note(10.2, "moved", TROMSO, other=LUND, person="Dora")
        .note(12.2, "whole", count=3)
    )
    assert only(noting).kind == "quit"
    assert told(noting.lines)[0][:2] == [
        "tromso leaves on purpose; lund takes its place.",
        "It has left after 0.1 s.",
    ]


def test_a_link_that_breaks_while_everybody_stays_in_reach_is_told_as_that() -> None:
    noting = Noting().note(10.0, "link lost", LUND, why="silent").note(12.0, "whole", count=4)
    assert told(noting.lines)[0][:2] == [
        "The link with lund broke: no answer came any more.",
        "Everybody stayed in reach.",
    ]


def test_that_everybody_stayed_in_reach_is_said_only_once_nothing_more_changes() -> None:
    noting = Noting().note(10.0, "link lost", TROMSO, why="closed")
    assert told(noting.lines, at=10.1) == [["The link with tromso broke: the connection broke.", "It is going on."]]
    noting.servers(10.4, "lost", TROMSO)
    assert all("stayed" not in text for text in told(noting.lines, at=60.0)[0])


def test_a_registration_is_told_with_each_vote_and_its_outcome() -> None:
    claim = "oooooo.1.1"
    noting = (
        Noting()
        .note(1.000, "asked", OSLO, person="ada", claim=claim, count=1)
        .note(1.020, "vote", LUND, person="ada", claim=claim, why="allowed", count=2)
        .note(1.025, "registered", OSLO, person="ada", claim=claim, count=3, messages=4)
    )
    assert told(noting.lines) == [
        [
            "ada asks for the name at oslo.",
            "lund and 1 server behind it allowed it after 20 ms.",
            "The name ada is registered after 25 ms: all 3 servers allowed it, with 4 messages.",
        ]
    ]


def test_two_registrations_at_once_are_two_incidents() -> None:
    noting = Noting()
    for number in (1, 2):
        noting.note(1.0, "asked", OSLO, person=f"ada{number}", claim=f"oooooo.1.{number}")
    noting.note(1.1, "not registered", OSLO, person="ada1", claim="oooooo.1.1", why="denied")
    first, second = noting.stories
    assert (first.over, second.over) == (True, False)


def test_people_who_are_sent_on_within_seconds_are_one_incident() -> None:
    noting = Noting()
    for number in range(3):
        noting.note(1.0 + number, "redirected", OSLO, other=LUND, person=f"p{number}", loads=(5, 2))
    assert told(noting.lines) == [
        [
            f"3 people were sent on to a server with less to do: {LOADS}. p0 to lund, p1 to lund, p2 to lund.",
        ]
    ]


def test_a_storm_makes_one_story_that_says_how_many() -> None:
    """Half of a thousand servers die: their going is noted bit by bit, the first of each bit by name."""
    noting = Noting()
    for second in range(20):
        named = tuple(ServerName(f"{second}.{one}", f"s{second}.{one}") for one in range(8))
        noting.note(10.0 + second * 0.25, "lost", servers=named, count=25)
        links = tuple(between(named[one], named[one + 1]) for one in range(4))
        noting.note(10.1 + second * 0.25, "tree broke", gone=links, taken=links[:2], count=40)
    noting.note(17.0, "whole", count=500)
    incident = only(noting)
    sentences = sentences_of(incident, BEGIN + 60_000_000)
    assert "Other links have taken the places of those that were lost." in sentences
    assert len(sentences) < 8 and not any("took over" in text for text in sentences)
    assert incident.missing_count == 500
    assert "and 496 other servers" in sentences_of(incident, BEGIN + 60_000_000)[0]


def test_when_the_witness_ends_itself_its_stories_end_and_say_so() -> None:
    noting = Noting().servers(10.0, "lost", TROMSO)
    restarted = Noting().note(0.5, "started", OSLO, count=3)
    stories = Stories([*noting.lines, *restarted.lines])
    first, second = stories
    assert sentences_of(first, BEGIN + 10**9)[-1].startswith("Then this server itself ended")
    assert second.kind == "start"


def test_spans_are_told_by_the_monotonic_clock_although_the_other_one_leaps() -> None:
    noting = Noting().servers(10.0, "lost", TROMSO).servers(12.0, "back", TROMSO)
    lost, back = noting.lines
    leapt = type(back)(
        back.stamp + 120_000_000, back.number, back.tick, back.witness, back.kind, None, None, back.servers
    )
    assert "for 2.0 s" in told([lost, leapt])[0][0]
    assert LATER > GAP
