"""The client: one for each process and team."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn

import httpx
from pydantic import SecretStr, TypeAdapter

from chatdaddy_pulumi.client import tokens
from chatdaddy_pulumi.client.accounts import Accounts
from chatdaddy_pulumi.client.answers import not_chatdaddy
from chatdaddy_pulumi.client.api_tokens import ApiTokens
from chatdaddy_pulumi.client.billing import Billing
from chatdaddy_pulumi.client.calls import Call
from chatdaddy_pulumi.client.connection import http_transport
from chatdaddy_pulumi.client.errors import (
    BadAnswer,
    BadRequest,
    BadSetting,
    ChatDaddyError,
    Forbidden,
    NotChatDaddy,
    NotFound,
    Refused,
    Unauthorized,
    WrongTeam,
)
from chatdaddy_pulumi.client.models import TokenAnswer, TokenOwner
from chatdaddy_pulumi.client.options import DEFAULT_URLS, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.redact import filter_logs
from chatdaddy_pulumi.client.setting_names import (
    API_SETTINGS,
    API_TOKEN,
    BASE_URL,
    REFRESH_TOKEN,
    TEAM_ID,
    Setting,
)
from chatdaddy_pulumi.client.team import Team
from chatdaddy_pulumi.client.transport import Transport
from chatdaddy_pulumi.client.webhooks import Webhooks

_TOKEN_ANSWER = TypeAdapter(TokenAnswer).validate_json


class ChatDaddy:
    """ChatDaddy's API for one team. Its methods may be awaited concurrently on one event loop.

    All calls share one connection pool and one token. Give either `refresh_token` (from which
    access tokens are made) or `api_token`. Raises `BadSetting` for neither, both, or a wrong one.

    An access token is checked when it is fetched: it must be for the team, and may read all its
    accounts. With `check_api_token`, an API token is checked before its first use, by one call:
    see `check`.

    `clock` gives seconds since 1970; waits are measured by the event loop's own time. Proxies and
    certificates are taken from `environment`, unless there is a `transport`, which is closed with
    the client.
    """

    def __init__(
        self,
        team_id: str,
        *,
        refresh_token: str | None = None,
        api_token: str | None = None,
        check_api_token: bool = False,
        urls: ServiceUrls = DEFAULT_URLS,
        options: ClientOptions | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        random: Random | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        options = options or ClientOptions()
        self._team_id = team_id.strip()
        if not self._team_id:
            words = f"missing; find it at {API_SETTINGS}"
            raise BadSetting(words, call=f"the {TEAM_ID}", setting=TEAM_ID.key)
        if bool(refresh_token) == bool(api_token):
            raise BadSetting(
                f"give one of them, not {'both' if api_token else 'none'}; see {API_SETTINGS}",
                call=f"the {REFRESH_TOKEN} or the {API_TOKEN}",
                setting=REFRESH_TOKEN.key,
            )
        filter_logs()
        http = transport or http_transport(urls, options, environment)
        self._transport = Transport(urls, options, http, clock, random or Random())  # noqa: S311
        if api_token:
            check = self.check if check_api_token else None
            self._transport.tokens = tokens.ApiTokenSource(api_token, check)
        else:
            self._refresh_token = tokens.checked(
                refresh_token or "", str(REFRESH_TOKEN), REFRESH_TOKEN.key
            )
            self._transport.tokens = tokens.AccessTokenSource(self._fetch_token)
        self.accounts = Accounts(self._transport, options, self.user_id)
        self.billing = Billing(self._transport)
        self.webhooks = Webhooks(self._transport, options)
        self.api_tokens = ApiTokens(self._transport, options)
        self.team = Team(self._transport, self._team_id)

    @property
    def calls(self) -> Mapping[str, int]:
        """How often each call was sent so far: ``{"GET /im/accounts": 10}``."""
        return MappingProxyType(self._transport.calls)

    async def check(self) -> TokenOwner:
        """Prove by one call that the token is valid for the team, and return whose token it is.

        A refresh token is exchanged for an access token, an API token is validated. Raises
        `Unauthorized` (the token is wrong), `WrongTeam` (it is for another team), `BadSetting` (its
        user may read only the accounts assigned to him), `Unreachable` or another `Retryable`, or
        `NotChatDaddy` (the base URL is wrong).
        """
        source = self._transport.tokens
        try:
            if isinstance(source, tokens.ApiTokenSource):
                return await self._validate(source)
            token = await self._fetch_token()
        except BadAnswer as error:
            problem = error
        else:
            source.renewed(token)
            return tokens.owner(tokens.claims(token.get_secret_value()))
        raise NotChatDaddy(
            f"{problem.message}; is {BASE_URL} right?",
            call=problem.call,
            status=problem.status,
            setting=BASE_URL.key,
        )

    async def user_id(self) -> str | None:
        """The user whom the token was made for; None if that can't be found out."""
        source = self._transport.tokens
        token = (await source.get()).get_secret_value()
        found = tokens.owner(tokens.claims(token)).user_id
        if found or isinstance(source, tokens.AccessTokenSource):
            return found
        if source.owner is not None:
            return source.owner.user_id
        try:
            return tokens.owner(await self.api_tokens.validate(token)).user_id
        except ChatDaddyError:
            return None

    def server_time(self) -> float | None:
        """Seconds since 1970 by ChatDaddy's own clock, or a little less; None until it is known."""
        return self._transport.server_time()

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
        """The token's user, team and scope, as the claims of a JWT."""
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
        except (Unauthorized, Forbidden, NotFound, BadRequest) as error:
            refusal: Refused = error
        else:
            token = tokens.checked(answer.access_token, "access token that ChatDaddy gave")
            self._checked(tokens.claims(answer.access_token), REFRESH_TOKEN)
            return token
        raise self._no_token(refusal)

    def _no_token(self, refusal: Refused) -> ChatDaddyError:
        """The error if ChatDaddy gives no access token, with the setting that is wrong."""
        said = refusal.message
        about_team = isinstance(refusal, Forbidden) or "team" in said.lower()
        details: dict[str, Any] = {
            "call": refusal.call,
            "status": refusal.status,
            "help_link": refusal.help_link,
        }
        if isinstance(refusal, NotFound) and not about_team:
            return not_chatdaddy(Call("POST", "auth", "/token"), refusal.status)
        if about_team and not isinstance(refusal, Unauthorized):
            words = f"{said}; the {TEAM_ID} is {self._team_id!r}: the token's user must be in it"
            return WrongTeam(words, setting=TEAM_ID.key, **details)
        words = f"{said}; check the {REFRESH_TOKEN}, which ends after 14 days without use"
        words += "" if isinstance(refusal, Unauthorized) else f", and the {TEAM_ID}"
        return Unauthorized(f"{words}: see {API_SETTINGS}", setting=REFRESH_TOKEN.key, **details)

    async def _validate(self, source: tokens.ApiTokenSource) -> TokenOwner:
        try:
            said = await self.api_tokens.validate(source.token.get_secret_value())
        except (Unauthorized, Forbidden, BadRequest, NotFound) as error:
            refusal: Refused = error
        else:
            return self._checked(said, API_TOKEN)
        if isinstance(refusal, NotFound) and "token" not in refusal.message.lower():
            raise not_chatdaddy(Call("POST", "auth", "/api-token/validate"), refusal.status)
        raise Unauthorized(
            f"{refusal.message}; check the {API_TOKEN}: see {API_SETTINGS}",
            call=refusal.call,
            status=refusal.status,
            help_link=refusal.help_link,
            setting=API_TOKEN.key,
        )

    def _checked(self, said: Mapping[str, Any], token: Setting) -> TokenOwner:
        """Whose token it is. Raises `WrongTeam` or `BadSetting` if it is for another team, or lists
        only some of the accounts, as far as it says."""
        found = tokens.owner(said)
        self._check_team(found, token)
        if tokens.sees_assigned_only(said):
            raise BadSetting(
                "its user may read only the accounts that are assigned to him "
                "(ACCOUNTS_READ_ASSIGNED), so all others would count as missing, and be bought "
                "again. Use a user or an API token that may read all accounts (ACCOUNT_READ): see "
                f"{API_SETTINGS}",
                call=f"the {token}",
                setting=token.key,
            )
        return found

    def _check_team(self, found: TokenOwner, token: Setting) -> None:
        """Raise `WrongTeam` if the token is for another team, as far as it says."""
        if found.team_id not in (None, self._team_id):
            raise WrongTeam(
                f"the {token} is for team {found.team_id!r}, but the {TEAM_ID} is "
                f"{self._team_id!r}",
                call="POST /auth/token",
                setting=TEAM_ID.key,
            )
