"""An `Account`'s arguments as its provider uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.dynamic import CheckFailure

from chatdaddy_pulumi.enums import Existing, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.purchase import Wanted
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.reading import read_account


def read_arguments(given: Mapping[str, Any]) -> tuple[AccountArguments | None, list[CheckFailure]]:
    """The arguments, and every problem, each by its property's name."""
    found = read_account(given)
    failures = [CheckFailure(*problem) for problem in found.problems]
    return (None if found.spec is None else AccountArguments(found.spec)), failures


@dataclass(frozen=True)
class AccountArguments:
    """`Account`'s arguments, checked."""

    spec: AccountSpec

    @property
    def nickname(self) -> str:
        return self.spec.nickname

    @property
    def tier(self) -> Tier:
        return self.spec.arguments.tier

    @property
    def settings(self) -> dict[str, Any] | None:
        return self.spec.arguments.settings

    @property
    def connect(self) -> bool:
        return self.spec.arguments.connect

    @property
    def on_delete(self) -> OnDelete:
        return self.spec.arguments.on_delete

    @property
    def existing(self) -> Existing:
        return self.spec.existing

    @property
    def adopt(self) -> str | None:
        return self.spec.adopt

    @property
    def allow_history_loss(self) -> bool:
        return self.spec.allow_history_loss

    def said(self) -> dict[str, Any]:
        """As plain values."""
        wanted = self.wanted()
        said = {
            **vars(wanted),
            "on_delete": self.on_delete.value,
            "existing": self.existing.value,
            "adopt": self.adopt,
            "allow_history_loss": self.allow_history_loss,
        }
        return {name: value for name, value in said.items() if value is not None}

    def wanted(self) -> Wanted:
        """What of it the account itself has."""
        asked = self.spec.arguments
        return Wanted(
            nickname=self.nickname,
            type=asked.type.value,
            tier=asked.tier.value,
            settings=asked.settings,
            assignees=asked.assignees,
            login_type=asked.login_type.value if asked.login_type else None,
            connect=asked.connect,
        )
