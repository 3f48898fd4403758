"""An account that a program asks for: plain values, since there may be tens of thousands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, NamedTuple

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec.identity import Identity, identity_of


@dataclass(frozen=True)
class Arguments:
    """The arguments that accounts may share; accounts with equal arguments share one object.

    `text` is the arguments as JSON, which the state keeps. Only `text` is compared.
    """

    text: str
    type: AccountType = field(compare=False, repr=False)
    tier: Tier = field(compare=False, repr=False)
    settings: dict[str, Any] | None = field(compare=False, repr=False)
    login_type: LoginType | None = field(compare=False, repr=False)
    assignees: list[str] | None = field(compare=False, repr=False)
    connect: bool = field(compare=False, repr=False)
    on_delete: OnDelete = field(compare=False, repr=False)

    @classmethod
    def of(
        cls,
        *,
        type: AccountType | str = AccountType.WHATSAPP,
        tier: Tier | str = Tier.LIMITED,
        settings: Mapping[str, Any] | None = None,
        login_type: LoginType | str | None = None,
        assignees: Sequence[str] | None = None,
        connect: bool = False,
        on_delete: OnDelete | str = OnDelete.DELETE,
    ) -> Arguments:
        """Make arguments from single values, in the API's words. Empty settings count as none.

        Raises:
            ValueError: a word is not one of the API's.
        """
        said = {
            "type": AccountType(type).value,
            "tier": Tier(tier).value,
            "settings": settings or None,
            "login_type": None if login_type is None else LoginType(login_type).value,
            "assignees": None if assignees is None else list(assignees),
            "connect": connect or None,
            "on_delete": OnDelete(on_delete).value,
        }
        given = {key: value for key, value in said.items() if value is not None}
        return cls.read(json.dumps(given, sort_keys=True, ensure_ascii=False))

    @staticmethod
    def read(text: str) -> Arguments:
        """The arguments of that text; the same object for the same text."""
        return _read(text)

    @property
    def kind(self) -> str:
        """What can't be changed about an account: its type, and its login type if it is given."""
        words = [self.type.value, *([] if self.login_type is None else [self.login_type.value])]
        return " ".join(words)

    def but(self, **changes: Any) -> Arguments:
        """The same arguments, some of them otherwise."""
        return Arguments.of(**({name: getattr(self, name) for name in ARGUMENTS} | changes))


#: The names of the arguments that accounts may share.
ARGUMENTS = tuple(one.name for one in fields(Arguments) if one.name != "text")


@lru_cache(maxsize=10_000)
def _read(text: str) -> Arguments:
    said = json.loads(text)
    login_type = said.get("login_type")
    return Arguments(
        text=text,
        type=AccountType(said["type"]),
        tier=Tier(said["tier"]),
        settings=said.get("settings"),
        login_type=None if login_type is None else LoginType(login_type),
        assignees=said.get("assignees"),
        connect=said.get("connect", False),
        on_delete=OnDelete(said["on_delete"]),
    )


class AccountSpec(NamedTuple):
    """An account that an `Account` or an entry of a fleet asks for."""

    nickname: str
    arguments: Arguments
    existing: Existing = Existing.FAIL
    allow_history_loss: bool = False
    #: The ID of the account to take over.
    adopt: str | None = None
    #: The keys that the entry had before.
    aliases: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """What identifies the account before it has an ID."""
        return identity_of(self.nickname, self.arguments.type.value)
