"""What a fleet wants of an account, and what it holds: plain values, ten thousands of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from chatdaddy_pulumi.enums import Existing, OnDelete
from chatdaddy_pulumi.lifecycle.change import Held
from chatdaddy_pulumi.lifecycle.purchase import Wanted

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount as Account


@dataclass(frozen=True)
class Terms:
    """What an entry asks for, its nickname apart; entries that ask for the same share one.

    `text` is the same as JSON, which the state keeps.
    """

    text: str
    type: str = field(compare=False)
    tier: str = field(compare=False)
    settings: dict[str, Any] | None = field(compare=False)
    login_type: str | None = field(compare=False)
    assignees: list[str] | None = field(compare=False)
    connect: bool = field(compare=False)
    on_delete: OnDelete = field(compare=False)

    @classmethod
    def of(
        cls,
        *,
        type: str,
        tier: str,
        settings: Mapping[str, Any] | None = None,
        login_type: str | None = None,
        assignees: list[str] | None = None,
        connect: bool = False,
        on_delete: OnDelete = OnDelete.DELETE,
    ) -> Terms:
        said = {
            "type": type,
            "tier": tier,
            "settings": settings,
            "login_type": login_type,
            "assignees": assignees,
            "connect": connect or None,
            "on_delete": on_delete.value,
        }
        given = {key: value for key, value in said.items() if value is not None}
        return cls.read(json.dumps(given, sort_keys=True, ensure_ascii=False))

    @staticmethod
    @cache
    def read(text: str) -> Terms:
        """The terms of that text; the same object for the same text."""
        said = json.loads(text)
        return Terms(
            text=text,
            type=said["type"],
            tier=said["tier"],
            settings=said.get("settings"),
            login_type=said.get("login_type"),
            assignees=said.get("assignees"),
            connect=said.get("connect", False),
            on_delete=OnDelete(said["on_delete"]),
        )

    def but(self, **changes: Any) -> Terms:
        """The same terms, some of them otherwise."""
        return Terms.of(
            **{
                "type": self.type,
                "tier": self.tier,
                "settings": self.settings,
                "login_type": self.login_type,
                "assignees": self.assignees,
                "connect": self.connect,
                "on_delete": self.on_delete,
                **changes,
            }
        )


class Entry(NamedTuple):
    """An account as the program has it, under a key of its fleet."""

    nickname: str
    terms: Terms
    existing: Existing = Existing.FAIL
    allow_history_loss: bool = False
    adopt: str | None = None

    def wanted(self) -> Wanted:
        terms = self.terms
        return Wanted(
            nickname=self.nickname,
            type=terms.type,
            tier=terms.tier,
            settings=terms.settings,
            assignees=terms.assignees,
            login_type=terms.login_type,
            connect=terms.connect,
        )


class Record(NamedTuple):
    """An account that the fleet holds, as it was last asked for and seen."""

    account_id: str
    nickname: str
    terms: Terms
    state: str = "close"
    #: What is otherwise than asked for: `nickname`, `tier`, `settings`, `assignees`, `deleted`.
    drift: Mapping[str, Any] | None = None

    @classmethod
    def seen(cls, account: Account, nickname: str, terms: Terms) -> Record:
        """The account as ChatDaddy shows it, beside what was asked for."""
        return cls(
            account.account_id,
            nickname,
            terms,
            account.state or "",
            _drift(account, terms, nickname),
        )

    @property
    def tier(self) -> str | None:
        """The tier that it has, whatever was asked for."""
        found: str | None = (self.drift or {}).get("tier", self.terms.tier)
        return found

    @property
    def deleted(self) -> bool:
        """Whether somebody else deleted it, and it is in its 24 hours of grace."""
        return bool((self.drift or {}).get("deleted"))

    def held(self) -> Held:
        """The account as far as a patch could change it."""
        seen = self.drift or {}
        terms = self.terms
        return Held(
            account_id=self.account_id,
            nickname=seen.get("nickname", self.nickname),
            tier=seen.get("tier", terms.tier),
            settings={**(terms.settings or {}), **seen.get("settings", {})},
            assignees=seen.get("assignees", terms.assignees),
        )

    def differences(self, entry: Entry) -> dict[str, Any]:
        """What a patch would have to change, by the account's attributes."""
        if self.drift is None and entry.terms is self.terms and entry.nickname == self.nickname:
            return {}
        return self.held().differences(entry.wanted())


def digest(accounts: Mapping[str, Entry] | Mapping[str, Record]) -> str:
    """Of what is asked for: the same for entries, and for the records of them."""
    found = hashlib.sha256()
    for key in sorted(accounts):
        one = accounts[key]
        found.update(f"{key}\t{one.nickname}\t{one.terms.text}\n".encode())
    return found.hexdigest()[:12]


def _drift(account: Account, terms: Terms, nickname: str) -> dict[str, Any] | None:
    drift: dict[str, Any] = {}
    if account.nickname != nickname:
        drift["nickname"] = account.nickname
    if account.tier != terms.tier:
        drift["tier"] = account.tier
    named = terms.settings or {}
    seen = account.settings or {}
    otherwise = {key: seen.get(key) for key, value in named.items() if seen.get(key) != value}
    if otherwise:
        drift["settings"] = otherwise
    if terms.assignees is not None and sorted(account.assignees or []) != sorted(terms.assignees):
        drift["assignees"] = account.assignees or []
    if account.deleted_at is not None:
        drift["deleted"] = True
    return drift or None
