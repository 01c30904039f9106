"""Whom a command talks to: the network that is known at an address, or that somebody decides to know there.

As SSH does with hosts: what was seen once is known from then on, and another one there is refused. With servers of a
known network alone is it talked, encrypted, wherever they send the command; `--plain` talks to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from core.certificates import Approval
from core.client import NetworkTrust, SpeaksInClear, Unreachable, ask
from core.wire import Address
from tui.cli.chosen_settings import ChosenSettings
from tui.cli.command_client import FIND_LIMIT, unreachable
from tui.cli.console import ask_line, say
from tui.cli.loop import run_until_interrupted
from tui.remembered import known_networks
from tui.remembered.known_networks import KnownNetworks
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error

IN_CLEAR: Final = "in clear: whoever is on the way can read and change what is said there, secrets too"


class TrustChoice(NamedTuple):
    """Whom a command talks to."""

    network: NetworkTrust | None
    """None: whoever listens, in clear."""
    is_new: bool = False
    """Whether the network was met just now, for the first time, and nobody has decided to know it."""


def trust_of(choices: ChosenSettings, address: Address) -> NetworkTrust | None:
    """The network whose servers a command talks to, that was named by an address; None: it talks in clear. Who is at
    the terminal is asked about one that is met for the first time. Raises CommandFailed."""
    trust = met_trust(choices, address)
    if trust.is_new:
        assert trust.network is not None
        _decide(address, trust.network.fingerprint)
    return trust.network


def met_trust(choices: ChosenSettings, address: Address) -> TrustChoice:
    """The same for who asks in another way. Raises CommandFailed."""
    said = choices.value("network")
    if choices.value("plain"):
        if said is not None:
            raise usage_error(
                "--plain talks to whoever listens, and --network to one network's servers: say one of them"
            )
        say(f"{address} is talked to {IN_CLEAR}")
        return TrustChoice(None)
    known, is_new = _known(), False
    network = str(said) if said is not None else known.at(address) if known is not None else None
    if network is None:
        network, is_new = _met(known, address)
        if is_new and choices.value("accept_new"):
            say(f"{address} is of the network {network}, which is known from now on")
            is_new = False
    seen = known is not None and known.at(address) == network
    return TrustChoice(remembered_trust(network, known, () if seen else (address,)), is_new)


def remembered_trust(
    network: str,
    known: KnownNetworks | None,
    unseen: tuple[Address, ...] = (),
    warn: Callable[[str], None] = say,
) -> NetworkTrust:
    """A network that is known from when one of its servers is met at one of the `unseen` addresses, and under which key
    it goes on."""
    waiting = set(unseen)

    def met(address: Address) -> None:
        if known is not None and address in waiting:
            waiting.discard(address)
            _kept(lambda: known_networks.enter(known.path, trust.fingerprint, (address,)), known, warn)

    def succeeded(old: str, new: str) -> None:
        whose = "as its operator has ordered" if trust.approved is not None else "as it says itself"
        warn(f"the key of the network {old} was succeeded by {new}, {whose}: that one is known from now on")
        if known is not None:
            _kept(lambda: known_networks.succeed(known.path, old, new), known, warn)

    def approved(which: str, approval: Approval) -> None:
        if known is not None:
            _kept(lambda: known_networks.approve(known.path, which, approval), known, warn)

    trust = NetworkTrust(
        network,
        on_met=met,
        on_succeeded=succeeded,
        approved=known.approved(network) if known is not None else None,
        on_approved=approved,
    )
    return trust


def _known() -> KnownNetworks | None:
    """What the person knows; None where there is no place to remember it. Raises CommandFailed."""
    file = known_networks.path()
    if file is None:
        return None
    try:
        return KnownNetworks(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise usage_error(
            f"which networks you know cannot be read: {file}: {reason}", hint="Mend that file, or move it away."
        ) from None


def _met(known: KnownNetworks | None, address: Address) -> tuple[str, bool]:
    """The network that is met at an address for the first time, and whether it is not known from elsewhere either.
    Raises CommandFailed."""
    try:
        leaf = run_until_interrupted(lambda: ask(address, FIND_LIMIT))
    except SpeaksInClear as error:
        raise CommandFailed(
            ExitStatus.REFUSED,
            f"{address} cannot be talked to: {error}",
            hint="It may be a server of an earlier version, or one of the base protocol, or none. --plain talks to it"
            " in clear: whoever is on the way can read and change what is said then.",
        ) from None
    except Unreachable as error:
        raise unreachable(address, str(error)) from None
    if known is not None:
        followed = next((one for _, one in known.entries() if leaf.is_of(one, known.approved(one))), None)
        if followed is not None:
            return followed, False
    return leaf.fingerprint, True


def _decide(address: Address, network: str) -> None:
    """Have who is at the terminal decide whether to know a network. Raises CommandFailed unless they do."""
    answer = _answer(address, network)
    if answer is None:
        raise CommandFailed(
            ExitStatus.REFUSED,
            f"{address} is not known yet: it is of the network {network}",
            hint=f"--network {network} knows it from now on, if that is the one that you mean; --accept-new takes"
            " whichever network is met at an address first.",
        )
    if not answer:
        raise CommandFailed(ExitStatus.REFUSED, f"you do not know the network {network}: nothing was said to {address}")


def _answer(address: Address, network: str) -> bool | None:
    """Ask whether it is the right network; None when nobody can be asked."""
    question = (
        f"{address} is not known yet. It is a server of the\n"
        f"    network {network}\n"
        "Any server of the network tells that: on its screen (F8), in its log, and in `activity-tui status`.\n"
        "Is it the one that you mean (yes, no, or type what it should be)? "
    )
    while (typed := ask_line(question)) is not None:
        word = typed.strip().lower()
        if word in ("yes", network):
            return True
        if word == "no" or len(word) == len(network):
            return False
        question = "Please answer yes or no, or type the network: "
    return None


def _kept(write: Callable[[], None], known: KnownNetworks, warn: Callable[[str], None]) -> None:
    try:
        write()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        warn(f"the network cannot be remembered: {known.path}: {reason}")
