"""Who calls, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from chatdaddy_pulumi.client.options import DEFAULT_URLS, ServiceUrls


@dataclass(frozen=True)
class Credentials:
    """Who calls, and where. Give one of the two tokens."""

    team_id: str
    refresh_token: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    urls: ServiceUrls = DEFAULT_URLS

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials hold secrets and can't be pickled")
