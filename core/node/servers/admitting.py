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

from core.certificates.leaf import ShownLeaf
from core.node.accounts.attempts import Attempts
from core.node.interface.actions import AgreeOnKey, UseInvitation
from core.node.interface.events import InvitationUsed, KeyAgreed
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
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
)
from core.wire.messages import (
    AdmissionGranted,
    AdmissionProof,
    AdmissionRequest,
    AdmissionShare,
    AuthenticationFail,
    ServerRefused,
)

NOT_THE_SECRET: Final = "the secret is not this network's"
JUST_CHANGED: Final = "this server has just become one of another network; ask again"
NOT_GOOD: Final = "the invitation has been used or has expired, or it was not given out here"


class _Asked:
    """Somebody asks to be admitted."""

    __slots__ = ("invitation", "key", "told", "word")

    def __init__(self, invitation: str) -> None:
        self.invitation = invitation
        """The id of a code that it says it knows; "": it says that it knows the secret."""
        self.key: bytes | None = None
        """What both have agreed on; None: it is being computed."""
        self.told: AnswerersWord | None = None
        """What this node has said of its own network."""
        self.word: DiallersWord | None = None
        """What the other side has said and proved, while its invitation is being used."""


class _Asking:
    """This node asks to be admitted."""

    __slots__ = ("answer", "invited", "kept", "server", "word")

    def __init__(self, server: bytes, invited: Invited | None) -> None:
        self.invited = invited
        self.server = server
        """The public key of whom it asks."""
        self.kept: bytes | None = None
        """What is kept of the own share until the other one is there."""
        self.answer: AdmissionShare | None = None
        self.word: DiallersWord | None = None
        """What this node has said of its own network."""


class Admission:
    """Admits servers, and has this node admitted."""

    def __init__(self, context: Context, known_keys: KnownKeys, membership: Membership, attempts: Attempts) -> None:
        self._context = context
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
        self.on_refused: Callable[[Link, str], None] = lambda link, why: None
        """Told of one over which it has not, and why, as of a refused link."""

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._asked) + len(self._asking)

    # --- this node asks -----------------------------------------------------------------------------------------------

    def ask(self, link: Link, shown: ShownLeaf, invited: Invited | None = None) -> None:
        """Ask whoever shows this certificate to be admitted, by the secret or by an invitation. It learns nothing that
        it does not know."""
        link.enter(Outcome.ASKS_FOR_ADMISSION)
        self._asking[link.conn] = _Asking(shown.server, invited)
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
        self._context.send(link, AdmissionRequest(self._own_key, made.share, invitation))

    @takes(Handler.ADMISSION_SHARE)
    def _answered(self, link: Link, message: AdmissionShare) -> None:
        """The other side says that it has agreed on the key."""
        asking = self._asking.get(link.conn)
        if asking is None or asking.kept is None or asking.answer is not None:
            self._context.invalid(link, "nobody has asked for a share of a key")
            return
        asking.answer = message
        kept = asking.kept
        self._agree(
            *(link, asking.server, self._own_key, self._agreed),
            answers=False,
            share=message.share,
            state=kept,
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
            del self._asking[link.conn]
            context = self._context
            context.tell_refused(
                link,
                f"{link.peer} does not know this network's secret: it was told nothing, and nothing is believed of it",
            )
            link.clean = True
            self.on_refused(link, "AUTHENTICATION_FAIL")
            context.refuse(link, AuthenticationFail(NOT_THE_SECRET), "wrong network secret")
            return
        network = membership.network
        # Who was invited comes to the network that has invited it.
        stays = asking.invited is None and membership.age < age_of(answer.network, answer.founded)
        seed, ssh = (network.seed, network.ssh) if stays else (None, None)
        asking.word = word = DiallersWord(network.key, network.founded_at, seed, ssh)
        proof = proof_of_dialling(made.key, word)
        self._context.send(link, AdmissionProof(proof, word.network, word.founded, seed, ssh))

    @takes(Handler.ADMISSION_GRANTED)
    def _granted(self, link: Link, message: AdmissionGranted) -> None:
        """The other side, which knows the secret, has taken this node's word."""
        asking = self._asking.get(link.conn)
        if asking is None or asking.word is None or asking.answer is None:
            self._context.invalid(link, "nobody has asked for that yet")
            return
        membership, network = self._membership, asking.answer.network
        del self._asking[link.conn]
        if asking.word.seed is not None:
            membership.found()
            membership.note(message.successions)
        elif message.seed is None or not membership.fits(message.seed, network):
            self._context.invalid(link, "that is not the key of the network that was told of")
            return
        else:
            membership.adopt(as_kept(network, message.founded, message.seed, message.successions, message.ssh), link)
            if asking.invited is not None and message.secret is not None:
                self._context.learn_secret(message.secret)
        link.clean = True
        self.on_admitted(link)

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
        waits = False

        def look() -> None:
            if waits:
                self._attempts.hold(connection, False)
            if connection.state is not ConnectionState.ADMITTING:
                self._attempts.over(connection)
                return
            self._asked[connection.conn] = _Asked(message.invitation or "")
            self._limit(connection)
            self._agree(
                *(connection, self._own_key, message.key, self._answer),
                answers=True,
                share=message.share,
                invitation=message.invitation or "",
            )

        def refused(problem: str) -> None:
            context.refuse(connection, AuthenticationFail(problem), "too many wrong network secrets")

        self._attempts.begin(connection, "a server to be admitted", look, refused)
        waits = connection.conn in self._attempts and connection.conn not in self._asked
        if waits:
            self._attempts.hold(connection, True)

    def _answer(self, connection: Connection, made: KeyAgreed) -> None:
        asked = self._asked.get(connection.conn)
        if asked is None:
            return
        if made.share is None or made.key is None:
            self._wrong(connection)
            return
        network = self._membership.network
        asked.key, asked.told = made.key, AnswerersWord(network.key, network.founded_at)
        proof = proof_of_answering(made.key, asked.told)
        self._context.send(connection, AdmissionShare(made.share, proof, network.key, network.founded_at))

    @takes(Handler.ADMISSION_PROOF)
    def _proved(self, connection: Connection, message: AdmissionProof) -> None:
        asked = self._asked.get(connection.conn)
        if asked is None or asked.key is None or asked.told is None:
            self._context.invalid(connection, "nobody has asked for a proof yet")
            return
        word = DiallersWord(message.network, message.founded, message.seed, message.ssh)
        if not hmac.compare_digest(message.proof, proof_of_dialling(asked.key, word)):
            self._wrong(connection)
            return
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
        if asked.told != AnswerersWord(network.key, network.founded_at):
            # The other side has decided by what it was told which network stays.
            context.refuse(connection, ServerRefused("busy", JUST_CHANGED), "the network's key has changed")
            return
        if asked.invitation and word.seed is not None:
            context.invalid(connection, "who was invited comes to this network, and not this one to theirs")
            return
        granted = self._grant(connection, word, invited=bool(asked.invitation))
        if granted is None:
            context.invalid(connection, "the private key is not that of the network")
            return
        if word.seed is None:
            by = "an invitation" if asked.invitation else "the network's secret"
            text = f"a server at {connection.peer} has been admitted to this network by {by}"
            context.notify("security", text, "good")
        context.refuse(connection, granted, "admitted")

    def _grant(self, connection: Connection, word: DiallersWord, *, invited: bool) -> AdmissionGranted | None:
        """What the other side gets, whose word is believed; None if that makes no sense."""
        membership = self._membership
        own = membership.network
        if word.seed is not None:
            if not membership.fits(word.seed, word.network):
                return None
            membership.adopt(as_kept(word.network, word.founded, word.seed, (), word.ssh), connection)
            return AdmissionGranted(word.founded, own.successions)
        membership.found()
        own = membership.network
        secret = self._context.config.secret if invited else None
        return AdmissionGranted(own.founded_at, own.successions, own.seed, own.ssh, secret)

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
                self._context.config.secret if code is None else code,
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
