"""Which addresses may get a token.

One pattern parses an address, and accepts only its plainest form: no user, no escapes, only ASCII,
no unusual notation of an IP address. So the host that is checked is the host that is called.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.redact import one_line

_HOST = r"\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?"
_URL = re.compile(
    rf"(?P<scheme>[a-z0-9]+)://(?:(?P<login>[^/?#@\\\s]*)@)?(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/[a-z0-9._~!$&'()*+,;=:@%/-]*)?(?P<more>[?#].*)?",
    # Without ASCII, the signs for Kelvin and for a long s are letters, too.
    re.IGNORECASE | re.ASCII,
)
DEFAULT_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)

_OWN_NETWORKS = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
] + [ipaddress.ip_network(network) for network in ("::1/128", "fc00::/7")]


@dataclass(frozen=True)
class Address:
    """A URL's parts. `host` is in lower case and without brackets."""

    scheme: str
    host: str
    #: None if it is the scheme's own.
    port: int | None
    path: str
    login: str | None
    more: str | None

    @property
    def text(self) -> str:
        """The URL, without login, query and fragment, and without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path.rstrip('/')}"


def parse(url: str) -> Address | None:
    """The URL's parts; None if it is not one in its plainest form."""
    found = _URL.fullmatch(url.strip())
    if found is None:
        return None
    host, port = found["host"].lower(), found["port"]
    if host.startswith("["):
        host = host[1:-1]
        plain = ip_of(host) is not None
    else:
        plain = _is_name(host) or ip_of(host) is not None
    if not plain or (port is not None and not 0 < int(port) < 65_536):
        return None
    scheme = found["scheme"].lower()
    return Address(
        scheme=scheme,
        host=host,
        port=None if port is None or int(port) == DEFAULT_PORTS.get(scheme) else int(port),
        path=found["path"] or "",
        login=found["login"],
        more=found["more"],
    )


def checked(url: str, what: str, setting: str | None = None) -> str:
    """The base URL as it is called, without a slash at its end.

    Raises `BadSetting` if it is not a base URL, or if tokens would be sent unencrypted.
    """
    address = parse(url)
    if address is None or address.scheme not in ("http", "https"):
        words = f"{one_line(url, 100)!r} is not a URL such as 'https://api.chatdaddy.tech'"
        raise BadSetting(words, call=f"the {what}", setting=setting)
    if address.login is not None or address.more is not None:
        raise BadSetting("must be only scheme, host and path", call=f"the {what}", setting=setting)
    if address.scheme == "http" and not is_own(address.host):
        raise BadSetting(
            f"{one_line(url, 100)!r} would send the token unencrypted; use https://",
            call=f"the {what}",
            setting=setting,
        )
    return address.text


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its address or as ``localhost``."""
    ip = ip_of(host)
    return host == "localhost" if ip is None else ip in _OWN_NETWORKS[0] or ip in _OWN_NETWORKS[4]


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine."""
    address = parse(url)
    return address is not None and is_loopback(address.host)


def is_own(host: str) -> bool:
    """This machine, or an address that is only in one's own network."""
    ip = ip_of(host)
    return is_loopback(host) or any(ip in network for network in _OWN_NETWORKS if ip is not None)


def _is_name(host: str) -> bool:
    """Whether it can be a DNS name. If the last label is a number, it is an IP address."""
    labels = host.split(".")
    fits = len(host) <= 253 and all(0 < len(label) <= 63 for label in labels)
    return fits and not _NUMBER.fullmatch(labels[-1])


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
