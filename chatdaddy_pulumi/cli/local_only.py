"""The stand-in engine works only with servers on this machine; real accounts need `pulumi up`."""

from __future__ import annotations

from collections.abc import Mapping

from chatdaddy_pulumi.client.addresses import is_local
from pulumi_standin.errors import EngineError

#: Each setting that is the address of a service, and its variable of the environment.
URL_KEYS = {
    f"{name}Url": f"CHATDADDY_{name.upper()}_URL"
    for name in ("base", "auth", "im", "payments", "events")
}


def check_urls(config: Mapping[str, object], env: Mapping[str, str], whose: str) -> None:
    """Raises `EngineError` unless every ChatDaddy address in `config` is on this machine.

    `config` is a stack's (`chatdaddy:baseUrl`) or an explicit provider's (`baseUrl`). The
    environment (`CHATDADDY_IM_URL`) gives what the configuration does not; without either, the
    address is that of the real ChatDaddy.
    """
    given = [
        (key, str(value))
        for key, value in config.items()
        if key.removeprefix("chatdaddy:") in URL_KEYS and isinstance(value, str)
    ]
    said = {key.removeprefix("chatdaddy:") for key, _ in given}
    for key, variable in URL_KEYS.items():
        if key not in said and env.get(variable, "").strip():
            given.append((variable, env[variable]))
            said.add(key)
    if "baseUrl" not in said and len(said) < len(URL_KEYS) - 1:
        raise EngineError(
            f"{whose} has no chatdaddy:baseUrl, so its accounts are real; the stand-in "
            "engine works only with servers on this machine: set it to the sandbox's address "
            "(chatdaddy-pulumi sandbox serve), or use `pulumi up`"
        )
    for key, url in given:
        if not is_local(url):
            # The address is not shown: it may be a secret, or hold one.
            raise EngineError(
                f"{whose} has a {key} that is not on this machine; the stand-in engine "
                "works only with servers on this machine: for real accounts use `pulumi up`"
            )
