"""The keys of exported accounts, and which accounts of a team are exported."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.cli import export
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.enums import Tier


def account(number: int, nickname: str | None = "Alice", **said: Any) -> TeamAccount:
    return TeamAccount(
        **{
            "id": f"accteam-0123456789012345{number:04x}",
            "nickname": nickname,
            "type": "wa",
            "tier": Tier.LIMITED.value,
            "state": "close",
            "created_at": f"2026-01-01T00:00:{number:02}.000Z",
            **said,
        }
    )


@pytest.mark.parametrize(
    ("nickname", "key"),
    [
        ("Acorn Bakery", "acorn-bakery"),
        ("Birch & Sons", "birch-sons"),
        ("  Café   Zürich 🎉 ", "cafe-zurich"),
        ('O\'Neill "the" 2nd', "o-neill-the-2nd"),
        ("東京 支店", "東京-支店"),
        ("ŁÓDŹ", "łodz"),
        ("हिन्दी", "हिन्दी"),
        ("한국", "한국"),
        ("__init__", "init"),
        ("🎉", ""),
        ("-", ""),
        ("x" * 200, "x" * 60),
    ],
)
def test_slugs(nickname: str, key: str) -> None:
    assert export.slug(nickname) == key


def test_the_oldest_of_equal_nicknames_has_the_plain_key() -> None:
    team = [account(3), account(1), account(2)]
    assert export.keys_of(team, {}) == {
        team[1].id: "alice",
        team[2].id: "alice-0002",
        team[0].id: "alice-0003",
    }


def test_a_later_account_changes_no_key() -> None:
    before = export.keys_of([account(1), account(2)], {})
    after = export.keys_of([account(9), account(2), account(1)], {})
    assert before.items() <= after.items()


def test_the_key_of_a_deleted_account_is_free() -> None:
    gone = account(1, deleted_at="2026-01-02T00:00:00.000Z")
    assert export.keys_of([gone, account(2)], {})[account(2).id] == "alice"


def test_keys_of_an_earlier_export_are_kept() -> None:
    before = {account(2).id: "alice", account(3).id: "mine"}
    found = export.keys_of([account(1), account(2), account(3)], before)
    assert before.items() <= found.items()
    assert found[account(1).id] == "alice-0001"


def test_nicknames_without_letters() -> None:
    found = export.keys_of([account(0x1A, "🎉"), account(0x2B, None)], {})
    assert set(found.values()) == {"account-001a", "account-002b"}


NICKNAMES = st.sampled_from(
    ["Alice", "alice ", "Ålice", "alice-0001", "alice-0002", "🎉", "account-0003", "", "アリス"]
) | st.text(max_size=140)


@given(st.lists(NICKNAMES, max_size=12), st.randoms())
def test_keys_are_unique_and_the_same_in_any_order(
    nicknames: list[str], order: random.Random
) -> None:
    team = [account(number, nickname) for number, nickname in enumerate(nicknames)]
    keys = export.keys_of(team, {})
    assert len(set(keys.values())) == len(team)
    shuffled = list(team)
    order.shuffle(shuffled)
    assert export.keys_of(shuffled, {}) == keys


@pytest.mark.slow
@given(nicknames=st.lists(NICKNAMES, max_size=12), with_settings=st.booleans())
def test_an_export_loads_unchanged_in_every_format(
    nicknames: list[str], with_settings: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"geoLocation": "true", "maxMessageSync": 0, "keepDeletedMessages": {"fromMe": True}}
    team = [
        account(number, nickname, settings=settings, assignees=["u1", "u2"])
        for number, nickname in enumerate(nicknames)
    ]
    made = export.plan(team, team, with_settings=with_settings)
    assert len(made.entries) + len(made.left_out) == len(team)
    folder = tmp_path_factory.mktemp("export")
    for format in export.Format:
        # The export reads its own file.
        export.write(folder / format.value, made, format, team_id="t", urls={}, overwrite=False)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"nickname": None}, "has no nickname"),
        ({"nickname": " "}, "has no nickname"),
        ({"tier": None}, "has no tier"),
        ({"tier": "new_tier"}, "has the tier 'new_tier', which this version does not know"),
        ({"type": None}, "has the type None"),
        ({"type": "pigeon"}, "has the type 'pigeon'"),
        ({"login_type": "smoke"}, "has the login type 'smoke'"),
        ({"deleted_at": "2026-01-01"}, "is deleted"),
        ({"archive": "archiving", "archived": True}, "is archived"),
        ({"archive": "done", "archived": True}, "is archived"),
        ({"nickname": "x" * 129}, "can't be written in a fleet file: nickname has 129 characters"),
        ({"nickname": "a\nb"}, "can't be written in a fleet file: nickname is 'a\\nb'"),
        ({"nickname": "a\x85b"}, "can't be written in a fleet file: nickname is 'a\\x85b'"),
        ({"id": "other-id"}, "can't be written in a fleet file: adopt is 'other-id'"),
    ],
)
def test_accounts_that_cannot_be_taken_over_are_omitted_with_the_reason(
    said: dict[str, Any], reason: str
) -> None:
    other = account(1, "Other")
    odd = account(2, **{"nickname": "Odd", **said})
    made = export.plan([odd, other], [odd, other])
    assert list(made.entries) == ["other"]
    ((left_out, why),) = made.left_out
    assert left_out is odd
    assert why.startswith(reason)


def test_an_account_with_a_failed_archive_is_exported() -> None:
    assert export.obstacle(account(1, archive="error")) is None


def test_equal_nicknames_are_reported_with_each_other() -> None:
    team = [account(1, "Alice"), account(2, "Alice "), account(3, "Bob")]
    made = export.plan(team, team)
    assert [said.get("existing") for said in made.entries.values()] == ["allow", "allow", None]
