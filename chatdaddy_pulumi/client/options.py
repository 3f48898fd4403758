"""ChatDaddy's addresses, and options for calling it: time-outs, retries, limits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from chatdaddy_pulumi.client.addresses import checked
from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.setting_names import SERVICES


@dataclass(frozen=True)
class ServiceUrls:
    """The base URL of each service, without a slash at the end."""

    auth: str = "https://api.chatdaddy.tech/auth"
    im: str = "https://api.chatdaddy.tech/im"
    payments: str = "https://api.chatdaddy.tech/payments"
    events: str = "https://api.chatdaddy.tech/events"

    def __post_init__(self) -> None:
        for name in SERVICES:
            what = f"base URL of the {name} service"
            object.__setattr__(self, name, checked(getattr(self, name), what, f"{name}Url"))

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
        root = checked(base, "base URL", "baseUrl")
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
    """Time-outs, retries and limits. Times in seconds.

    `retries` and `retry_delay_s` are those of ChatDaddy's official client.
    """

    #: The most concurrent calls. They begin at 16 and grow while ChatDaddy does not get slower.
    concurrency: int = 64
    #: Tries after the first, if nothing happened or the call is idempotent.
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
    #: How long after it was sent a purchase of a killed run may still succeed.
    slowest_purchase_s: float = 900.0
    #: Accounts asked for in one page; servers may give fewer.
    page_size: int = 100
    #: Pages of one listing; more than that is taken for a server that never ends.
    max_pages: int = 2_000
    #: For reading all pages of one listing.
    listing_timeout_s: float = 600.0
    #: The most bytes of all pages of one listing, decompressed.
    max_listing_bytes: int = 256 * 1024 * 1024
    #: Age up to which a listing of the team's accounts serves further reads.
    snapshot_max_age_s: float = 60.0
    #: For how long a lone read waits for others to share a listing with.
    batch_window_s: float = 0.03
    #: The most bytes of an answer, decompressed.
    max_answer_bytes: int = 32 * 1024 * 1024
    #: A file with a further certificate authority (PEM); also SSL_CERT_FILE is honoured.
    ca_file: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if reason := problem_with(field.name, getattr(self, field.name)):
                raise BadSetting(reason, call=field.name)


_AT_LEAST_ONE = {"concurrency", "page_size", "max_pages", "max_answer_bytes", "max_listing_bytes"}

#: The type of each option, as it is annotated.
_TYPES = {field.name: str(field.type) for field in fields(ClientOptions)}


def problem_with(name: str, value: Any) -> str | None:
    """What is wrong with the value of an option; None if it is right."""
    if _TYPES[name] == "str | None":
        return None if value is None or isinstance(value, str) else f"must be a text, not {value!r}"
    is_whole, least = _TYPES[name] == "int", 1 if name in _AT_LEAST_ONE else 0
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and value >= least and (not is_whole or float(value).is_integer()):
        return None
    return f"must be a {'whole ' if is_whole else ''}number of at least {least}, not {value!r}"
