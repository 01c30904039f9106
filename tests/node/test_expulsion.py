"""A server that is expelled loses its place, and what it said since is not shown, until that is undone."""

from __future__ import annotations

import msgspec

from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.messages import LoginSuccess, OrderList, OrderRefused, OrderTaken
from tests.node.operators import founded, gives, shows_key
from tests.node.ordering import HELLO, bob_at, bodies, code_for, history, logs_in, posts, redeems, said, stamp_of


def expels(
    network: ScriptedNetwork, ada: ScriptedClient, server: WatchedServer | str, since: int, activities: str = "since"
) -> OrderTaken | OrderRefused:
    target = server if isinstance(server, str) else server.id
    return gives(network, ada, "ada", "expel", target, str(since), activities, because="it lies")


def test_an_expelled_server_loses_its_links_and_its_place_and_gets_no_other_link():
    network, servers, ada = founded(3)
    middle = servers[1]
    assert isinstance(expels(network, ada, middle, stamp_of(middle)), OrderTaken)
    network.run(30.0)
    assert servers[0].reachable == servers[2].reachable == {servers[0].id, servers[2].id}, "the others find each other"
    assert not middle.neighbours
    assert any("was expelled from the network by ada (it lies)" in text for text in middle.told("refused"))
    middle.join(servers[2])
    network.run(10.0)
    assert not middle.neighbours
    assert not [one for one in servers[2].node.snapshot(servers[2].now).servers if one.id == middle.id]


def test_accounts_that_came_from_an_expelled_server_since_are_suspended_and_listed_until_they_are_readmitted():
    network, servers, ada = founded(3)
    network.registered(servers[2], "before")
    network.run(5.0)
    since = stamp_of(servers[2])
    network.run(5.0)
    for name in ("after", "too"):
        network.registered(servers[2], name)
    network.run(2.0)
    inside = network.logged_in(servers[0], "after", "s")
    expels(network, ada, servers[2], since)
    network.run(2.0)
    assert inside.closed is not None and "suspended" in inside.of(wire.InvalidMessage)[0].info
    assert logs_in(network, servers[1], "before")
    assert not logs_in(network, servers[1], "after") and not logs_in(network, servers[0], "too")
    listed = shows_key(network, ada, "ada")
    assert isinstance(listed, OrderList) and sorted(listed.suspended) == ["after", "too"]
    assert isinstance(gives(network, ada, "ada", "readmit", "after"), OrderTaken)
    network.run(1.0)
    assert logs_in(network, servers[1], "after") and not logs_in(network, servers[1], "too")


def test_who_registered_a_name_in_two_parts_of_the_network_goes_on_with_the_account_that_is_not_suspended():
    network, servers, ada = founded(4)
    network.part(servers[:2], servers[2:])
    network.run(20.0)
    for server in (servers[3], servers[0]):
        network.registered(server, "bob")
        network.run(5.0)
    network.mend()
    assert network.until(network.is_one, 60.0)
    network.run(12.0)
    assert logs_in(network, servers[1], "bob")
    expels(network, ada, servers[3], 0)
    network.run(2.0)
    client = network.logged_in(servers[1], "bob", "s")
    (success,) = client.of(LoginSuccess)
    assert success.username is not None and success.username.startswith("bob") and success.username != "bob"


def test_what_an_expelled_server_accepted_since_is_not_shown_and_the_rest_as_the_operator_says():
    for activities, shown in (("since", [b"early"]), ("keep", [b"early", b"late"]), ("all", [])):
        network, servers, ada = founded(2)
        bob = bob_at(network, servers[1])
        said(network, bob, "bob", b"early", "r1")
        network.run(2.0)
        since = stamp_of(servers[1])
        network.run(2.0)
        late = said(network, bob, "bob", b"late", "r2")
        reader = network.client(servers[0], features=(*NATIVE_CLIENT, "removed"))
        reader.login()
        network.run(1.0)
        taken = expels(network, ada, servers[1], since, activities)
        assert isinstance(taken, OrderTaken)
        network.run(1.0)
        seen = history(network, servers[0])
        assert len(seen) == len(shown) and (late in seen) == (b"late" in shown)
        (told,) = reader.of(wire.ActivitiesRemoved)
        assert told.server == servers[1].id and told.by == "ada"
        gives(network, ada, "ada", "undo", taken.id)
        network.run(1.0)
        assert len(history(network, servers[0])) == 2, "it was kept"


def hiding(client: ScriptedClient) -> list[tuple[str, int, bool]]:
    return [(one.server, one.since, one.undone) for one in client.of(wire.ActivitiesRemoved)]


def test_clients_are_told_what_is_hidden_and_when_it_may_be_seen_again():
    network, servers, ada = founded(2)
    reader = network.client(servers[0], features=(*NATIVE_CLIENT, "removed"))
    reader.login()
    network.run(1.0)
    liar, since = servers[1].id, stamp_of(servers[1])
    taken = expels(network, ada, servers[1], since)
    assert isinstance(taken, OrderTaken)
    network.run(1.0)
    assert hiding(reader) == [(liar, since, False)]
    gives(network, ada, "ada", "undo", taken.id)
    network.run(1.0)
    assert hiding(reader)[1:] == [(liar, since, True)]


def test_a_client_that_comes_back_is_told_what_is_hidden_and_what_is_no_more():
    network, servers, ada = founded(3)
    since = stamp_of(servers[0])
    undone = expels(network, ada, servers[1], since)
    assert isinstance(undone, OrderTaken)
    expels(network, ada, servers[2], since, "all")
    gives(network, ada, "ada", "undo", undone.id)
    network.run(1.0)
    features = (*NATIVE_CLIENT, "removed", "place")
    back, new = (network.client(servers[0], features=features) for _ in range(2))
    back.login(have=wire.HeldEntries(1, {}))
    new.login()
    network.run(1.0)
    assert hiding(back) == [(servers[1].id, since, True), (servers[2].id, 0, False)] and not hiding(new)


def test_what_somebody_brings_of_an_expelled_server_afterwards_is_not_shown():
    network, servers, ada = founded(1)
    helper = network.peer(servers[0])
    helper.say(wire.Authenticate("network secret", id="helper", incarnation=1, features=["sync"]))
    network.run(0.5)
    reader = network.client(servers[0])
    reader.login()
    network.run(0.5)
    network.registered(servers[0], "known")
    expels(network, ada, "aaaaaaaaaaaaaaaaaaaaaaaa", stamp_of(servers[0]), "keep")
    network.run(1.0)
    now = stamp_of(servers[0])
    for node, seq in (("aaaaaaaaaaaaaaaaaaaaaaaa", 1), ("another", 1)):
        body = msgspec.Raw(b'{"text":"%b"}' % node.encode())
        helper.say(wire.ActivityBroadcast(body, id=f"{node}.1.{seq}", stamp=now, sender="known"))
    network.run(1.0)
    assert [one.id for one in reader.of(wire.ActivityBroadcast)] == ["another.1.1"]


def test_keys_and_secrets_that_an_expelled_server_has_changed_since_do_not_count():
    network, servers, ada = founded(2)
    network.registered(servers[0], "victim", "right")
    network.run(1.0)
    since = stamp_of(servers[0])
    network.run(1.0)
    liar = network.logged_in(servers[1], "victim", "right")
    liar.say(wire.ChangeSecret("right", "stolen"))
    network.run(1.0)
    inside = network.logged_in(servers[0], "victim", "stolen")
    assert not logs_in(network, servers[0], "victim", "right")
    taken = expels(network, ada, servers[1], since)
    assert isinstance(taken, OrderTaken)
    network.run(1.0)
    assert inside.closed is not None
    assert logs_in(network, servers[0], "victim", "right") and not logs_in(network, servers[0], "victim", "stolen")
    servers[0].crash()
    network.run(1.0)
    again = network.start("n000", redirects=False, founds=True)
    network.run(1.0)
    assert logs_in(network, again, "victim", "right")
    gives(network, network.logged_in(again, "ada", "hers"), "ada", "undo", taken.id)
    network.run(1.0)
    assert logs_in(network, again, "victim", "stolen")


def test_an_expulsion_that_is_undone_lets_the_server_in_again():
    network, servers, ada = founded(3)
    taken = expels(network, ada, servers[2], 0)
    assert isinstance(taken, OrderTaken)
    network.run(5.0)
    assert not servers[2].neighbours
    gives(network, ada, "ada", "undo", taken.id)
    servers[2].join(servers[1])
    network.run(20.0)
    assert network.is_one()


def test_a_server_that_hears_that_it_is_expelled_registers_nobody_until_that_is_undone():
    """The account would be suspended at once, and who has one that no other server knows would not register there."""
    network, servers, ada = founded(3)
    taken = expels(network, ada, servers[2], stamp_of(servers[2]))
    assert isinstance(taken, OrderTaken)
    network.run(3.0)
    bob = network.client(servers[2])
    bob.register("bob")
    network.run(2.0)
    (failed,) = bob.of(wire.RegisterFailed)
    assert failed.info == ("this server was expelled from the network by ada (it lies); register at another one")
    network.registered(servers[1], "bob")
    gives(network, ada, "ada", "undo", taken.id)
    servers[2].join(servers[1])
    network.run(20.0)
    network.registered(servers[2], "carol")


def test_a_server_that_hears_that_it_is_expelled_takes_nothing_that_would_count_nowhere():
    """Nothing is acknowledged that nobody is shown, or no server heeds. All are told why, and a code stays good."""
    network, servers, ada = founded(3)
    bob = bob_at(network, servers[2])
    eve = network.client(servers[2], features=())
    eve.login()
    code_for(network, ada, "ada", "the code")
    assert isinstance(expels(network, ada, servers[2], stamp_of(servers[2])), OrderTaken)
    network.run(3.0)
    why = "this server was expelled from the network by ada (it lies)"
    assert posts(network, bob, "bob") == f"{why}; write at another one"
    eve.say(wire.ActivityMessage("anonymous", HELLO))
    bob.say(wire.ChangeSecret("s", "another"))
    lost = network.client(servers[2])
    lost.say(wire.RedeemCode("ada", "the code", "found"))
    network.run(2.0)
    assert [one.info for one in eve.of(wire.AuthenticationFail)] == [f"{why}; write at another one"]
    for client in (bob, lost):
        assert [one.info for one in client.of(wire.SecretNotChanged)] == [f"{why}; try again at another one"]
    assert not bodies(servers[2])
    assert redeems(network, servers[1], "ada", "the code", "found")


def test_a_server_whose_expulsion_is_undone_comes_back_within_seconds():
    """Nobody else knows where it is any more: it asks again soon, also whoever it was told by a person to join."""
    network, servers, ada = founded(2)
    taken = expels(network, ada, servers[1], 0)
    assert isinstance(taken, OrderTaken)
    network.run(3.0)
    assert not servers[1].neighbours
    gives(network, ada, "ada", "undo", taken.id)
    assert network.until(network.is_one, 3 * servers[1].config.heal_max)


def test_a_server_that_comes_later_does_not_link_with_an_expelled_one():
    network, servers, ada = founded(2)
    expels(network, ada, servers[1], 0)
    network.run(3.0)
    late = network.start("late", servers[0], redirects=False)
    network.run(5.0)
    late.join(servers[1])
    network.run(5.0)
    assert late.neighbours == {servers[0].id}


def test_whoever_was_at_an_expelled_server_gets_what_they_missed_at_another():
    network, servers, ada = founded(3)
    network.registered(servers[0], "ann", "s")
    network.run(2.0)
    ann = network.base_client(servers[2])
    ann.login("ann", "s")
    network.run(1.0)
    expels(network, ada, servers[2], stamp_of(servers[2]))
    network.run(5.0)
    network.logged_in(servers[1]).post("missed")
    network.run(1.0)
    ann.hang_up()
    again = network.base_client(servers[0])
    again.login("ann", "s")
    network.run(1.0)
    assert ann.texts() == []
    assert again.texts() == ["missed"]
