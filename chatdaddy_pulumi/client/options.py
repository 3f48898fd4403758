"""Where ChatDaddy is, and how patiently it is called."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.redact import one_line

_SERVICES = ("auth", "im", "payments", "events")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_near(host: str) -> bool:
    """This machine, or a host that can only be in one's own network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return is_loopback(host) or "." not in host


def _checked(url: str, what: str) -> str:
    """The URL without its last slash; raises `BadSetting` where it can't be one."""
    shown = one_line(url)
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise BadSetting(
            f"{shown!r} is not a URL such as 'https://api.chatdaddy.tech'", call=f"the {what}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadSetting("must be only scheme, host and path", call=f"the {what}")
    if parts.scheme == "http" and not _is_near(host):
        raise BadSetting(
            f"{shown!r} would send the token unencrypted; use https://", call=f"the {what}"
        )
    return url.strip().rstrip("/")


@dataclass(frozen=True)
class ServiceUrls:
    """The base URL of each service, without a slash at the end."""

    auth: str = "https://api.chatdaddy.tech/auth"
    im: str = "https://api.chatdaddy.tech/im"
    payments: str = "https://api.chatdaddy.tech/payments"
    events: str = "https://api.chatdaddy.tech/events"

    def __post_init__(self) -> None:
        for name in _SERVICES:
            checked = _checked(getattr(self, name), f"base URL of the {name} service")
            object.__setattr__(self, name, checked)

    @classmethod
    def from_base(
        cls,
        base: str = "https://api.chatdaddy.tech",
        *,
        auth: str | None = None,
        im: str | None = None,
        payments: str | None = None,
        events: str | None = None,
    ) -> ServiceUrls:
        """All services under one root, each of them overridable."""
        root = _checked(base, "base URL")
        return cls(
            auth=auth or f"{root}/auth",
            im=im or f"{root}/im",
            payments=payments or f"{root}/payments",
            events=events or f"{root}/events",
        )

    def all(self) -> list[str]:
        """The base URLs of all services."""
        return [self.auth, self.im, self.payments, self.events]


DEFAULT_URLS = ServiceUrls()


@dataclass(frozen=True)
class ClientOptions:
    """How patiently ChatDaddy is called. Times in seconds.

    `retries` and `retry_delay_s` are those of ChatDaddy's official client.
    """

    #: Calls in flight at once; halved at each 429 and grown back by one a round.
    concurrency: int = 32
    #: Retries after the first, where nothing happened or repeating is harmless.
    retries: int = 3
    #: Retries after the first for 429, of which a busy team sees many.
    rate_limit_retries: int = 20
    #: The first delay; doubled each time, and up to half of it taken off at random.
    retry_delay_s: float = 0.5
    #: The longest delay, unless `Retry-After` asks for more.
    retry_delay_max_s: float = 20.0
    #: To connect, TLS included.
    connect_timeout_s: float = 10.0
    #: Between two pieces of an answer.
    read_timeout_s: float = 60.0
    #: For a whole call from its first try on, with its retries and their delays.
    total_timeout_s: float = 180.0
    #: For how long a purchase whose answer was lost is looked for.
    lookup_s: float = 30.0
    #: Accounts asked for in one page; servers may give fewer.
    page_size: int = 100
    #: Pages of one listing; more than that is taken for a server that never ends.
    max_pages: int = 2_000
    #: Age up to which a listing of the team's accounts serves further reads.
    snapshot_max_age_s: float = 60.0
    #: For how long a lone read waits for others to share a listing with.
    batch_window_s: float = 0.03
    #: The longest answer that is read, in bytes.
    max_answer_bytes: int = 32 * 1024 * 1024
    #: A file with a further certificate authority (PEM); also SSL_CERT_FILE is honoured.
    ca_file: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 1 if field.name in _AT_LEAST_ONE else 0
            if isinstance(value, (int, float)) and not value >= least:
                raise BadSetting(f"must be at least {least}, not {value}", call=field.name)


_AT_LEAST_ONE = {"concurrency", "page_size", "max_pages", "max_answer_bytes"}
