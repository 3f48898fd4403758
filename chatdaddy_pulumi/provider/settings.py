"""The provider's configuration: from an explicit `Provider`, the stack or the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chatdaddy_pulumi.client import BadSetting, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.addresses import parse
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.client.options import problem_with
from chatdaddy_pulumi.client.setting_names import API_SETTINGS, SERVICES, SETTINGS, TOKENS
from chatdaddy_pulumi.spec.nearest import nearest

if TYPE_CHECKING:
    from chatdaddy_pulumi.lifecycle.prices import Prices

DEFAULT_BASE_URL = "https://api.chatdaddy.tech"

_WHERE = f"find it at {API_SETTINGS}"

#: When an update compares what it holds with the team's accounts.
VERIFY = ("up", "preview", "never")


class ConfigurationError(Exception):
    """A setting is missing or wrong; `property` names it as the stack's configuration does."""

    def __init__(self, property_: str, reason: str) -> None:
        super().__init__(f"{property_} {reason}")
        self.property = property_
        self.reason = reason


class Settings:
    """The configuration. A setting is taken from the first layer that has it."""

    def __init__(self, raw: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._raw = raw
        self._layers: tuple[Callable[[str], Any], ...] = (
            raw.get,
            lambda key: raw.get(f"chatdaddy:{key}"),
            lambda key: environment.get(variable_of(key)),
        )

    def get(self, key: str) -> str | None:
        """The value of `key`, e.g. ``teamId``, from the first layer that has it."""
        return next((said for layer in self._layers if (said := _text(layer(key)))), None)

    def secrets(self, names: Iterable[str] = ()) -> dict[str, Any]:
        """The values of secret settings and their parts, by name: of those in `names`, and of those
        that an explicit `Provider` marks as secrets."""
        own = str(self._raw.get("__secrets") or "").split(",")
        return {name: _parts(self._raw.get(name)) for name in (*names, *own) if name}

    def token(self) -> tuple[str | None, str | None]:
        """The refresh token or the API token, from the first layer that has either."""
        for layer in self._layers:
            if refresh_token := _text(layer("refreshToken")):
                return refresh_token, None
            if api_token := _text(layer("apiToken")):
                return None, api_token
        return None, None

    def url(self, key: str) -> str | None:
        found = self.get(key)
        if found is not None:
            try:
                ServiceUrls.from_base(found)
            except BadSetting as error:
                raise ConfigurationError(f"chatdaddy:{key}", error.message) from None
        return found

    @property
    def team_id(self) -> str:
        """The team.

        Raises:
            ConfigurationError: it is not set.
        """
        team_id = self.get("teamId")
        if team_id is None:
            raise ConfigurationError(
                "chatdaddy:teamId",
                "is not set: `pulumi config set chatdaddy:teamId …` or CHATDADDY_TEAM_ID; "
                + _WHERE,
            )
        return team_id

    def urls(self) -> ServiceUrls:
        """The addresses of the services.

        Raises:
            ConfigurationError: one of them is not an address.
        """
        services = {name: self.url(f"{name}Url") for name in SERVICES}
        return ServiceUrls.from_base(self.url("baseUrl") or DEFAULT_BASE_URL, **services)

    def credentials(self) -> Credentials:
        """The credentials, and the addresses of the services.

        Raises:
            ConfigurationError: naming the first setting that is missing or wrong, and its remedy.
        """
        team_id = self.team_id
        refresh_token, api_token = self._needed_token()
        return Credentials(
            team_id=team_id, refresh_token=refresh_token, api_token=api_token, urls=self.urls()
        )

    def _needed_token(self) -> tuple[str | None, str | None]:
        found = self.token()
        if found == (None, None):
            raise ConfigurationError(
                "chatdaddy:refreshToken",
                "is not set, nor is chatdaddy:apiToken: `pulumi config set --secret "
                f"chatdaddy:refreshToken` (it asks) or CHATDADDY_REFRESH_TOKEN; {_WHERE}",
            )
        return found

    def options(self) -> ClientOptions:
        """The client's options: ``chatdaddy:concurrency`` and ``chatdaddy:client``.

        Raises:
            ConfigurationError: one of them is not of its form.
        """
        found = {}
        for name, value in self._given_options():
            if isinstance(value, ConfigurationError):
                raise value
            found[name] = value
        return ClientOptions(**found)

    def _given_options(self) -> Iterator[tuple[str, Any]]:
        """The client's options that are set: each value, or what is wrong with it."""
        said = _read_json(self.get("client") or "{}")
        if not isinstance(said, dict):
            words = 'must be JSON of numbers such as {"retries": 5, "total_timeout_s": 300}'
            yield "client", ConfigurationError("chatdaddy:client", words)
            said = {}
        known = ClientOptions.__dataclass_fields__
        for name, value in said.items():
            if name not in known:
                words = f"gives {name}, which is no option{nearest(name, known)}"
            elif reason := problem_with(name, number := _as_number(value)):
                words = f"gives {name}, which {reason}"
            else:
                yield name, number
                continue
            yield name, ConfigurationError("chatdaddy:client", words)
        if concurrency := self.get("concurrency"):
            reason = problem_with("concurrency", number := _as_number(concurrency))
            wrong = ConfigurationError("chatdaddy:concurrency", str(reason))
            yield "concurrency", wrong if reason else number

    def prices(self) -> Prices:
        """What each tier costs.

        Raises:
            ConfigurationError: ``chatdaddy:prices`` is not of its form.
        """
        from chatdaddy_pulumi.lifecycle.prices import Prices

        try:
            return Prices.parse(self.get("prices"))
        except ValueError as error:
            raise ConfigurationError("chatdaddy:prices", str(error)) from None

    def verify(self) -> str:
        """``chatdaddy:verify``: ``up``, ``preview`` (and ``up``), or ``never``.

        Raises:
            ConfigurationError: it has another value.
        """
        said = self.get("verify") or "up"
        if said not in VERIFY:
            raise ConfigurationError(
                "chatdaddy:verify", f"is {said!r}, but must be one of {', '.join(VERIFY)}"
            )
        return said

    def problems(self) -> list[ConfigurationError]:
        """The problems of the settings."""
        readers: list[Callable[[], Any]] = [lambda: self.team_id, self._needed_token]
        readers += [partial(self.url, f"{name}Url") for name in ("base", *SERVICES)]
        readers += [self.prices, self.verify]
        found = [*self._misspelt()]
        for read in readers:
            try:
                read()
            except ConfigurationError as error:
                found.append(error)
        options = (one for _, one in self._given_options())
        return [*found, *(one for one in options if isinstance(one, ConfigurationError))]

    def _misspelt(self) -> Iterator[ConfigurationError]:
        """The settings of the stack whose names differ from ours in case or separators only."""
        known = {_letters(key): key for key in (*SETTINGS, *TOKENS)}
        for name in self._raw:
            namespace, _, key = name.rpartition(":")
            meant = known.get(_letters(key))
            if namespace == "chatdaddy" and meant not in (None, key):
                words = f"is no setting; did you mean 'chatdaddy:{meant}'?"
                yield ConfigurationError(name, words)


def _letters(key: str) -> str:
    return re.sub("[-_]", "", key).lower()


def _read_json(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    return None


def _as_number(said: Any) -> Any:
    """A number that is given as text, or is a whole number as a float; others as they are."""
    try:
        number = float(said)
    except (TypeError, ValueError, OverflowError):
        return said
    if isinstance(said, bool):
        return said
    return int(number) if number.is_integer() else number


def variable_of(key: str) -> str:
    """The environment variable of a setting: ``CHATDADDY_TEAM_ID`` for ``teamId``."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in key)
    return f"CHATDADDY_{words.upper()}"


def with_keys(text: str) -> str:
    """The client's message, which names environment variables, with the stack's keys added."""
    return re.sub(
        r"(?<!or )\bCHATDADDY_[A-Z_]+", lambda found: f"{_key_of(found[0])} or {found[0]}", text
    )


def _key_of(variable: str) -> str:
    """``CHATDADDY_TEAM_ID`` is ``chatdaddy:teamId`` in a stack."""
    first, *others = variable.removeprefix("CHATDADDY_").lower().split("_")
    return f"chatdaddy:{first}{''.join(other.capitalize() for other in others)}"


def _parts(said: Any) -> list[Any]:
    """A setting, and what messages show of it: an address's host, the words of some JSON."""
    text = _text(said) or ""
    found: list[Any] = [text]
    if address := parse(text):
        found += [address.text, address.host, urlsplit(address.text).netloc]
    with suppress(ValueError):
        known = json.loads(text)
        keys = known if isinstance(known, dict) else ()
        found += [known, *(key for key in keys if key not in ClientOptions.__dataclass_fields__)]
    return found


def _text(said: Any) -> str | None:
    return str(said).strip() or None if said is not None else None
