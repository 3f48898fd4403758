"""The stand-in engine touches servers on this machine only; real accounts are for `pulumi up`."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from chatdaddy_pulumi.sandbox.engine.errors import EngineError

URL_KEYS = ("baseUrl", "authUrl", "imUrl", "paymentsUrl", "eventsUrl")
_ENV = "CHATDADDY_BASE_URL"


def check_urls(config: Mapping[str, object], env: Mapping[str, str], whose: str) -> None:
    """Raises `EngineError` unless every ChatDaddy address in `config` is on this machine.

    `config` is a stack's (`chatdaddy:baseUrl`) or an explicit provider's (`baseUrl`). Where it has
    no base URL the environment's counts, and without either it would be the real ChatDaddy.
    """
    base = ("chatdaddy:baseUrl", "baseUrl")
    given = [
        (key, str(value))
        for key, value in config.items()
        if key.removeprefix("chatdaddy:") in URL_KEYS and isinstance(value, str)
    ]
    if not any(key in base for key, _ in given):
        if env.get(_ENV):
            given.append((_ENV, env[_ENV]))
        elif not all(
            f"{name}Url" in _names(given) for name in ("auth", "im", "payments", "events")
        ):
            raise EngineError(
                f"{whose} has no chatdaddy:baseUrl and so means the real ChatDaddy; the stand-in "
                "engine drives only servers on this machine: set it to the sandbox's address "
                "(chatdaddy-pulumi sandbox serve), or use `pulumi up`"
            )
    for key, url in given:
        if not is_local(url):
            raise EngineError(
                f"{whose} has {key} {url}, which is not on this machine; the stand-in engine "
                "drives only servers on this machine: for real accounts use `pulumi up`"
            )


def _names(given: list[tuple[str, str]]) -> set[str]:
    return {key.removeprefix("chatdaddy:") for key, _ in given}


def is_local(url: str) -> bool:
    """Whether the URL's host is the loopback."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
