"""Orders that are given in the application: `/order` in the line where one writes, after a question."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.client import NotConnected, OperatorSeat, OrderNotTaken, OutcomeUnknown, make_secret
from core.wire import ANONYMOUS, OrderList, code_verifier, operator_fingerprint
from tui.model.client_model import ClientModel
from tui.panes.overview import address_for_others
from tui.remembered import operator_key
from tui.screens.asking import ConfirmScreen, CopyScreen
from tui.screens.reading import ReadingScreen
from tui.text.order_list import SHORT, listed_order
from tui.text.order_words import (
    FOR_GOOD,
    REKEYED,
    STILL_HAS,
    OrderWords,
    activities_of,
    named_operands,
    parse_order,
    since_of,
    until_of,
)
from tui.text.quantities import duration_between
from tui.text.safe_text import neutralise
from tui.text.shown_paths import shown_path

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

CODE_SECONDS_MAX: Final = 30 * 86_400
LISTED_MAX: Final = 200
"""Orders that are shown; the command line lists all."""
ELSEWHERE: Final = (
    "orders are signed with a key that stays on your own machine: give them there, with `activity-tui order HOST ...`"
)
KEY_HINT: Final = "/order key shows what an operator needs to appoint you."
UNANSWERED: Final = (NotConnected, OutcomeUnknown, TimeoutError, operator_key.KeyUnusable, OSError)
"""What keeps somebody from asking a server about orders, or from hearing its answer."""


class GivingOrders:
    """What an operator orders here. `path`: where their key is, or will be; None where it has no place."""

    def __init__(self, app: ActivityApp, model: ClientModel, path: Path | None) -> None:
        self._app = app
        self._model = model
        self._path = path

    def give(self, text: str) -> None:
        """Carry a line out. Raises ValueError with a sentence for a person."""
        if self._path is None:
            raise ValueError(ELSEWHERE)
        if not self._model.online:
            raise ValueError("log in first, with your name")
        words = parse_order(text)
        if words.verb == "code":
            duration_between(60, CODE_SECONDS_MAX)(words.expires)
        self._app.spawn(self._carry_out(words))

    def begin(self, text: str) -> None:
        """Have an operator go on writing an order; tell anybody else why they cannot give one."""
        model = self._model
        if self._path is None:
            self._say(f"You cannot decide here: {ELSEWHERE}.", "warning")
        elif not model.online or model.username == ANONYMOUS:
            self._say("Only operators decide, who have names: log in with yours first (/login).", "warning")
        else:
            # At once: what they type behind the key belongs to the line.
            self._app.main.begin_line(text)
            self._app.spawn(self._look_whether_heeded(text))

    async def _look_whether_heeded(self, text: str) -> None:
        try:
            await self._shown()
        except OrderNotTaken as problem:
            self._app.call_later(self._app.main.drop_line, text)
            self._say(f"You cannot decide here: {problem}. {KEY_HINT}", "warning")
        except UNANSWERED:
            # Sending it tells.
            return

    def show_key(self) -> None:
        """The first account of the network here shows its key, as nobody else may do."""
        if self._path is not None:
            self._app.spawn(self._show_key())

    async def _show_key(self) -> None:
        try:
            await self._shown()
        except (OrderNotTaken, *UNANSWERED) as error:
            self._say(f"your key could not be shown to the server: {error}; `/order list` tries again", "warning")
            return
        if self._path is not None:
            text = f"You are the operator of this network. Keep a copy of your key: {shown_path(self._path)}"
            self._say(text, "information")

    async def _shown(self) -> tuple[OperatorSeat, OrderList]:
        """Show the key, by which the first account becomes an operator; what is in force. A key that was made for that
        is kept by operators alone."""
        path = self._path
        assert path is not None, "asked for before"
        key = await asyncio.to_thread(operator_key.own_key, path)
        seat = self._model.operator_seat(key.signer)
        try:
            return seat, await seat.orders()
        except OrderNotTaken:
            await asyncio.to_thread(key.take_back)
            raise

    async def _carry_out(self, words: OrderWords) -> None:
        try:
            if words.verb == "key":
                assert self._path is not None, "asked for before"
                signer = (await asyncio.to_thread(operator_key.own_key, self._path)).signer
                name = shlex.quote(neutralise(self._model.username or "NAME", 64))
                line = operator_key.public_line(signer)
                after = f"Who appoints you writes: /order appoint {name} KEY"
                self._show("Your public key", "An operator needs it to appoint you:", line, after)
                return
            seat, found = await self._shown()
            if words.verb == "list":
                self._list(found)
            else:
                await self._order(seat, words)
        except OrderNotTaken as problem:
            what = "The orders are not told" if words.verb == "list" else "Nothing was ordered"
            self._say(f"{what}: {problem}", "error")
        except OutcomeUnknown as problem:
            self._say(f"Whether it is ordered is not known: {problem}; /order list tells", "error")
        except UNANSWERED as problem:
            self._say(f"Nothing was ordered: {str(problem) or 'the server does not answer'}", "error")

    def _list(self, found: OrderList) -> None:
        zone = self._app.preferences.zone
        lines = [listed_order(one, found.accounts.get(one.order.target), zone) for one in found.orders[:LISTED_MAX]]
        if len(found.orders) > LISTED_MAX:
            lines.append(f"and {len(found.orders) - LISTED_MAX:,} earlier ones: `activity-tui order HOST list` has all")
        known = [
            f"{neutralise(found.accounts.get(one.claim, one.name), 64) or '?'}"
            f" {operator_fingerprint(one.key)}{' (dismissed)' if one.dismissed else ''}"
            for one in found.operators
        ]
        everything = [*(lines or ["nothing has been ordered"]), "", "operators:", *known]
        if found.suspended:
            everything.append(f"suspended: {', '.join(neutralise(one, 64) for one in found.suspended)}")
        read = [[(line, "text")] for line in everything]
        self._app.push_screen(ReadingScreen("Orders, the latest first", read, "\n".join(everything), indent=2))

    async def _order(self, seat: OperatorSeat, words: OrderWords) -> bool:
        """Ask about an order, and give it; whether it was given."""
        more, code = _words(words)
        drafted = await seat.draft(words.verb, words.target, more, words.because)
        because = f"\nWhoever it concerns is told: {words.because}" if words.because else ""
        question = f"{words.verb}: {neutralise(drafted.about, 400)}. It holds at every server.{because}"
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._app.push_screen(
            ConfirmScreen("Order", question, yes="Order", no="Leave it", comes_by_itself=True),
            lambda yes: answer.set_result(bool(yes)) if not answer.done() else None,
        )
        if not await answer:
            return False
        while True:
            given = await seat.give(drafted)
            if not drafted.left:
                break
            drafted = await seat.draft(words.verb, words.target, more, words.because)
        if code:
            self._show(
                f"A code for {neutralise(words.target, 64)}",
                "Give it to them by a way that you trust; it is good once:",
                code,
                f"With it they set another secret:\nactivity-tui passwd {self._where()} -u {shlex.quote(words.target)}"
                " --code",
            )
        else:
            undone = "" if words.verb in FOR_GOOD else f" `/order undo {given[:SHORT]}` undoes it."
            self._say(f"Ordered: {words.verb}: {neutralise(drafted.about, 200)}.{undone}", "information")
        if words.verb == "rekey":
            self._say(REKEYED, "information")
        elif words.verb == "expel":
            await self._rekey_after(seat, words)
        return True

    async def _rekey_after(self, seat: OperatorSeat, words: OrderWords) -> None:
        """Take the network's key and secret from a server that is expelled, unless the operator would rather not."""
        if "--keep-key" not in words.switches:
            with contextlib.suppress(OrderNotTaken):
                if await self._order(seat, OrderWords("rekey", because=words.because)):
                    return
        self._say(STILL_HAS, "warning")

    def _where(self) -> str:
        """What others write for a server of this network."""
        address = address_for_others(self._model)
        return shlex.quote(str(address)) if address is not None else "HOST"

    def _show(self, title: str, before: str, what: str, after: str = "") -> None:
        self._app.push_screen(CopyScreen(title, before, what, after))

    def _say(self, text: str, severity: str) -> None:
        self._app.notify(text, severity=severity, markup=False, timeout=8)  # type: ignore[arg-type]


def _words(words: OrderWords) -> tuple[tuple[str, ...], str]:
    """What goes with the target, and the code that nobody else has, if it is one."""
    match words.verb:
        case "appoint":
            return (named_operands(words.operands),), ""
        case "dismiss":
            return (("none",) if "--undo-all" in words.switches else ()), ""
        case "expel":
            return (str(since_of(words.since)), activities_of(words)), ""
        case "secret":
            return (str(until_of(words.holds, time.time())),), ""
        case "code":
            code = make_secret(random.SystemRandom())
            seconds = duration_between(60, CODE_SECONDS_MAX)(words.expires)
            return (code_verifier(code), str(int((time.time() + seconds) * 1_000_000))), code
        case _:
            return (), ""
