"""Which proxy the environment names for an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from chatdaddy_pulumi.client.options import is_loopback

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, unless NO_PROXY exempts the host.

    This machine's own servers are never called through a proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxy = _named(f"{parts.scheme}_proxy", environment) or _named("all_proxy", environment)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    if not proxy or _exempt(host, port, _named("no_proxy", environment)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _named(name: str, environment: Mapping[str, str]) -> str:
    """The variable, whose lower-case name wins.

    HTTP_PROXY may come from a request's header if this is a CGI process.
    """
    if name in environment:
        return environment[name].strip()
    if name == "http_proxy" and "REQUEST_METHOD" in environment:
        return ""
    return environment.get(name.upper(), "").strip()


def _exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY lists the host: by its name or a parent domain, its address or network."""
    for entry in no_proxy.lower().split(","):
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
