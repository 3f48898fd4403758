"""Reading raw arguments."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments
from chatdaddy_pulumi.spec.reading import read_account, read_fleet
from tests.unit.spec.values import FLEET, GOOD_FLEET, JSON


def problems(accounts: Any, **arguments: Any) -> dict[str, str]:
    found = read_fleet(accounts, **arguments).problems
    assert len({property_ for property_, _ in found}) == len(found)
    return dict(found)


# --- one account


def test_an_account_with_all_attributes() -> None:
    found = read_account(
        {
            "nickname": "Alice",
            "type": AccountType.INSTAGRAM,
            "tier": "unlimited",
            "settings": {"maxMessageSync": 5.0, "geoLocation": None, "new": {"a": [1.0, None]}},
            "login_type": "facebook",
            "assignees": ["u1"],
            "on_delete": OnDelete.ARCHIVE,
            "existing": "adopt",
            "adopt": "acc0001",
            "connect": True,
            "allow_history_loss": True,
            "__run": 5,
        }
    )
    assert found.problems == []
    assert found.spec == AccountSpec(
        "Alice",
        Arguments.of(
            type=AccountType.INSTAGRAM,
            tier=Tier.UNLIMITED,
            settings={"maxMessageSync": 5, "new": {"a": [1, None]}},
            login_type=LoginType.FACEBOOK,
            assignees=["u1"],
            connect=True,
            on_delete=OnDelete.ARCHIVE,
        ),
        Existing.ADOPT,
        True,
        "acc0001",
    )


def test_an_account_with_only_an_id() -> None:
    said = {"nickname": "Alice ", "tier": None, "settings": None, "adopt": None}
    assert read_account(said).spec == AccountSpec("Alice ", Arguments.of())


def test_an_account_needs_a_nickname_and_has_no_aliases() -> None:
    assert read_account({"tier": "limited"}).problems == [("nickname", "is missing")]
    ((name, reason),) = read_account({"nickname": "a", "aliases": []}).problems
    assert (name, reason[:38]) == ("aliases", "is not an argument of an account; there"[:38])


def test_unknown_arguments_of_an_account() -> None:
    found = read_account(
        {"nickname": UNKNOWN, "tier": UNKNOWN, "settings": {"x": [UNKNOWN]}, "connect": True}
    )
    assert found.unknown == ["nickname", "tier", "settings"]
    assert found.spec == AccountSpec("", Arguments.of(connect=True))


def test_known_arguments_are_checked_if_others_are_unknown() -> None:
    found = read_account(
        {"nickname": "a", "settings": {"geoLocation": UNKNOWN, "notifyUsers": True}, "tier": "x"}
    )
    assert found.spec is None
    assert [name for name, _ in found.problems] == ["tier", "settings"]


# --- a fleet


def test_defaults_apply_if_an_entry_has_no_own_value() -> None:
    found = read_fleet(
        {
            "alice": {"tier": "limited", "settings": {"geoLocation": "DE"}, "existing": None},
            "bob": None,
            "carol": {"nickname": "Carol", "on_delete": "retain", "aliases": ["old"]},
        },
        defaults={"tier": Tier.UNLIMITED, "settings": {"geoLocation": "HK", "enableStories": True}},
        on_delete="archive",
        existing=Existing.ALLOW,
    )
    assert (found.problems, found.unknown) == ([], {})
    usual = Arguments.of(
        tier=Tier.UNLIMITED,
        settings={"geoLocation": "HK", "enableStories": True},
        on_delete=OnDelete.ARCHIVE,
    )
    assert found.usual == usual
    assert found.specs == {
        "alice": AccountSpec(
            "alice",
            usual.but(tier=Tier.LIMITED, settings={"geoLocation": "DE", "enableStories": True}),
            Existing.ALLOW,
        ),
        "bob": AccountSpec("bob", usual, Existing.ALLOW),
        "carol": AccountSpec(
            "Carol", usual.but(on_delete=OnDelete.RETAIN), Existing.ALLOW, aliases=("old",)
        ),
    }
    assert found.specs["bob"].arguments is usual


def test_every_problem_of_a_fleet_at_once() -> None:
    found = problems(
        {"alice": {"teir": "limited"}, " bob": {}, "carol": 5, "dave": {"nickname": ""}},
        defaults={"nickname": "x", "adopt": "acc0001", "aliases": [], "typ": "wa", "tier": "x"},
        on_delete="remove",
        existing=5,
    )
    assert [*found] == [
        "on_delete",
        "existing",
        "defaults.nickname",
        "defaults.adopt",
        "defaults.aliases",
        "defaults.tier",
        "defaults.typ",
        "accounts.alice.teir",
        "accounts. bob",
        "accounts.carol",
        "accounts.dave.nickname",
    ]
    assert found["defaults.nickname"] == "can't be a default: it is each entry's own"
    assert found["defaults.typ"] == "is not an argument of an account; did you mean 'type'?"
    assert found["accounts.carol"] == "is 5, but must be a mapping of arguments"
    assert found["accounts. bob"] == "the key has spaces around it; take them away"


@pytest.mark.parametrize(
    ("accounts", "said"),
    [(5, "is 5"), ([], "is a list"), (None, "is None"), ("alice", "is 'alice'")],
)
def test_the_accounts_must_be_a_mapping(accounts: Any, said: str) -> None:
    assert problems(accounts) == {
        "accounts": f"{said}, but must be a mapping from keys to arguments"
    }


def test_the_defaults_must_be_a_mapping() -> None:
    assert problems({"a": {}}, defaults=["tier"]) == {
        "defaults": "is a list, but must be a mapping of arguments"
    }


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty; give it at least one character that shows"),
        ("a" * 129, "has 129 characters, but 128 are allowed; shorten it"),
        ("__proto__", "must not begin with '__'"),
        ("a\tb", "is 'a\\tb', but must not hold control characters"),
        ("a\x85b", "is 'a\\x85b', but must not hold control characters"),
        ("a\u2029b", "is 'a\\u2029b', but must not hold control characters"),
        (5, "is 5, but must be a text; put quotes around it"),
    ],
)
def test_a_wrong_key(key: Any, reason: str) -> None:
    ((property_, said),) = problems({key: {}}).items()
    assert said == f"the key {reason}"
    assert property_.startswith("accounts.")
    assert property_.isprintable()


def test_the_first_of_many_problems_are_shown() -> None:
    found = read_fleet({f"k{number}": {"tier": "x"} for number in range(1_000)}).problems
    assert len(found) == 51
    assert found[-1] == ("accounts", "has 950 more problems")


# --- rules between entries


@pytest.mark.parametrize("other", ["Alice", "Alice ", "\u00a0Alice"])
def test_a_nickname_and_type_belong_to_one_entry(other: str) -> None:
    wrong = problems({"a": {"nickname": "Alice"}, "b": {"nickname": other}, "c": {}})
    ((property_, reason),) = wrong.items()
    assert property_ == "accounts.b.nickname"
    assert "is the one of 'a' already" in reason
    assert reason.endswith("choose another one, or set existing to 'allow' in both")
    assert ("don't count" in reason) == (other != "Alice")


def test_a_key_counts_as_a_nickname_in_any_spelling() -> None:
    assert [*problems({"Jos\u00e9": {}, "Jose\u0301": {}})] == ["accounts.Jose\u0301.nickname"]


def test_another_type_is_another_account() -> None:
    assert problems({"a": {"nickname": "x"}, "b": {"nickname": "x", "type": "sms"}}) == {}
    one = {"nickname": "x", "type": "sms"}
    assert [*problems({"a": {"nickname": "x"}, "b": one}, defaults={"type": "sms"})] == [
        "accounts.b.nickname"
    ]


def test_two_of_a_nickname_are_allowed_if_each_allows_it() -> None:
    allow = {"nickname": "x", "existing": "allow"}
    assert problems({"a": allow, "b": allow, "c": allow}) == {}
    assert problems({"a": {"nickname": "x"}, "b": {"nickname": "x"}}, existing="allow") == {}
    wrong = problems({"a": allow, "b": allow, "c": {"nickname": "x"}})
    assert [*wrong] == ["accounts.b.nickname", "accounts.c.nickname"]
    assert wrong["accounts.c.nickname"].endswith("in all of them")


def test_an_account_is_taken_over_once() -> None:
    adopt = {"adopt": "acc0001", "existing": "allow"}
    assert problems({"a": adopt, "b": adopt}) == {
        "accounts.b.adopt": "acc0001 is taken over by 'a' already"
    }


def test_aliases_are_old_keys_of_one_entry() -> None:
    wrong = read_fleet(
        {
            "a": {"aliases": ["old", "older"]},
            "b": {"aliases": ["old", "mine", "mine"]},
            "c": {"aliases": ["c", "a", "fine"]},
            "d": {"aliases": "text"},
            "e": {"aliases": [5, ""]},
        }
    ).problems
    assert wrong == [
        ("accounts.b.aliases", "'old' is an alias of 'a' already"),
        ("accounts.b.aliases", "'mine' is given twice"),
        ("accounts.c.aliases", "'c' is a key of the fleet; an alias is one that it had before"),
        ("accounts.c.aliases", "'a' is a key of the fleet; an alias is one that it had before"),
        ("accounts.d.aliases", "is 'text', but must be a list of old keys"),
        ("accounts.e.aliases", "[0] is 5, but must be a text; put quotes around it"),
        ("accounts.e.aliases", "[1] is empty"),
    ]


# --- unknown values


def test_unknown_arguments_of_a_fleet() -> None:
    found = read_fleet(
        {
            "a": {"nickname": UNKNOWN, "tier": UNKNOWN},
            "b": {"adopt": UNKNOWN, "settings": {"x": UNKNOWN}, "aliases": UNKNOWN},
            "c": {"aliases": ["old", UNKNOWN]},
            "d": {"nickname": "a", "on_delete": "retain"},
        },
        defaults={"connect": True},
        on_delete=UNKNOWN,
    )
    assert found.problems == []
    assert found.unknown == {
        "a": ["tier", "on_delete", "nickname"],
        "b": ["settings", "on_delete", "adopt", "aliases"],
        "c": ["on_delete", "aliases"],
    }
    assert found.specs["a"] == AccountSpec("a", Arguments.of(connect=True))
    assert found.specs["c"].aliases == ("old",)


def test_a_fleet_that_is_unknown() -> None:
    assert read_fleet(UNKNOWN) == ({}, [], {"": ["accounts"]}, Arguments.of())
    found = read_fleet({"a": {"tier": "limited"}}, defaults=UNKNOWN)
    assert found.unknown[""] == ["defaults"]
    assert "tier" not in found.unknown["a"]
    assert "type" in found.unknown["a"]
    assert found.problems == []


@settings(max_examples=100)
@given(fleet=GOOD_FLEET, data=st.data())
def test_unknown_values_are_accepted(fleet: dict[str, Any], data: st.DataObject) -> None:
    fleet = copy.deepcopy(fleet)
    late: dict[str, set[str]] = {}
    for key, own in fleet.items():
        for name in own or ():
            if data.draw(st.booleans()):
                own[name] = UNKNOWN
                late.setdefault(key, set()).add(name)
    found = read_fleet(fleet)
    assert found.problems == []
    assert {key: set(names) for key, names in found.unknown.items()} == late
    assert list(found.specs) == list(fleet)


@settings(max_examples=100)
@given(accounts=FLEET | JSON, defaults=JSON, on_delete=JSON, existing=JSON)
def test_any_content_is_read_or_refused(
    accounts: Any, defaults: Any, on_delete: Any, existing: Any
) -> None:
    found = read_fleet(accounts, defaults=defaults, on_delete=on_delete, existing=existing)
    for property_, reason in found.problems:
        assert property_.isprintable()
        assert reason.isprintable()
        assert len(property_) + len(reason) < 1_000
    if isinstance(accounts, dict):
        for own in accounts.values():
            if isinstance(own, dict):
                read_account(own)
