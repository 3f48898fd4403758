"""The client: one a process and team."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn

from pydantic import SecretStr, TypeAdapter

from chatdaddy_pulumi.client import tokens
from chatdaddy_pulumi.client.accounts import Accounts
from chatdaddy_pulumi.client.api_tokens import ApiTokens
from chatdaddy_pulumi.client.billing import Billing
from chatdaddy_pulumi.client.calls import Call
from chatdaddy_pulumi.client.errors import (
    BadRequest,
    BadSetting,
    ChatDaddyError,
    Forbidden,
    NotFound,
    Refused,
    Unauthorized,
)
from chatdaddy_pulumi.client.models import TokenAnswer
from chatdaddy_pulumi.client.options import DEFAULT_URLS, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.team import Team
from chatdaddy_pulumi.client.transport import Transport
from chatdaddy_pulumi.client.webhooks import Webhooks

_TOKEN_ANSWER = TypeAdapter(TokenAnswer)
_WHERE = "https://app.chatdaddy.tech/settings/api"


class ChatDaddy:
    """ChatDaddy's API for one team. Its methods may be awaited concurrently on one event loop.

    One connection pool and one token serve all calls. Give either `refresh_token` (renewed
    access tokens) or `api_token`; raises `BadSetting` for neither, both, or one that can't be.
    """

    def __init__(
        self,
        team_id: str,
        *,
        refresh_token: str | None = None,
        api_token: str | None = None,
        urls: ServiceUrls = DEFAULT_URLS,
        options: ClientOptions | None = None,
    ) -> None:
        options = options or ClientOptions()
        self._team_id = team_id.strip()
        if not self._team_id:
            raise BadSetting(f"missing; it stands at {_WHERE}", call=f"the {tokens.TEAM_ID}")
        if bool(refresh_token) == bool(api_token):
            raise BadSetting(
                f"give one of them, not {'both' if api_token else 'none'}; see {_WHERE}",
                call=f"the {tokens.REFRESH_TOKEN} or the {tokens.API_TOKEN}",
            )
        self._transport = Transport(urls, options)
        if api_token:
            self._transport.tokens = tokens.ApiTokenSource(api_token)
        else:
            self._refresh_token = tokens.checked(refresh_token or "", tokens.REFRESH_TOKEN)
            self._transport.tokens = tokens.AccessTokenSource(self._fetch_token)
        self.accounts = Accounts(self._transport, options)
        self.billing = Billing(self._transport)
        self.webhooks = Webhooks(self._transport, options)
        self.api_tokens = ApiTokens(self._transport, options)
        self.team = Team(self._transport, self._team_id)

    @property
    def calls(self) -> Mapping[str, int]:
        """How often each call was sent so far: ``{"GET /im/accounts": 10}``."""
        return MappingProxyType(self._transport.calls)

    async def user_id(self) -> str | None:
        """The user whom the token was made for; None where that can't be found out."""
        source = self._transport.tokens
        token = (await source.get()).get_secret_value()
        if (found := tokens.user_id(token)) or isinstance(source, tokens.AccessTokenSource):
            return found
        try:
            user = (await self.api_tokens.validate(token)).get("user")
        except ChatDaddyError:
            return None
        found = user.get("id") if isinstance(user, dict) else None
        return found if isinstance(found, str) else None

    async def aclose(self) -> None:
        """End what runs and close the connections."""
        await self.accounts._shut()
        await self._transport.close()

    async def __aenter__(self) -> ChatDaddy:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def token_claims(self) -> Mapping[str, Any]:
        """What the token says of its user, team and scope, as the claims of a JWT."""
        token = (await self._transport.tokens.get()).get_secret_value()
        return tokens.claims(token) or await self.api_tokens.validate(token)

    def __repr__(self) -> str:
        return f"<ChatDaddy team {self._team_id!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("ChatDaddy holds secrets and connections and can't be pickled")

    async def _fetch_token(self) -> SecretStr:
        call = Call(
            *("POST", "auth", "/token"),
            body={"refreshToken": self._refresh_token.get_secret_value(), "teamId": self._team_id},
            with_token=False,
        )
        try:
            answer = await self._transport.ask(call, _TOKEN_ANSWER)
            return tokens.checked(answer.access_token, "access token that ChatDaddy gave")
        except (Unauthorized, Forbidden, NotFound, BadRequest) as error:
            refusal: Refused = error
        raise Unauthorized(
            f"{refusal.message}; check the {tokens.REFRESH_TOKEN}, which ends after 14 days "
            f"without use, and the {tokens.TEAM_ID}: both stand at {_WHERE}",
            call=refusal.call,
            status=refusal.status,
            help_link=refusal.help_link,
        )
