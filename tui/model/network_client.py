"""A client of the network behind the faces that the application's model wants."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from core.client import (
    Client,
    ClientSettings,
    NetworkTrust,
    OperatorSeat,
    OutcomeUnknown,
    PastPage,
    PastPlace,
    PostQueueFull,
    SecretRefused,
)
from core.wire import ANONYMOUS, Address, Ed25519Signer
from tui.model.client_model import ClientFactory, ClientModel
from tui.model.model_updates import tell
from tui.model.network_faces import ActivityInput, ClientFace, SecretUnchanged, SecretUnknown, SignIn

HISTORY: Final = 500
"""Past activities that the feed begins with."""


_SOON_ASKED: Final[Mapping[str, Any]] = {"ping_interval": 2.0, "ping_misses": 23}
"""A person sees soon that a server from afar is silent; given up it is as late as by other clients."""


class NetworkClient:
    """A client of the network, as the model wants it."""

    def __init__(self, client: Client, model: ClientModel) -> None:
        self._client = client
        self._model = model

    async def run(self) -> None:
        try:
            await self._client.run()
        finally:
            # One that was refused has received nothing.
            self._model.resume = self._client.resume_point or self._model.resume

    def post(self, activity: ActivityInput) -> str:
        try:
            return self._client.post(dict(activity))
        except PostQueueFull as error:
            raise ConnectionError(str(error)) from None

    async def change_secret(self, secret: str, new_secret: str) -> None:
        try:
            await self._client.change_secret(new_secret, secret)
        except SecretRefused as error:
            raise SecretUnchanged(str(error)) from None
        except OutcomeUnknown as error:
            raise SecretUnknown(str(error)) from None

    def operator_seat(self, signer: Ed25519Signer) -> OperatorSeat:
        return OperatorSeat(self._client, signer)

    def keep_document(self, document: bytes) -> None:
        self._client.keep_document(document)

    @property
    def shows_past(self) -> bool:
        return self._client.shows_past

    async def read_past(self, place: PastPlace | None, backward: bool) -> PastPage:
        return await self._client.read_past(place, backward=backward)

    @property
    def searches_past(self) -> bool:
        return self._client.searches_past

    async def find_in_past(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        return await self._client.read_past(place, backward=True, most=most, query=query)

    async def close(self) -> None:
        await self._client.close()

    def silent_for(self) -> float:
        return self._client.silent_for()

    async def status(self) -> Mapping[str, Any] | None:
        # Not connected now, or a base server, which knows no such question.
        try:
            return await self._client.request_status()
        except Exception:
            return None


def client_factory(
    addresses: tuple[Address, ...],
    *,
    home: Callable[[], socket.socket] | None,
    trust: NetworkTrust | None = None,
) -> ClientFactory:
    """Clients at home where `home` makes a connection to, or at `addresses`: of servers of the network that is trusted,
    or in clear of whoever listens."""

    def make(model: ClientModel, identity: SignIn) -> ClientFace:
        anonymous = identity.way == "anonymous"
        settings = ClientSettings(
            username=ANONYMOUS if anonymous else identity.username,
            secret=None if anonymous else identity.secret,
            register=identity.way == "register",
            history=HISTORY if not model.feed.arrived else 0,
            resume=model.resume,
            **({} if home is not None else _SOON_ASKED),
        )
        client = Client(settings, addresses, lambda event: tell(model, event), home=home, trust=trust)
        return NetworkClient(client, model)

    return make
