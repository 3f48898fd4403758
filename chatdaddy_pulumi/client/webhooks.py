"""Subscriptions to a team's events (the events service)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, TypeAdapter

from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.create_once import create_once
from chatdaddy_pulumi.client.errors import NotFound
from chatdaddy_pulumi.client.models import Webhook, _Received
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.transport import Transport


class _Webhooks(_Received):
    subscriptions: list[Webhook] = Field(default_factory=list)


_WEBHOOK = TypeAdapter(Webhook).validate_json
_WEBHOOKS = TypeAdapter(_Webhooks).validate_json


class Webhooks:
    """The webhooks of one team. Errors as for `Accounts`."""

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        self._transport = transport
        self._options = options

    async def list(self) -> list[Webhook]:
        """All webhooks; subscriptions of other kinds (websockets) are left out."""
        call = Call("GET", "events", "/subscriptions", params={"type": "webhook"})
        found = (await self._transport.ask(call, _WEBHOOKS)).subscriptions
        return [one for one in found if one.type in (None, "webhook")]

    async def create(
        self,
        *,
        url: str,
        events: Sequence[str],
        accounts: Sequence[str] | None = None,
        enabled: bool = True,
        schema: Mapping[str, Any] | None = None,
    ) -> Webhook:
        """Subscribe `url` to events such as ``message-insert``, of some or all accounts.

        It is sent once. If the answer is lost, the new webhook is looked for.
        """
        body = _body(url=url, events=events, accounts=accounts, enabled=enabled, schema=schema)
        call = Call("POST", "events", "/subscriptions", body=body, repeat=Repeat.NEVER)
        return await create_once(
            lambda: self._transport.ask(call, _WEBHOOK),
            self.list,
            lambda one: one.id,
            lambda one: one.url == url and set(one.events) == set(events),
            self._options,
        )

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        accounts: Sequence[str] | None = None,
        enabled: bool | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Webhook:
        """Change what is given."""
        body = _body(url=url, events=events, accounts=accounts, enabled=enabled, schema=schema)
        call = Call(
            *("PATCH", "events", "/subscriptions/{id}", (webhook_id,)),
            body=body,
            repeat=Repeat.IDEMPOTENT,
        )
        return await self._transport.ask(call, _WEBHOOK)

    async def delete(self, webhook_id: str) -> None:
        """Remove a webhook."""
        path = "/subscriptions/{id}"
        try:
            await self._transport.do(
                Call("DELETE", "events", path, (webhook_id,), repeat=Repeat.IDEMPOTENT)
            )
        except NotFound as error:
            if not error.after_lost_answer:
                raise


def _body(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
