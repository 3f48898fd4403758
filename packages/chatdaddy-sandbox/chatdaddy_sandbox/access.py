"""Who may reach the emulator: this machine's own programs, and its own page.

A web page of another origin must not call the emulator from a browser on this machine: neither
directly (its `Origin` shows it) nor through a name that resolves to this machine (DNS rebinding:
its `Host` is that name).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.types import Scope

from chatdaddy_sandbox.options import Options


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: by its address, or as `localhost` itself.

    Names below `localhost` may mean anything to the system's resolver.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(netloc: str) -> str:
    """The name in `name:port` or `[address]:port`, in lower case."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str | None:
    """The host and port of an origin, in lower case; None if it is not one."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def refusal(scope: Scope, options: Options) -> str | None:
    """Why a call is refused; None if it may go on."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    netloc = headers.get(b"host", "")
    host = host_name(netloc)
    if not _known(host, options):
        return f'the host "{host}" is not allowed here; start the sandbox with --allow-host {host}'
    origin = headers.get(b"origin")
    if origin is not None and _netloc(origin) != netloc.lower():
        return "calls from other origins are not allowed"
    if headers.get(b"sec-fetch-site") == "cross-site" and scope["path"] != "/":
        return "calls from other sites are not allowed"
    return None


def _known(host: str, options: Options) -> bool:
    if is_loopback(host) or host in (options.host.lower(), *options.allow_hosts):
        return True
    # If it listens on all addresses, any address of the machine is right; a name could be rebound.
    if options.host in ("0.0.0.0", "::"):  # noqa: S104
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return False
