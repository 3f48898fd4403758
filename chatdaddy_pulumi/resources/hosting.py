"""What all providers share in the provider host: configuration, errors for people, the bridge.

The host (`python -m pulumi.dynamic`) calls a provider from 4 threads; every call runs its
coroutine on the one event loop of `api.bridge`, over the one client of the process and team.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pulumi.dynamic import CheckFailure, ConfigureRequest, ResourceProvider
from pulumi.output import Unknown
from pulumi.runtime import rpc

from chatdaddy_pulumi.client import BadSetting, ChatDaddyError, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.credentials import Credentials
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.resources.stopping import heed_engine

# The client and pydantic take half a second to import, and a preview without changes needs
# neither: they are imported where they are used.
if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.lifecycle.prices import Prices

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_BASE_URL = "https://api.chatdaddy.tech"


class ChatDaddyFailure(Exception):
    """What a person reads; the host prints the class's name before the message."""


# The host shows an exception as a traceback's last line, with the module where it has one.
ChatDaddyFailure.__name__ = ChatDaddyFailure.__qualname__ = "ChatDaddy"
ChatDaddyFailure.__module__ = "builtins"


class ConfigurationError(Exception):
    """A setting is missing or wrong; `property` names it as the stack's configuration does."""

    def __init__(self, property_: str, reason: str) -> None:
        super().__init__(f"{property_} {reason}")
        self.property = property_
        self.reason = reason


def clean_errors(operation: Callable[P, R]) -> Callable[P, R]:
    """One line for the failures that we expect, the whole story for those that are our bugs."""

    @functools.wraps(operation)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        _show_tracebacks(True)
        try:
            return operation(*args, **kwargs)
        except (ChatDaddyError, LifecycleError, ConfigurationError) as error:
            message = str(error)
        except Exception:
            message = (
                "this is a bug in chatdaddy-pulumi; please report it with the lines below\n"
                + traceback.format_exc()
            )
        _show_tracebacks(False)
        raise ChatDaddyFailure(message)

    return wrapped


def _show_tracebacks(shown: bool) -> None:
    """The host formats what we raise with `traceback.format_exc`, which heeds this limit."""
    if shown:
        if hasattr(sys, "tracebacklimit"):
            del sys.tracebacklimit
    else:
        sys.tracebacklimit = 0


class Settings:
    """The provider's configuration: an explicit `Provider`, the stack's, or the environment's."""

    def __init__(self, raw: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        #: From the first to ask to the last: each answers None where it says nothing.
        self._layers: tuple[Callable[[str], Any], ...] = (
            raw.get,
            lambda key: raw.get(f"chatdaddy:{key}"),
            lambda key: environment.get(variable_of(key)),
        )

    def get(self, key: str) -> str | None:
        """The first layer that says anything of `key`, e.g. ``teamId``."""
        return next((said for layer in self._layers if (said := _text(layer(key)))), None)

    def token(self) -> tuple[str | None, str | None]:
        """The refresh token or the API token, of the first layer that has either."""
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

    def credentials(self) -> Credentials:
        """Who we are and where the services stand.

        Raises:
            ConfigurationError: naming the one setting that is missing or wrong, and its remedy.
        """
        team_id = self.get("teamId")
        if team_id is None:
            raise ConfigurationError(
                "chatdaddy:teamId",
                "is not set: `pulumi config set chatdaddy:teamId …` or CHATDADDY_TEAM_ID; "
                "it stands at https://app.chatdaddy.tech/settings/api",
            )
        refresh_token, api_token = self.token()
        if refresh_token is None and api_token is None:
            raise ConfigurationError(
                "chatdaddy:refreshToken",
                "is not set, nor is chatdaddy:apiToken: `pulumi config set --secret "
                "chatdaddy:refreshToken …` or CHATDADDY_REFRESH_TOKEN; "
                "it stands at https://app.chatdaddy.tech/settings/api",
            )
        services = {name: self.url(f"{name}Url") for name in ("auth", "im", "payments", "events")}
        urls = ServiceUrls.from_base(self.url("baseUrl") or DEFAULT_BASE_URL, **services)
        return Credentials(
            team_id=team_id, refresh_token=refresh_token, api_token=api_token, urls=urls
        )

    def options(self) -> ClientOptions:
        """How patiently ChatDaddy is called: ``chatdaddy:concurrency`` and ``chatdaddy:client``.

        Raises:
            ConfigurationError: one of them is not of its form.
        """
        if not (self.get("client") or self.get("concurrency")):
            return ClientOptions()
        from pydantic import TypeAdapter, ValidationError

        given: dict[str, Any] = {}
        if patience := self.get("client"):
            try:
                given = TypeAdapter(dict[str, float | str | None]).validate_json(patience)
            except ValidationError:
                raise ConfigurationError(
                    "chatdaddy:client",
                    'must be JSON of numbers such as {"retries": 5, "total_timeout_s": 300}',
                ) from None
        if unknown := sorted(given.keys() - ClientOptions.__dataclass_fields__.keys()):
            raise ConfigurationError(
                "chatdaddy:client",
                f"names {', '.join(unknown)}, but there are only "
                + ", ".join(ClientOptions.__dataclass_fields__),
            )
        if concurrency := self.get("concurrency"):
            given["concurrency"] = concurrency
        try:
            return TypeAdapter(ClientOptions).validate_python(given)
        except ValidationError as error:
            problem = error.errors()[0]
            said = ": ".join([*map(str, problem["loc"]), problem["msg"]])
            setting = "concurrency" if "concurrency" in said else "client"
            raise ConfigurationError(f"chatdaddy:{setting}", f"is wrong: {said}") from None


def variable_of(key: str) -> str:
    """The environment's name of a setting: ``teamId`` is ``CHATDADDY_TEAM_ID``."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in key)
    return f"CHATDADDY_{words.upper()}"


def _text(said: Any) -> str | None:
    return str(said).strip() or None if said is not None else None


class HostedProvider(ResourceProvider):
    """The base of every provider's implementation."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = Settings({}, os.environ)
        heed_engine()

    def configure(self, req: ConfigureRequest) -> None:
        # `Config.get` adds the project's name to a key without a namespace, and an explicit
        # provider's properties have none: only the mapping itself has them.
        self.settings = Settings(req.config._props, os.environ)

    @property
    def prices(self) -> Prices:
        """What each tier costs, as configured.

        Raises:
            ConfigurationError: ``chatdaddy:prices`` is not of its form.
        """
        from chatdaddy_pulumi.lifecycle.prices import Prices

        try:
            return Prices.parse(self.settings.get("prices"))
        except ValueError as error:
            raise ConfigurationError("chatdaddy:prices", str(error)) from None

    @property
    def client(self) -> ChatDaddy:
        """The process's client for the configured team."""
        from chatdaddy_pulumi.client.bridge import client_for

        return client_for(self.settings.credentials(), self.settings.options())

    def run(self, work: Callable[[ChatDaddy], Coroutine[Any, Any, R]]) -> R:
        """Run the work on the shared loop, over the shared client."""
        from chatdaddy_pulumi.client.bridge import run

        return run(work(self.client))

    def configuration_failures(self) -> list[CheckFailure]:
        """What is wrong with the settings, found in the preview."""
        try:
            self.settings.credentials()
            self.settings.options()
            if self.settings.get("prices"):
                _ = self.prices
        except ConfigurationError as error:
            return [CheckFailure(error.property, error.reason)]
        return []


def secret(value: Any) -> Any:
    """The value as the protocol marks secrets: the engine encrypts it wherever it stands."""
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def split_unknowns(news: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What can be checked now, and what a preview doesn't know yet (whole properties)."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in news.items():
        if key.startswith("__") or value is None:
            continue
        (unknown if has_unknown(value) else known)[key] = value
    return known, unknown


def has_unknown(value: Any) -> bool:
    """Whether any value inside is one that a preview doesn't know yet."""
    if isinstance(value, dict):
        return any(has_unknown(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_unknown(inner) for inner in value)
    return isinstance(value, Unknown) or bool(value == rpc.UNKNOWN)
