"""Whose credentials a client uses, and at which addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from chatdaddy_pulumi.client.options import DEFAULT_URLS, ServiceUrls


@dataclass(frozen=True)
class Credentials:
    """A team, one of the two tokens, and the addresses of the services."""

    team_id: str
    refresh_token: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    urls: ServiceUrls = DEFAULT_URLS

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials hold secrets and can't be pickled")
