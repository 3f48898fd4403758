"""The identity (nickname and type) in the raw arguments of a program."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.enums import AccountType, Existing
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity, entries
from chatdaddy_pulumi.spec.reading import read_account, read_fleet
from tests.unit.spec.values import FLEET, GOOD_FLEET, JSON


def test_an_account_has_no_key() -> None:
    said = {"nickname": "Alice ", "type": AccountType.SMS, "existing": Existing.ALLOW}
    found = entries("account", {**said, "adopt": "acc0001", "settings": object()})
    assert found == {"": DeclaredIdentity("Alice ", "sms", "acc0001", (), "allow")}
    assert found[""].identity == Identity("Alice", "sms")
    assert entries("account", {"nickname": "a"}) == {"": DeclaredIdentity("a", "wa")}


def test_a_fleet_has_defaults() -> None:
    accounts = {
        "a": None,
        "b": {"nickname": "Bob", "type": "wa", "aliases": ["old", 5, UNKNOWN]},
        "c": {"existing": "fail", "adopt": UNKNOWN},
    }
    given_ = {"defaults": {"type": AccountType.MOCK}, "existing": "allow"}
    expected = {
        "a": DeclaredIdentity("a", "mock", existing="allow"),
        "b": DeclaredIdentity("Bob", "wa", None, ("old",), "allow"),
        "c": DeclaredIdentity("c", "mock", adopts_late=True),
    }
    assert entries("fleet", {"accounts": json.dumps(accounts), **given_}) == expected
    assert entries("fleet", {"accounts": accounts, **given_}) == expected


def test_unknown_and_wrong_entries_have_no_identity() -> None:
    assert entries("account", {"nickname": UNKNOWN})[""].identity is None
    assert entries("account", {"nickname": "a", "type": UNKNOWN})[""].identity is None
    assert entries("account", {"nickname": "a", "type": "whatsapp"})[""].type is None
    assert entries("account", {"nickname": 5}) == {"": DeclaredIdentity(None, "wa")}
    assert entries("fleet", {"accounts": UNKNOWN}) == {}
    assert entries("fleet", {"accounts": "{"}) == {}
    late = entries("fleet", {"accounts": '{"a": {}}', "defaults": UNKNOWN})["a"]
    assert (late.nickname, late.type, late.existing) == ("a", None, None)


@given(fleet=GOOD_FLEET, kind=st.none() | st.sampled_from(["wa", "sms"]))
def test_a_valid_entry_has_the_identity_that_the_check_finds(
    fleet: dict[str, Any], kind: Any
) -> None:
    defaults = {"type": kind}
    specs = read_fleet(fleet, defaults=defaults).specs
    found = entries("fleet", {"accounts": json.dumps(fleet), "defaults": defaults})
    assert {key: one.identity for key, one in found.items()} == {
        key: spec.identity for key, spec in specs.items()
    }
    assert {key: one.existing for key, one in found.items()} == {
        key: spec.existing.value for key, spec in specs.items()
    }
    for key, own in fleet.items():
        said = {"nickname": key, **(own or {})}
        spec = read_account(said).spec
        assert spec is not None
        assert entries("account", said)[""].identity == spec.identity


@given(accounts=FLEET | JSON, defaults=JSON, existing=JSON)
def test_any_value_is_accepted(accounts: Any, defaults: Any, existing: Any) -> None:
    given_ = {"accounts": accounts, "defaults": defaults, "existing": existing}
    entries("fleet", given_)
    entries("fleet", {**given_, "accounts": json.dumps(accounts)})
    if isinstance(accounts, dict):
        entries("account", accounts)


def test_of_an_entry_that_is_not_known_yet_nothing_is_known() -> None:
    found = entries("fleet", {"accounts": {"k": UNKNOWN}, "existing": "allow"})
    assert found == {"k": DeclaredIdentity(None, None, existing=None, adopts_late=True)}
