"""Lies about people: what they wrote, whose a name is, and whether it is free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.randomness import pick
from core.simulation.environment.verifiers import verifier_of
from core.simulation.parties.lying_server import LyingServer
from core.simulation.parties.telling_lies import BODY, Lie, goes_by, say_all, told
from core.wire import messages as wire
from core.wire.account_votes import Vote, vote_digest
from core.wire.entries import SecretChange, change_as_key
from core.wire.messages import Message


def _posts_in_their_names(liar: LyingServer) -> None:
    """It says that people wrote what they did not, behind something that nobody has."""
    names = sorted({entry.username for entry in liar.memory.accounts()})
    told(
        liar,
        "posts in others' names",
        [
            wire.ActivityBroadcast(
                BODY, id=liar.next_id(), stamp=liar.stamp(), sender=name, previous=f"{liar.id}.1.{liar.next_number()}"
            )
            for name in names
        ],
    )


def _taken_refs(liar: LyingServer) -> None:
    """It gives what it makes up the names that people's clients give to what they write next."""
    found: dict[str, str] = {}
    for entry in liar.memory.activities():
        if entry.sender and entry.ref is not None:
            found[entry.sender] = entry.ref
    messages: list[Message] = []
    for sender, ref in sorted(found.items()):
        word, _, number = ref.rpartition("-")
        messages += [
            wire.ActivityBroadcast(
                BODY, id=liar.next_id(), stamp=liar.stamp(), sender=sender, ref=f"{word}-{int(number) + ahead}"
            )
            for ahead in (range(1, 20) if number.isdigit() else ())
        ]
    told(liar, "taken refs", messages)


def _account(
    liar: LyingServer, username: str, claimed_at: int, claim: str, voter: HashSigner | None = None
) -> wire.Account:
    verifier = verifier_of("the liar's secret", "00000000000000ff")
    account = wire.Account(liar.next_id(), liar.stamp(), username, verifier, claimed_at, claim)
    if voter is None:
        return account
    digest = vote_digest(username, verifier, claimed_at, claim, claimed_at)
    return msgspec.structs.replace(account, vote=Vote(voter.key, claimed_at, voter.sign(digest)))


def _long_ago(liar: LyingServer) -> int:
    return 1 + pick(liar.rng, 1000)


def _backdated_registrations(liar: LyingServer) -> None:
    """It says that names that others have were registered long before: at its own server, at somebody else's, or at one
    that there is not. All that it can sign by itself is there."""
    found = []
    for entry in liar.memory.accounts():
        where = (liar.id, entry.claim.partition(".")[0], f"{liar.name}made{liar.next_number()}up")[pick(liar.rng, 3)]
        voter = liar.signer if pick(liar.rng, 2) else None
        claim = f"{where}.1.{1_000_000 + liar.next_number()}"
        found.append(_account(liar, entry.username, _long_ago(liar), claim, voter))
    told(liar, "backdated registrations", found)


def _made_up_voters(liar: LyingServer) -> None:
    """It says that names that others have were registered at its own server, long before, and were allowed by another
    one, of which it has made up the key."""
    voter = HashSigner(b"made up by " + liar.name.encode())
    found = []
    for entry in liar.memory.accounts():
        claim = f"{liar.id}.1.{liar.next_number()}"
        found.append(_account(liar, entry.username, _long_ago(liar), claim, voter))
    told(liar, "made-up voters", found)


def _rewritten_registrations(liar: LyingServer) -> None:
    """It tells others' registrations anew: the same claim, with another secret and an earlier date."""
    told(
        liar,
        "rewritten registrations",
        [_account(liar, entry.username, entry.claimed_at - 1, entry.claim) for entry in liar.memory.accounts()],
    )


def _changed_secrets(liar: LyingServer) -> None:
    """It says that people have given their accounts another secret."""
    verifier = verifier_of("the liar's secret", "00000000000000ee")
    messages = []
    for entry in liar.memory.accounts():
        change = SecretChange(liar.stamp(), f"{liar.id}.{liar.incarnation}.{liar.next_number()}", verifier)
        messages.append(
            msgspec.structs.replace(entry, id=liar.next_id(), stamp=liar.stamp(), key=change_as_key(change))
        )
    told(liar, "changed secrets", messages)


def _invented_accounts(liar: LyingServer) -> None:
    """It registers thousands of names that nobody wants."""
    messages = [
        _account(liar, f"nobody {liar.name} {number}", liar.stamp(), f"{liar.id}.2.{number}")
        for number in liar.next_numbers()
    ]
    say_all(liar, "invented accounts", messages)


# --- whether a name is free -----------------------------------------------------------------------------------------


def _unasked_answers(liar: LyingServer) -> None:
    """It answers questions about names that it was not asked, or not any more, and gives up others' claims."""
    asked = [message for message in liar.memory.heard if isinstance(message, wire.LockRequest)]
    messages: list[Message] = []
    for message in asked:
        for number in (message.round or 1, (message.round or 1) + 1):
            messages += [
                wire.LockAllowed(message.username, claim=message.claim, round=number, count=1000),
                wire.LockDenied(message.username, claim=message.claim, round=number, info="unasked"),
            ]
        messages.append(wire.LockRelease(message.username, message.claim or ""))
    for record in liar.memory.honest():
        for number in range(1, 4):
            claim = f"{record.id}.{record.incarnation}.{number}"
            messages += [
                wire.LockAllowed("anybody", claim=claim, round=1, count=1000),
                wire.LockDenied("anybody", claim=claim, round=1, info="unasked"),
            ]
    told(liar, "unasked answers", messages)


def _too_many_allow(liar: LyingServer) -> None:
    """It answers that a thousand servers allow a name."""
    goes_by(liar, "too many allow")


def _refused_names(liar: LyingServer) -> None:
    """It says of every name that somebody has it."""
    goes_by(liar, "refused names")


def _silent_voters(liar: LyingServer) -> None:
    """It never says whether a name is free."""
    goes_by(liar, "silent voters")


def _claims_for_ever(liar: LyingServer) -> None:
    """It asks for thousands of names that it never takes and never gives up."""
    messages = [
        wire.LockRequest(
            f"wanted {liar.name} {number}",
            claim=f"{liar.id}.{liar.incarnation}.{number}",
            round=1,
            stamp=liar.stamp(),
            verifier=verifier_of("x", "00000000000000dd"),
        )
        for number in liar.next_numbers()
    ]
    say_all(liar, "claims for ever", messages)


LIES_ABOUT_PEOPLE: Final[Mapping[str, Lie]] = {
    "posts in others' names": _posts_in_their_names,
    "taken refs": _taken_refs,
    "backdated registrations": _backdated_registrations,
    "made-up voters": _made_up_voters,
    "rewritten registrations": _rewritten_registrations,
    "changed secrets": _changed_secrets,
    "invented accounts": _invented_accounts,
    "unasked answers": _unasked_answers,
    "too many allow": _too_many_allow,
    "refused names": _refused_names,
    "silent voters": _silent_voters,
    "claims for ever": _claims_for_ever,
}
