"""Admission: two servers that know the same secret become of one network, and nobody else learns anything by it.

Who dials has looked at the certificate that the other side shows, and shows none itself. Both agree on a key by the
secret (`core.wire.key_agreement_proofs`), in three steps:

1. the dialling side sends its share of the key, which says nothing about the secret;
2. the answering side sends its own, and the proof that it has agreed on the key. So who only pretends to be a server of
   the network has to commit itself first, and learns from its one guess no more than that it was wrong;
3. the dialling side, which knows now to whom it speaks, proves it too, and one of both hands over its network's key.

Until then neither believes or tells anything. An answer without a proof that fits counts as a wrong secret, at either
side: who asks is slowed by its address, as with all secrets, and who is asked is not asked again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from core.certificates.leaf import ShownLeaf
from core.node.accounts.attempts import Attempts
from core.node.interface.actions import AgreeOnKey, UseInvitation
from core.node.interface.events import InvitationUsed, KeyAgreed
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.orders.network_changes import NetworkChanges
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership, age_of, as_kept
from core.wire.invitations import Invited, code_id
from core.wire.key_agreement_proofs import (
    AnswerersWord,
    DiallersWord,
    answering_identity,
    dialling_identity,
    proof_of_answering,
    proof_of_dialling,
    returning_digest,
)
from core.wire.messages import (
    EARLIER_MAX,
    AdmissionGranted,
    AdmissionProof,
    AdmissionRequest,
    AdmissionShare,
    AuthenticationFail,
    EarlierShare,
    ServerRefused,
)
from core.wire.signed_orders import SignedOrder

NOT_THE_SECRET: Final = "the secret is not this network's"
JUST_CHANGED: Final = "this server has just become one of another network; ask again"
NOT_YET: Final = (
    "this server was away when the network got another key, and does not know yet who is left out; ask again"
)
OPERATORS_DECIDE: Final = (
    "both networks have operators, who decide which key each has: start a server anew to have it be of the other one"
)
NOT_GOOD: Final = "the invitation has been used or has expired, or it was not given out here"


class _Asked:
    """Somebody asks to be admitted."""

    __slots__ = ("earlier", "invitation", "key", "keys", "left", "order", "request", "told", "word")

    def __init__(self, request: AdmissionRequest) -> None:
        self.request = request
        self.invitation = request.invitation or ""
        """The id of a code that it says it knows; "": it says that it knows the secret."""
        self.key: bytes | None = None
        """What both have agreed on, by the secret that the other side knows, or else by the present one; None: it is
        being computed."""
        self.keys: list[bytes] = []
        """The same by each of the secrets that hold, the present one first."""
        self.earlier: list[EarlierShare] = []
        self.left: list[str] = []
        """Secrets that are left to be agreed by."""
        self.order: SignedOrder | None = None
        """By which the other side's network has its key."""
        self.told: AnswerersWord | None = None
        """What this node has said of its own network."""
        self.word: DiallersWord | None = None
        """What the other side has said and proved, while its invitation is being used."""


class _Asking:
    """This node asks to be admitted."""

    __slots__ = ("answer", "hands", "invited", "kept", "left", "returns", "server", "shown", "word")

    def __init__(self, shown: ShownLeaf, invited: Invited | None, *, returns: bool, hands: bool) -> None:
        self.invited = invited
        self.shown = shown
        self.returns = returns
        """Whether the other side is of this network, which has another key there."""
        self.hands = hands
        """Whether it is the other side that knows an older one."""
        self.left: list[EarlierShare] = []
        """By which of the other side's earlier secrets it may have agreed, if not by its present one."""
        self.server = shown.server
        """The public key of whom it asks."""
        self.kept: bytes | None = None
        """What is kept of the own share until the other one is there."""
        self.answer: AdmissionShare | None = None
        self.word: DiallersWord | None = None
        """What this node has said of its own network."""


class Admission:
    """Admits servers, and has this node admitted."""

    def __init__(
        self,
        context: Context,
        known_keys: KnownKeys,
        membership: Membership,
        changes: NetworkChanges,
        attempts: Attempts,
    ) -> None:
        self._context = context
        self._changes = changes
        self._known_keys = known_keys
        self._membership = membership
        self._attempts = attempts
        self._asked: dict[int, _Asked] = {}
        """By connection."""
        self._asking: dict[int, _Asking] = {}
        self._using: dict[int, Connection] = {}
        """Whose invitation is being used, by token."""
        self._computing: dict[int, tuple[Connection, Callable[[KeyAgreed], None]]] = {}
        """What is being computed, for whom, and what is done with it, by token."""
        self.on_admitted: Callable[[Link], None] = lambda link: None
        """Told of the connection over which this node has become, or found itself, of the other side's network."""
        self.on_refused: Callable[[Link, str, str], None] = lambda link, why, info: None
        """Told of one over which it has not, and why, as of a refused link."""

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._asked) + len(self._asking)

    # --- this node asks -----------------------------------------------------------------------------------------------

    def ask(
        self,
        link: Link,
        shown: ShownLeaf,
        invited: Invited | None = None,
        *,
        returns: bool = False,
        hands: bool = False,
    ) -> None:
        """Ask whoever shows this certificate to be admitted, by the secret or by an invitation. It learns nothing that
        it does not know.

        `returns`: it is of this network, by a later key. `hands`: it is of this network, by an earlier key, and is
        handed the present one.
        """
        link.enter(Outcome.ASKS_FOR_ADMISSION)
        self._asking[link.conn] = _Asking(shown, invited, returns=returns, hands=hands)
        self._limit(link)
        self._agree(link, shown.server, self._own_key, self._share, answers=False, code=invited and invited.code)

    @property
    def _own_key(self) -> bytes:
        return self._known_keys.own or b""

    def _share(self, link: Connection, made: KeyAgreed) -> None:
        asking = self._asking.get(link.conn)
        if asking is None or made.share is None:
            return
        asking.kept = made.state
        invitation = code_id(asking.invited.code) if asking.invited is not None else None
        request = AdmissionRequest(self._own_key, made.share, invitation)
        if asking.returns:
            digest = returning_digest(self._own_key, asking.server, made.share)
            request = replace(request, proof=self._known_keys.sign(digest))
        if asking.hands:
            network = self._membership.network
            request = replace(request, order=network.order, seed=network.seed, ssh=network.ssh)
        self._context.send(link, request)

    @takes(Handler.ADMISSION_SHARE)
    def _answered(self, link: Link, message: AdmissionShare) -> None:
        """The other side says that it has agreed on the key."""
        asking = self._asking.get(link.conn)
        if asking is None or asking.kept is None or asking.answer is not None:
            self._context.invalid(link, "nobody has asked for a share of a key")
            return
        asking.answer = message
        asking.left = list(message.earlier)
        self._agree_by(link, asking, message.share)

    def _agree_by(self, link: Link, asking: _Asking, share: bytes) -> None:
        self._agree(
            *(link, asking.server, self._own_key, self._agreed),
            answers=False,
            share=share,
            state=asking.kept,
            code=asking.invited and asking.invited.code,
        )

    def _agreed(self, link: Connection, made: KeyAgreed) -> None:
        """The key is there: whether the other side has the same, and so knows the secret."""
        asking = self._asking.get(link.conn)
        if asking is None or asking.answer is None or not isinstance(link, Link):
            return
        answer, membership = asking.answer, self._membership
        said = AnswerersWord(answer.network, answer.founded)
        if made.key is None or not hmac.compare_digest(answer.proof, proof_of_answering(made.key, said)):
            if asking.left:
                earlier = asking.left.pop(0)
                asking.answer = replace(answer, proof=earlier.proof)
                self._agree_by(link, asking, earlier.share)
                return
            del self._asking[link.conn]
            context = self._context
            context.tell_refused(
                link,
                f"{link.peer} does not know this network's secret: it was told nothing, and nothing is believed of it",
            )
            link.clean = True
            self.on_refused(link, "AUTHENTICATION_FAIL", "")
            context.refuse(link, AuthenticationFail(NOT_THE_SECRET), "wrong network secret")
            return
        network = membership.network
        # Who was invited comes to the network that has invited it.
        stays = asking.invited is None and membership.age < age_of(answer.network, answer.founded)
        if not stays and membership.is_decided() and not asking.returns:
            self._keeps_its_key(link)
            return
        if stays and not self._may_admit(asking.server):
            del self._asking[link.conn]
            link.clean = True
            self.on_refused(link, "busy", NOT_YET)
            self._context.close(link, NOT_YET)
            return
        seed, ssh = (network.seed, network.ssh) if stays else (None, None)
        asking.word = word = DiallersWord(network.key, membership.told_founded, seed, ssh)
        proof = proof_of_dialling(made.key, word)
        order = network.order if stays else None
        self._context.send(link, AdmissionProof(proof, word.network, word.founded, seed, ssh, order))

    def _keeps_its_key(self, link: Link) -> None:
        """Both networks have operators, so neither takes the other one's key without their word."""
        del self._asking[link.conn]
        link.clean = True
        self.on_refused(link, "AUTHENTICATION_FAIL", OPERATORS_DECIDE)
        self._context.close(link, OPERATORS_DECIDE)

    @takes(Handler.ADMISSION_GRANTED)
    def _granted(self, link: Link, message: AdmissionGranted) -> None:
        """The other side, which knows the secret, has taken this node's word."""
        asking = self._asking.get(link.conn)
        network = asking.shown.network if asking is not None else b""
        taken = asking is not None and (asking.hands or (asking.returns and self._has_taken(link, network, message)))
        if asking is None or not (taken or (asking.word is not None and asking.answer is not None)):
            self._context.invalid(link, "nobody has asked for that yet")
            return
        membership = self._membership
        network = asking.answer.network if asking.answer is not None else network
        del self._asking[link.conn]
        if taken:
            pass
        elif asking.word is not None and asking.word.seed is not None:
            membership.found()
            membership.note(message.successions)
        elif message.seed is None or not membership.fits(message.seed, network):
            self._context.invalid(link, "that is not the key of the network that was told of")
            return
        elif asking.returns and network != asking.shown.network:
            # An operator has signed for the key that was shown, and for no other one that a member makes up.
            self._context.invalid(link, "that is not the key that was shown, for which an operator has signed")
            return
        else:
            order = None if asking.returns else message.order
            told = as_kept(network, message.founded, message.seed, message.successions, message.ssh, order)
            if asking.returns:
                own = membership.network
                told = replace(told, operator=own.operator, founder=own.founder)
            membership.adopt(told, link)
            if asking.invited is not None and message.secret is not None:
                self._context.learn_secret(message.secret)
        link.clean = True
        self.on_admitted(link)

    def _has_taken(self, link: Link, network: bytes, message: AdmissionGranted) -> bool:
        """Whether this node, which was away, is of its network again, under the key that that has now."""
        signed, membership = message.order, self._membership
        if signed is None or message.seed is None or not membership.fits(message.seed, network):
            return False
        if not self._changes.take(signed, message.seed, message.ssh, link):
            return False
        membership.note(message.successions)
        return True

    # --- this node is asked -------------------------------------------------------------------------------------------

    @takes(Handler.ADMISSION_REQUEST)
    def _requested(self, connection: Connection, message: AdmissionRequest) -> None:
        """Somebody who shows no certificate says that they know the secret."""
        context, membership = self._context, self._membership
        if not membership.is_there or not connection.encrypted:
            context.invalid(connection, "ADMISSION_REQUEST is possible over an encrypted connection only")
            return
        if context.draining:
            context.refuse(connection, ServerRefused("leaving", "this server is leaving the network"), "leaving")
            return
        expelled = context.expelled.get(self._known_keys.server_of(message.key))
        if expelled is not None:
            context.refuse(connection, ServerRefused("barred", expelled), "it was expelled")
            return
        connection.enter(Outcome.ADMISSION_REQUESTED)
        if message.order is not None and message.seed is not None:
            # The network has another key, and this server was away. The operator's word is enough, whoever brings it.
            if self._changes.take(message.order, message.seed, message.ssh, connection):
                context.refuse(connection, AdmissionGranted(membership.told_founded), "it has handed over the key")
                return
        if self._comes_back(connection, message):
            return
        waits = False

        def look() -> None:
            if waits:
                self._attempts.hold(connection, False)
            if connection.state is not ConnectionState.ADMITTING:
                self._attempts.over(connection)
                return
            asked = self._asked[connection.conn] = _Asked(message)
            self._limit(connection)
            holding = self._context.holding_secrets[: EARLIER_MAX + 1]
            if not holding and not asked.invitation:
                self._wrong(connection)
                return
            first, *asked.left = holding if not asked.invitation else [""]
            self._agree_with(connection, message, first)

        def refused(problem: str) -> None:
            context.refuse(connection, AuthenticationFail(problem), "too many wrong network secrets")

        self._attempts.begin(connection, "a server to be admitted", look, refused)
        waits = connection.conn in self._attempts and connection.conn not in self._asked
        if waits:
            self._attempts.hold(connection, True)

    def _agree_with(self, connection: Connection, message: AdmissionRequest, secret: str) -> None:
        self._agree(
            *(connection, self._own_key, message.key, self._answer),
            answers=True,
            share=message.share,
            code=secret,
            invitation=message.invitation or "",
        )

    def _comes_back(self, connection: Connection, message: AdmissionRequest) -> bool:
        """Let a server in that was away when the network got another key, and proves to be one that is known here;
        whether it is one."""
        membership, verifier = self._membership, self._known_keys.verifier
        own = membership.network
        if message.proof is None or own.order is None or verifier is None or not self._changes.knows(message.key):
            return False
        digest = returning_digest(message.key, self._own_key, message.share)
        if not verifier.fits(message.proof, message.key, digest):
            return False
        server = self._known_keys.server_of(message.key)
        text = f"the server {server} was away when the network got another key: it has that one now"
        self._context.notify("security", text, "good", server=server)
        granted = AdmissionGranted(membership.told_founded, own.successions, own.seed, own.ssh, order=own.order)
        self._context.refuse(connection, granted, "it has come back")
        return True

    def _answer(self, connection: Connection, made: KeyAgreed) -> None:
        asked = self._asked.get(connection.conn)
        if asked is None:
            return
        if made.share is None or made.key is None:
            self._wrong(connection)
            return
        network, membership = self._membership.network, self._membership
        if asked.told is None:
            asked.told = AnswerersWord(network.key, membership.told_founded)
        asked.keys.append(made.key)
        proof = proof_of_answering(made.key, asked.told)
        asked.earlier.append(EarlierShare(made.share, proof))
        if asked.left:
            self._agree_with(connection, asked.request, asked.left.pop(0))
            return
        asked.key = asked.keys[0]
        first, *earlier = asked.earlier
        share = AdmissionShare(first.share, first.proof, asked.told.network, asked.told.founded, tuple(earlier))
        self._context.send(connection, share)

    @takes(Handler.ADMISSION_PROOF)
    def _proved(self, connection: Connection, message: AdmissionProof) -> None:
        asked = self._asked.get(connection.conn)
        if asked is None or asked.key is None or asked.told is None:
            self._context.invalid(connection, "nobody has asked for a proof yet")
            return
        word = DiallersWord(message.network, message.founded, message.seed, message.ssh)
        fits = [hmac.compare_digest(message.proof, proof_of_dialling(key, word)) for key in asked.keys]
        if not any(fits):
            self._wrong(connection)
            return
        asked.order = message.order
        if asked.invitation and asked.word is None:
            asked.word = word
            token = self._context.token()
            self._using[token] = connection
            self._context.actions.append(UseInvitation(token, asked.invitation))
        elif not asked.invitation:
            self._admit(connection, asked, word)

    def used(self, event: InvitationUsed) -> None:
        """The answer to a UseInvitation."""
        connection = self._using.pop(event.token, None)
        asked = self._asked.get(connection.conn) if connection is not None else None
        if connection is None or asked is None or asked.word is None:
            return
        if event.good:
            self._admit(connection, asked, asked.word)
        else:
            self._wrong(connection)

    def _admit(self, connection: Connection, asked: _Asked, word: DiallersWord) -> None:
        """The other side has proved that it knows what it has to know."""
        del self._asked[connection.conn]
        self._context.timers.cancel(("quiet", connection.conn))
        self._attempts.succeeded(connection)
        context, network = self._context, self._membership.network
        if asked.told != AnswerersWord(network.key, self._membership.told_founded):
            # The other side has decided by what it was told which network stays.
            context.refuse(connection, ServerRefused("busy", JUST_CHANGED), "the network's key has changed")
            return
        if word.seed is None and not asked.invitation and not self._may_admit(asked.request.key):
            context.refuse(connection, ServerRefused("busy", NOT_YET), "it is not known yet who is left out")
            return
        if asked.invitation and word.seed is not None:
            context.invalid(connection, "who was invited comes to this network, and not this one to theirs")
            return
        if word.seed is not None and self._membership.is_decided():
            taken = asked.order is not None and self._changes.take(asked.order, word.seed, word.ssh, connection)
            answer = AdmissionGranted(word.founded) if taken else ServerRefused("operators", OPERATORS_DECIDE)
            context.refuse(connection, answer, "the network's operators decide about its key")
            return
        granted = self._grant(connection, word, asked.order, invited=bool(asked.invitation))
        if granted is None:
            context.invalid(connection, "the private key is not that of the network")
            return
        if word.seed is None:
            by = "an invitation" if asked.invitation else "the network's secret"
            text = f"a server at {connection.peer} has been admitted to this network by {by}"
            context.notify("security", text, "good")
        context.refuse(connection, granted, "admitted")

    def _may_admit(self, key: bytes) -> bool:
        return self._changes.may_admit(self._known_keys.server_of(key))

    def _grant(
        self, connection: Connection, word: DiallersWord, order: SignedOrder | None, *, invited: bool
    ) -> AdmissionGranted | None:
        """What the other side gets, whose word is believed; None if that makes no sense."""
        membership = self._membership
        own = membership.network
        if word.seed is not None:
            if not membership.fits(word.seed, word.network):
                return None
            membership.adopt(as_kept(word.network, word.founded, word.seed, (), word.ssh, order), connection)
            return AdmissionGranted(word.founded, own.successions)
        membership.found()
        own = membership.network
        secret = self._context.config.secret if invited else None
        return AdmissionGranted(membership.told_founded, own.successions, own.seed, own.ssh, secret, own.order)

    def _wrong(self, connection: Connection) -> None:
        """The other side does not know the secret."""
        asked = self._asked.pop(connection.conn, None)
        invited = asked is not None and bool(asked.invitation)
        context = self._context
        context.timers.cancel(("quiet", connection.conn))
        self._tell_of_wrong(connection, invited)
        self._attempts.hold(connection, True)
        text = NOT_GOOD if invited else NOT_THE_SECRET
        self._attempts.failed(
            connection, lambda: context.refuse(connection, AuthenticationFail(text), "wrong network secret")
        )

    def _tell_of_wrong(self, connection: Connection, invited: bool) -> None:
        why = "its invitation is not good here" if invited else "it does not know the network's secret"
        self._context.tell_refused(connection, f"a server at {connection.peer} was not admitted: {why}")

    # --- both ---------------------------------------------------------------------------------------------------------

    def _agree(
        self,
        connection: Connection,
        answering: bytes,
        dialling: bytes,
        then: Callable[[Connection, KeyAgreed], None],
        *,
        answers: bool,
        share: bytes | None = None,
        state: bytes | None = None,
        code: str | None = None,
        invitation: str = "",
    ) -> None:
        """Have a step of the agreement computed, which takes a while."""
        token = self._context.token()
        self._computing[token] = (connection, lambda made: then(connection, made))
        self._context.actions.append(
            AgreeOnKey(
                token,
                connection.conn,
                (self._context.asked_secret or self._context.config.secret) if code is None else code,
                dialling_identity(dialling),
                answering_identity(answering),
                answers=answers,
                share=share,
                state=state,
                invitation=invitation,
            )
        )

    def computed(self, event: KeyAgreed) -> None:
        """The answer to an AgreeOnKey."""
        connection, then = self._computing.pop(event.token, (None, None))
        if connection is not None and then is not None and connection.state is not ConnectionState.CLOSING:
            then(event)

    def _limit(self, connection: Connection) -> None:
        """Who is silent for too long is not waited for."""
        context = self._context
        limit = context.config.quiet_limit
        context.timers.set(
            ("quiet", connection.conn),
            context.after(limit),
            lambda: context.close(connection, f"no word about the admission for {limit:g} s"),
        )

    def closed(self, connection: Connection) -> None:
        """A connection is gone. Who has been shown a proof and has given none may have tested a guess."""
        self._context.timers.cancel(("quiet", connection.conn))
        self._asking.pop(connection.conn, None)
        asked = self._asked.pop(connection.conn, None)
        if asked is not None:
            if asked.key is not None:
                self._tell_of_wrong(connection, bool(asked.invitation))
            self._attempts.failed(connection, lambda: None)
