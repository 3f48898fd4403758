"""The bearer token: an API token, or an access token that is shared and renewed in time.

The rules are those of the official client's token factory: a token is renewed 2 minutes before its
end, each team has one token, and concurrent callers share one request.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from pydantic import SecretStr
from pydantic_core import from_json

from chatdaddy_pulumi.client.errors import BadSetting, Retryable
from chatdaddy_pulumi.client.models import TokenOwner
from chatdaddy_pulumi.client.redact import hide
from chatdaddy_pulumi.client.setting_names import API_TOKEN, REFRESH_TOKEN, Setting
from chatdaddy_pulumi.client.tasks import SingleFlight, now

RENEW_BEFORE_S = 120.0
#: The documented life of an access token, for one that does not say.
LIFE_S = 3600.0
#: Characters of the longest token.
_LONGEST = 16 * 1024


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty if it is not a JWT."""
    try:
        payload = token.split(".")[1]
        found = from_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}


def owner(said: Mapping[str, Any]) -> TokenOwner:
    """Whose token it is, by what a JWT says."""
    user = said.get("user")
    found = user if isinstance(user, dict) else {}
    user_id, team_id = (found.get(name) for name in ("id", "teamId"))
    return TokenOwner(
        user_id if isinstance(user_id, str) else None,
        team_id if isinstance(team_id, str) else None,
    )


#: By their numbers, from the API's documentation.
_ACCOUNT_READ, _ACCOUNTS_READ_ASSIGNED = 31, 91


def sees_assigned_only(said: Mapping[str, Any]) -> bool:
    """Whether a JWT says that its user may read only the accounts that are assigned to it."""
    scope = said.get("scope")
    if not isinstance(scope, str):
        return False
    return len(scope) > _ACCOUNTS_READ_ASSIGNED and (
        scope[_ACCOUNT_READ] == "0" and scope[_ACCOUNTS_READ_ASSIGNED] == "1"
    )


def _life(token: str) -> float:
    """Seconds that a new token lasts, by its own two times, since the local clock may be wrong."""
    said = claims(token)
    try:
        life = float(said["exp"]) - float(said["iat"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return LIFE_S
    return life if 0 < life < float("inf") else LIFE_S


def checked(token: str, what: str, setting: str | None = None) -> SecretStr:
    """The token as a header can hold it, without a pasted line end.

    Raises `BadSetting` if it can't be a token.
    """
    token = token.strip()
    if len(token) > _LONGEST:
        # No server takes such a header; and a JWT of any size would be read without bounds.
        words = f"is longer than {_LONGEST:,} characters"
        raise BadSetting(words, call=f"the {what}", setting=setting)
    hide(token)
    if not token:
        raise BadSetting("is empty", call=f"the {what}", setting=setting)
    if not (token.isascii() and token.isprintable()) or " " in token:
        words = "holds characters that no token has"
        raise BadSetting(words, call=f"the {what}", setting=setting)
    return SecretStr(token)


class _Secretive:
    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and can't be pickled")


class ApiTokenSource(_Secretive):
    """An API token. It never expires, so it can't be renewed if it is refused."""

    setting: Setting = API_TOKEN

    def __init__(
        self, token: str, check: Callable[[], Awaitable[TokenOwner]] | None = None
    ) -> None:
        """`check`: checks the token before its first use, and says whose it is."""
        self.token = checked(token, str(API_TOKEN), API_TOKEN.key)
        #: Whose it is, if it was checked.
        self.owner: TokenOwner | None = None
        self._check = check
        self._checking: SingleFlight[None] = SingleFlight()

    async def get(self) -> SecretStr:
        if self._check is not None and self.owner is None:
            await self._checking.run(self._find_owner)
        return self.token

    async def _find_owner(self) -> None:
        if self._check is not None:
            self.owner = await self._check()

    def refused(self, token: SecretStr) -> bool:
        return False

    async def close(self) -> None:
        await self._checking.cancel()


class AccessTokenSource(_Secretive):
    """Access tokens, one at a time, from `fetch`."""

    setting: Setting = REFRESH_TOKEN

    def __init__(self, fetch: Callable[[], Awaitable[SecretStr]]) -> None:
        self._fetch = fetch
        self._token: SecretStr | None = None
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._renewal: SingleFlight[SecretStr] = SingleFlight()

    async def get(self) -> SecretStr:
        """The token, renewed if it is about to end."""
        if self._token is not None and now() < self._renew_at:
            return self._token
        return await self._renewal.run(self._renew)

    def refused(self, token: SecretStr) -> bool:
        """Note that ChatDaddy answered 401 to this token; return whether there may be another."""
        if token == self._token:
            self._token = None
        return True

    async def _renew(self) -> SecretStr:
        asked_at = now()
        try:
            token = await self._fetch()
        except Retryable:
            if self._token is not None and now() < self._ends_at:
                return self._token
            raise
        self._keep(token, asked_at)
        return token

    def renewed(self, token: SecretStr) -> None:
        """Use this token, which was fetched just now."""
        self._keep(token, now())

    def _keep(self, token: SecretStr, asked_at: float) -> None:
        life = _life(token.get_secret_value())
        self._ends_at = asked_at + life
        self._renew_at = self._ends_at - min(RENEW_BEFORE_S, life / 2)
        self._token = token

    async def close(self) -> None:
        await self._renewal.cancel()
