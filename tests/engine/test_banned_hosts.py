"""Banned addresses: cut at their arrival, but for a few a second who are told why."""

from __future__ import annotations

from core.engine.arrivals.banned_hosts import TOLD_AT_ONCE, BannedHosts


def test_nobody_is_banned_before_operators_say_so() -> None:
    assert "203.0.113.9" not in BannedHosts() and not BannedHosts().cuts("203.0.113.9")


def test_addresses_are_banned_in_any_form_and_no_others() -> None:
    banned = BannedHosts()
    banned.become(["203.0.113.0/24", "2001:db8::/64"])
    for host in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::7", "2001:db8::7%eth0"):
        assert host in banned, host
    for host in ("203.0.114.9", "2001:db8:0:1::7", "", "somewhere.example", "/run/socket"):
        assert host not in banned, host
    banned.become([])
    assert "203.0.113.9" not in banned


def test_of_many_who_come_from_there_a_few_get_as_far_as_being_told_why() -> None:
    now = 0.0
    banned = BannedHosts(lambda: now)
    banned.become(["203.0.113.0/24"])
    assert sum(not banned.cuts("203.0.113.9") for _ in range(1000)) == TOLD_AT_ONCE
    now = 1.0
    assert sum(not banned.cuts("203.0.113.9") for _ in range(1000)) == 2
    assert not banned.cuts("203.0.114.1")
