"""The types that programs import: they are cheap to import, and list the allowed values."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from typing import get_args

import pytest

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec import limits, rules, types


@pytest.mark.parametrize(
    ("words", "kind", "short"),
    [
        (types.TierWord, Tier, ["limited", "unlimited"]),
        (types.TypeWord, AccountType, []),
        (types.LoginTypeWord, LoginType, []),
        (types.OnDeleteWord, OnDelete, []),
        (types.ExistingWord, Existing, []),
    ],
)
def test_the_values_are_those_of_the_rules(
    words: object, kind: type[Enum], short: list[str]
) -> None:
    assert [*get_args(words)] == [*short, *(member.value for member in kind)]


def test_the_names_are_those_of_the_rules() -> None:
    assert set(types.AccountSettings.__annotations__) == set(rules.SETTINGS)
    assert set(types.FleetDefaults.__annotations__) == set(rules.SHARED)
    assert set(types.SettingsOutput.__annotations__) == set(rules.SETTINGS)
    assert set(types.FleetLimitsArgs.__annotations__) == set(limits.Limits._fields)
    assert set(types.AccountArgs.__annotations__) == set(rules.ENTRY)


def test_programs_import_nothing_heavy_for_it() -> None:
    code = (
        "import sys; from chatdaddy_pulumi.spec import "
        "UNKNOWN, account, files, identity, limits, reading, types; "
        "assert not {'pydantic', 'httpx', 'pulumi', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
