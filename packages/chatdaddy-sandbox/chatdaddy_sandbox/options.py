"""The options of the emulator: its address, its team, and answers to open questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

#: The default team and its refresh token. They are not secret, and valid only for this emulator.
DEFAULT_TEAM_ID = "team-sandbox-000000000001"
DEFAULT_REFRESH_TOKEN = "sandbox-refresh-token"  # noqa: S105


class SettingsPatch(str, Enum):
    """What `PATCH /accounts/{id}` does to `settings` (the API does not say)."""

    MERGE = "merge"
    REPLACE = "replace"


class ListOrder(str, Enum):
    """The order of accounts in a list (the API does not say)."""

    OLDEST = "oldest"
    NEWEST = "newest"


class WebhookTargets(str, Enum):
    """The URLs to which events are posted."""

    LOCAL = "local"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True)
class Options:
    """The options of one run. The defaults are those of `chatdaddy-pulumi sandbox serve`."""

    host: str = "127.0.0.1"
    port: int = 8080
    db: Path | None = None
    team_id: str = DEFAULT_TEAM_ID
    refresh_token: str = field(default=DEFAULT_REFRESH_TOKEN, repr=False)
    latency_ms: int = 0
    page_base: int = 0
    max_count: int = 100
    settings_patch: SettingsPatch = SettingsPatch.MERGE
    purchase_needs_auto_charge: bool = False
    recreate_charges: bool = False
    list_order: ListOrder = ListOrder.OLDEST
    deletion_delay_s: float = 0
    archive_s: float = 1
    webhook_targets: WebhookTargets = WebhookTargets.LOCAL
    allow_hosts: tuple[str, ...] = ()
