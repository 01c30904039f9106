"""`order`: what an operator decides for the whole network, signed with their key."""

from __future__ import annotations

import argparse
import json
import random
import shlex
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from core.client import (
    Client,
    ClientEvent,
    ClientSettings,
    NetworkTrust,
    NotConnected,
    OperatorSeat,
    OrderNotTaken,
    OutcomeUnknown,
    make_secret,
)
from core.wire import Address, Ed25519Signer, ListedOrder, OrderList, code_verifier, operator_fingerprint
from tui.cli import values
from tui.cli.command_client import script_client
from tui.cli.console import put, say
from tui.cli.inputs import Who, address_of, choices_of, credentials, operator_at
from tui.cli.loop import run_until_interrupted
from tui.cli.remembering import keep_operator
from tui.cli.trusting import trust_of
from tui.remembered import directories, operator_key
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.script.script_grammar import seconds_of
from tui.text.order_list import SHORT, listed_order
from tui.text.order_words import (
    FOR_GOOD,
    REKEYED,
    STILL_HAS,
    SWITCHES,
    OrderWords,
    activities_of,
    check_words,
    named_operands,
    since_of,
    until_of,
)
from tui.text.quantities import duration_between
from tui.text.safe_text import neutralise

CODE_SECONDS_MAX: Final = 30 * 86_400


class OrderWish(NamedTuple):
    """An order that is wanted."""

    target: str
    words: tuple[str, ...] = ()
    code: str = ""
    """What is told in the place of the order's id: nobody else has it."""


def _wish(words: OrderWords) -> OrderWish:
    """What is asked of the server. Raises CommandFailed."""
    if words.verb == "appoint":
        key = named_operands(words.operands)
        if not key.startswith("ssh-"):
            key = operator_key.words_file(values.path(key)) or key
        return OrderWish(words.target, (key,))
    if words.verb == "dismiss":
        return OrderWish(words.target, ("none",) if "--undo-all" in words.switches else ())
    if words.verb == "expel":
        return OrderWish(words.target, (str(since_of(words.since)), activities_of(words)))
    if words.verb == "code":
        try:
            seconds = duration_between(60, CODE_SECONDS_MAX)(words.expires)
        except ValueError as error:
            raise usage_error(f"--expires: {error}") from None
        code = make_secret(random.SystemRandom())
        return OrderWish(words.target, (code_verifier(code), str(int((time.time() + seconds) * 1_000_000))), code)
    if words.verb == "secret":
        return OrderWish("", (str(until_of(words.holds, time.time())),))
    return OrderWish(words.target)


def run(arguments: argparse.Namespace) -> int:
    return carry_out(_read(arguments), arguments)


def carry_out(words: OrderWords, arguments: argparse.Namespace) -> int:
    """Order what some words say, with what else the command was given. Raises CommandFailed."""
    path = _key_path(arguments.key)
    if words.verb == "key":
        key = _own_key(path)
        _tell_of_made(key)
        return _tell_key(key.signer)
    _check_key(path)
    address, seconds, choices = address_of(arguments), seconds_of(arguments), choices_of(arguments)
    wish = _wish(words)
    who = credentials(choices, address, operator_at(choices, address))
    ordering = _Ordering(who, address, trust_of(choices, address), seconds, path)
    rekeys = words.verb == "expel" and "--keep-key" not in words.switches
    try:
        if words.verb == "list":
            status = run_until_interrupted(lambda: ordering.list(as_json=arguments.json))
        else:
            status = run_until_interrupted(
                lambda: ordering.give(words.verb, wish, words.because, as_json=arguments.json, rekeys=rekeys)
            )
    except OrderNotTaken as problem:
        what = "the orders are not told" if words.verb == "list" else "nothing was ordered"
        raise CommandFailed(
            ExitStatus.REFUSED, f"{what}: {neutralise(str(problem), 400)}", hint=ordering.hint
        ) from None
    except NotConnected as problem:
        raise CommandFailed(ExitStatus.UNREACHABLE, f"nothing was ordered: {problem}") from None
    except OutcomeUnknown as problem:
        raise CommandFailed(
            ExitStatus.FAILURE,
            f"whether it is ordered is not known: {problem}",
            hint=f"`activity-tui order {address} list` tells.",
        ) from None
    keep_operator(choices, address, who.user)
    return status


def _read(arguments: argparse.Namespace) -> OrderWords:
    flags = {flag: flag[2:].replace("-", "_") for flag in SWITCHES}
    words = OrderWords(
        arguments.verb,
        tuple(arguments.operands),
        arguments.because,
        arguments.since,
        arguments.expires,
        frozenset(flag for flag, name in flags.items() if getattr(arguments, name)),
        arguments.holds,
    )
    try:
        check_words(words)
    except ValueError as error:
        raise usage_error(str(error), hint="`activity-tui order --help` tells what can be ordered.") from None
    return words


def _key_path(given: str | None) -> Path:
    if given is not None:
        return values.path(given)
    path = operator_key.usual_path(directories.data_dir())
    if path is None:
        raise usage_error("there is no home directory in which your key could be: --key FILE names it")
    return path


def _own_key(path: Path) -> operator_key.OwnKey:
    """The operator's key; it is made where there is none."""
    try:
        return operator_key.own_key(path)
    except operator_key.KeyUnusable as problem:
        raise CommandFailed(ExitStatus.USAGE, str(problem)) from None
    except OSError as error:
        raise CommandFailed(ExitStatus.FAILURE, f"{path} cannot be written: {error.strerror or error}") from None


def _check_key(path: Path) -> None:
    """A key that cannot be used is told before anything else is done. Raises CommandFailed."""
    try:
        operator_key.signer_of(path)
    except operator_key.KeyUnusable as problem:
        raise CommandFailed(ExitStatus.USAGE, str(problem)) from None


def _tell_of_made(key: operator_key.OwnKey) -> None:
    if key.is_new:
        say(f"A key was made for you, with which you sign orders: {key.path}. Only you can read it; keep a copy of it.")


def _tell_key(signer: Ed25519Signer) -> int:
    put(operator_key.public_line(signer))
    say(f"That is your public key, {operator_fingerprint(signer.key)}. Who appoints you needs it:")
    say(f"activity-tui order HOST appoint YOUR-NAME {shlex.quote(operator_key.public_line(signer))}")
    return ExitStatus.DONE


class _Ordering:
    """An operator's connection to a server, for one command."""

    def __init__(self, who: Who, address: Address, trust: NetworkTrust | None, seconds: float, path: Path) -> None:
        """`path`: where the operator's key is, or will be if the server takes them for one."""
        self._who, self._address, self._trust, self._seconds = who, address, trust, seconds
        self._path = path
        self.hint = ""
        """What to do if the server does not do what was asked for."""

    def _client(self) -> Any:
        who = self._who
        settings = ClientSettings(
            username=who.user, secret=who.secret, follow_redirects=False, reconnect=False, history=0
        )
        return script_client(settings, self._address, _ignore, self._trust, hint=who.hint)

    async def _shown(self, client: Client) -> tuple[OperatorSeat, OrderList]:
        """Show the key, by which the first operator of a network becomes it; what is in force."""
        key = _own_key(self._path)
        seat = OperatorSeat(client, key.signer)
        try:
            found = await seat.orders()
        except OrderNotTaken:
            key.take_back()
            self.hint = (
                f"`activity-tui order {self._address} key` makes your key, and prints what who appoints you needs."
                if key.is_new
                else f"The key that was shown is {operator_fingerprint(key.signer.key)}, of {key.path}."
            )
            raise
        except BaseException:
            # The server may have it.
            _tell_of_made(key)
            raise
        _tell_of_made(key)
        return seat, found

    async def give(self, kind: str, wish: OrderWish, because: str, *, as_json: bool, rekeys: bool = False) -> int:
        """`rekeys`: the network gets another key as well."""
        async with self._client() as client:
            await client.wait_logged_in(self._seconds)
            seat, _ = await self._shown(client.client)
            while True:
                given, left = await self._give_one(seat, kind, wish, because, as_json=as_json)
                if not left:
                    break
            if wish.code:
                name = shlex.quote(neutralise(wish.target, 64))
                say(f"Whose it is sets another secret with: activity-tui passwd {self._address} -u {name} --code")
            if kind not in FOR_GOOD:
                say(f"`activity-tui order {self._address} undo {given[:SHORT]} -u {self._who.user}` undoes it.")
            if rekeys:
                await self._rekey_after(seat, because, as_json=as_json)
            elif kind == "expel":
                say(STILL_HAS)
            if kind == "rekey":
                say(REKEYED)
        return ExitStatus.DONE

    async def _give_one(
        self, seat: OperatorSeat, kind: str, wish: OrderWish, because: str, *, as_json: bool
    ) -> tuple[str, int]:
        """The order's id, and how many more are needed."""
        drafted = await seat.draft(kind, wish.target, wish.words, because)
        given = await seat.give(drafted)
        if as_json:
            told = {"id": given, "kind": kind, "target": drafted.order.target, "about": drafted.about}
            put(json.dumps(told | ({"code": wish.code} if wish.code else {})))
        else:
            put(wish.code or given)
            say(f"Ordered: {kind}: {neutralise(drafted.about, 400)}.")
        return given, drafted.left

    async def _rekey_after(self, seat: OperatorSeat, because: str, *, as_json: bool) -> None:
        """Take the network's key and secret from a server that is expelled."""
        try:
            await self._give_one(seat, "rekey", OrderWish(""), because, as_json=as_json)
        except OrderNotTaken as problem:
            say(f"The network keeps its key: {neutralise(str(problem), 300)}.")
            say(STILL_HAS)
        else:
            say(REKEYED)

    async def list(self, *, as_json: bool) -> int:
        async with self._client() as client:
            await client.wait_logged_in(self._seconds)
            _, found = await self._shown(client.client)
        if as_json:
            put(
                json.dumps(
                    {
                        "network": found.network,
                        "operators": [
                            {
                                "name": found.accounts.get(one.claim, one.name),
                                "key": operator_fingerprint(one.key),
                                "rank": one.rank,
                                "dismissed": one.dismissed,
                            }
                            for one in found.operators
                        ],
                        "suspended": found.suspended,
                        "orders": [_as_json(one, found.accounts.get(one.order.target)) for one in found.orders],
                    }
                )
            )
            return ExitStatus.DONE
        for one in reversed(found.orders):
            put(listed_order(one, found.accounts.get(one.order.target)))
        if found.suspended:
            names = ", ".join(neutralise(one, 64) for one in found.suspended)
            say(f"suspended, because they come from an expelled server: {names}; readmit lets one in")
        for operator in found.operators:
            what = "was an operator" if operator.dismissed else "is an operator"
            where = " by this server's own settings" if operator.is_named_here and not operator.rank else ""
            name = neutralise(found.accounts.get(operator.claim, operator.name), 64) or "somebody"
            say(f"{name} {what}{where}, with the key {operator_fingerprint(operator.key)}")
        if not found.orders:
            say("nothing has been ordered")
        return ExitStatus.DONE


def _as_json(one: ListedOrder, name: str | None) -> dict[str, object]:
    order = one.order
    return {
        "id": one.id,
        "at": order.stamp / 1_000_000,
        "by": order.by,
        "kind": order.kind,
        "target": order.target,
        "name": name or order.name,
        "because": order.because,
        "undone_by": one.undone or None,
        "used": one.used,
    }


def _ignore(event: ClientEvent) -> None:
    """Nothing else concerns this command."""
