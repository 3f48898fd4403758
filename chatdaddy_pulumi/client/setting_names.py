"""The names of the settings."""

from __future__ import annotations

from dataclasses import dataclass

#: Where the team ID and the tokens are shown.
API_SETTINGS = "https://app.chatdaddy.tech/settings/api"

#: Where payments are set up.
BILLING = "https://app.chatdaddy.tech/settings/billing"


@dataclass(frozen=True)
class Setting:
    """A setting. `key` is also the `setting` of errors that it caused."""

    what: str
    key: str
    variable: str

    def __str__(self) -> str:
        return f"{self.what} ({self.variable})"


REFRESH_TOKEN = Setting("refresh token", "refreshToken", "CHATDADDY_REFRESH_TOKEN")
API_TOKEN = Setting("API token", "apiToken", "CHATDADDY_API_TOKEN")
TEAM_ID = Setting("team ID", "teamId", "CHATDADDY_TEAM_ID")
BASE_URL = Setting("base URL", "baseUrl", "CHATDADDY_BASE_URL")

#: The services of ChatDaddy, each with an address of its own.
SERVICES = ("auth", "im", "payments", "events")

#: The settings that are always secrets.
TOKENS = (REFRESH_TOKEN.key, API_TOKEN.key)

#: The other settings, by their keys.
SETTINGS = (
    *(TEAM_ID.key, BASE_URL.key, *(f"{service}Url" for service in SERVICES)),
    *("concurrency", "prices", "client", "verify"),
)
