"""Who may call the emulator: programs of this machine, and the emulator's own page.

A web page of another origin must not call the emulator from a browser on this machine: neither
directly (its `Origin` shows it) nor through a name that resolves to this machine (DNS rebinding:
its `Host` is that name).
"""

from __future__ import annotations

import ipaddress
import re

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


def refusal(scope: Scope, options: Options) -> str | None:
    """Return why a call is refused, or None if it is allowed."""
    netloc, *others = _values(scope, b"host") or [""]
    found = _NETLOC.fullmatch(netloc)
    if found is None or others:
        return "the call does not say plainly which host it is for"
    host = found["name"].strip("[]")
    if not _known(host, options):
        return f'the host "{host}" is not allowed here; start the sandbox with --allow-host {host}'
    own = {f"http://{netloc}", f"https://{netloc}"}  # a local proxy sends the latter
    if not own.issuperset(_values(scope, b"origin")):
        return "calls from other origins are not allowed"
    # A page on another port of this machine is same-site.
    own_site = {"same-origin", "none"}
    if scope["path"] != "/" and not own_site.issuperset(_values(scope, b"sec-fetch-site")):
        return "calls from other sites are not allowed"
    return None


#: A name or an address with a port, in the form that browsers send.
_NETLOC = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def _values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, in lower case."""
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]


def _known(host: str, options: Options) -> bool:
    if is_loopback(host) or host in (options.host.lower(), *options.allow_hosts):
        return True
    # If it listens on all addresses, any address of the machine is allowed. A name could be
    # rebound.
    if options.host in ("0.0.0.0", "::"):  # noqa: S104
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return False
