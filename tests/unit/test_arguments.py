"""Each argument of an account is wherever it must be: what a new one may not miss."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from chatdaddy_pulumi import Account
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.plan import plan
from chatdaddy_pulumi.provider.fleet_display import in_words
from chatdaddy_pulumi.provider.state import arguments_of
from chatdaddy_pulumi.spec import rules
from chatdaddy_pulumi.spec.account import ARGUMENTS, AccountSpec, Arguments

#: Of each argument, another value than its default.
OTHER: dict[str, Any] = {
    "type": "mock",
    "tier": "unlimited_msg_chat_history",
    "settings": {"geoLocation": "HK"},
    "login_type": "facebook",
    "assignees": ["user-1"],
    "connect": True,
    "on_delete": "retain",
}

#: Arguments whose change patches nothing: how it is removed, and whether a connection is opened.
NOT_PATCHED = ("connect", "on_delete")


def test_account_has_a_keyword_for_each() -> None:
    assert set(rules.ACCOUNT) <= set(inspect.signature(Account.__init__).parameters)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_change_of_it_replaces_or_patches_the_account(name: str) -> None:
    held = HeldAccount("acc0001", "alice", Arguments.of())
    spec = AccountSpec("alice", Arguments.of(**{name: OTHER[name]}))
    todo = plan({"": held}, {"": spec})
    assert todo.replace or todo.change
    assert todo.replace or held.differences(spec) or name in NOT_PATCHED


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_preview_of_a_fleet_shows_it(name: str) -> None:
    usual, other = Arguments.of(), Arguments.of(**{name: OTHER[name]})
    assert in_words("alice", "alice", other, usual) != in_words("alice", "alice", usual, usual)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_state_of_an_account_keeps_it(name: str) -> None:
    assert arguments_of({name: OTHER[name]}) == Arguments.of(**{name: OTHER[name]})
