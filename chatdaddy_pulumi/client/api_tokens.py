"""Tokens that never expire (the auth service)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, TypeAdapter

from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.create_once import create_once
from chatdaddy_pulumi.client.errors import NotFound
from chatdaddy_pulumi.client.models import ApiToken, _Received
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.redact import hide
from chatdaddy_pulumi.client.transport import Transport


class _Tokens(_Received):
    tokens: list[ApiToken] = Field(default_factory=list, repr=False)


_TOKEN = TypeAdapter(ApiToken).validate_json
_TOKENS = TypeAdapter(_Tokens).validate_json
_CLAIMS = TypeAdapter(dict[str, Any]).validate_json


class ApiTokens:
    """The API tokens of one user and team. Errors as for `Accounts`."""

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        self._transport = transport
        self._options = options

    async def list(self) -> list[ApiToken]:
        """All API tokens."""
        found = (await self._transport.ask(Call("GET", "auth", "/api-token"), _TOKENS)).tokens
        for one in found:
            hide(one.token)
        return found

    async def create(self, reason: str, scopes: Sequence[str]) -> ApiToken:
        """Create a token with those scopes. Sent once; if the answer is lost, it is looked for."""
        body = {"reason": reason, "scopes": [str(scope) for scope in scopes]}
        call = Call("POST", "auth", "/api-token", body=body, repeat=Repeat.NEVER)
        made = await create_once(
            lambda: self._transport.ask(call, _TOKEN),
            self.list,
            lambda one: one.token,
            lambda one: one.reason == reason and set(one.scopes or ()) == set(body["scopes"]),
            self._options,
        )
        hide(made.token)
        return made

    async def delete(self, token: str) -> None:
        """Revoke a token."""
        hide(token)
        call = Call(
            *("DELETE", "auth", "/api-token"), params={"tokens": [token]}, repeat=Repeat.IDEMPOTENT
        )
        try:
            await self._transport.do(call)
        except NotFound as error:
            if not error.after_lost_answer:
                raise

    async def validate(self, token: str) -> dict[str, Any]:
        """A token's claims: its user, team and scope. Raises `Refused` if it is not valid."""
        hide(token)
        call = Call("POST", "auth", "/api-token/validate", body={"token": token}, with_token=False)
        return await self._transport.ask(call, _CLAIMS)
