"""Which proxy the environment names for an address."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from chatdaddy_pulumi.client.addresses import DEFAULT_PORTS, Address, is_loopback, parse
from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.redact import hide


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the headers for it."""

    tls: bool
    host: str
    port: int
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)


def proxy_for(address: Address, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy of HTTPS_PROXY or ALL_PROXY, unless NO_PROXY exempts the host.

    This machine's own servers are never called through a proxy. Raises `BadSetting` if the proxy
    can't be used, or if the address is one of ``http://``: the proxy would see the token.
    """
    if is_loopback(address.host):
        return None
    named = _named(f"{address.scheme}_proxy", environment) or _named("all_proxy", environment)
    port = address.port or DEFAULT_PORTS[address.scheme]
    if named is None or _exempt(address.host, port, _named("no_proxy", environment)):
        return None
    variable, value = named
    if address.scheme == "http":
        raise BadSetting(
            f"would see the token on its way to {address.text}: use https://, or name the host in "
            "NO_PROXY",
            call=f"the proxy of {variable}",
        )
    return _proxy(variable, value)


def _proxy(variable: str, value: str) -> Proxy:
    # Its value is not shown: it may have a password.
    found = parse(value if "://" in value else f"http://{value}")
    if found is None or found.path.strip("/") or found.more is not None:
        words = "is not an address such as 'http://proxy.example:3128'"
        raise BadSetting(words, call=f"the proxy of {variable}")
    if found.scheme not in DEFAULT_PORTS:
        words = f"is one of {found.scheme}://, but only http:// and https:// proxies can be used"
        raise BadSetting(words, call=f"the proxy of {variable}")
    if found.scheme == "https" and sys.version_info < (3, 11):
        words = "is one of https://, for which Python 3.11 is needed"
        raise BadSetting(words, call=f"the proxy of {variable}")
    user, password = None, None
    if found.login is not None:
        user, _, password = (unquote(part) for part in found.login.partition(":"))
        hide(password)
    return Proxy(
        tls=found.scheme == "https",
        host=found.host,
        port=found.port or DEFAULT_PORTS[found.scheme],
        user=user,
        password=password,
    )


def _named(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and its value. The lower-case name takes precedence, also if it is empty.

    In a CGI process HTTP_PROXY is ignored: it may come from a request's header.
    """
    if name in environment:
        variable = name
    elif name == "http_proxy" and "REQUEST_METHOD" in environment:
        return None
    else:
        variable = name.upper()
    value = environment.get(variable, "").strip()
    return (variable, value) if value else None


def _exempt(host: str, port: int, no_proxy: tuple[str, str] | None) -> bool:
    """Whether NO_PROXY lists the host: by its name or a parent domain, its address or network."""
    for entry in (no_proxy[1] if no_proxy else "").lower().split(","):
        name = entry.strip()
        if name == "*":
            return True
        if _network_has(name.strip("[]"), host):
            return True
        name, colon, digits = name.rpartition(":") if name.count(":") == 1 else (name, "", "")
        if colon and digits != str(port):
            continue
        name = name.lstrip("*").lstrip(".")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def _network_has(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
