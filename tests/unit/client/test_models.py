from __future__ import annotations

import json
import time

import pytest
from pydantic import ValidationError

from chatdaddy_pulumi.client.models import (
    AccountAccess,
    AccountPage,
    AccountPatch,
    ApiToken,
    ObservedAccount,
    Purchase,
    read_account,
    read_page,
)
from chatdaddy_pulumi.enums import Tier

FULL = {
    "accountId": "acc0001",
    "ownerId": "u1",
    "nickname": "alice",
    "type": "wa",
    "tier": "limited_msg_no_chat_history",
    "state": "connecting",
    "createdAt": "2026-08-21T10:00:00.000Z",
    "updatedAt": "2026-08-21T10:00:00.000Z",
    "stateInfo": {"qr": "2@qr-code-of-alice"},
    "canLogin": False,
    "userId": "85298765432",
    "user": {"phone": "85298765432"},
    "settings": {"enableHistorySync": True},
    "somethingNew": [1, 2],
}


def test_unknown_fields_are_kept() -> None:
    account = ObservedAccount.model_validate({**FULL, "type": "carrier-pigeon", "state": "asleep"})
    assert (account.type, account.state) == ("carrier-pigeon", "asleep")
    assert account.model_extra is not None
    assert account.model_extra["somethingNew"] == [1, 2]


def test_repr_shows_no_phone_number_and_no_qr_code() -> None:
    shown = repr(ObservedAccount.model_validate(FULL))
    assert "alice" in shown
    assert "85298765432" not in shown
    assert "qr-code" not in shown
    assert "tok-1" not in repr(ApiToken(token="tok-1"))


@pytest.mark.parametrize(
    ("fields", "live"),
    [
        ({}, True),
        ({"deletedAt": "2026-08-21T10:00:00.000Z"}, False),
        ({"archiveState": {"type": "archiving", "doneAt": None}}, False),
        ({"archiveState": {"type": "done", "doneAt": "2026-08-21T10:00:00.000Z"}}, False),
        ({"archiveState": {"type": "error", "error": "x"}}, True),
        ({"archiveState": None, "deletedAt": None}, True),
    ],
)
def test_which_accounts_are_live(fields: dict[str, object], live: bool) -> None:
    assert ObservedAccount.model_validate({**FULL, **fields}).live is live


def page(*entries: object, **more: object) -> AccountPage:
    return read_page(json.dumps({"accounts": entries, **more}).encode())


def test_any_field_but_the_id_may_be_missing_or_null() -> None:
    names = [name for name in FULL if name != "accountId"]
    for entry in (
        {"accountId": "acc1"},
        {"accountId": "acc1", **dict.fromkeys(names)},
        {"accountId": "acc1", "archiveState": {"type": None}, "deletedAt": None},
    ):
        (account,) = page(entry).accounts
        assert account.live
        assert (account.nickname, account.type, account.state) == (None, None, None)
        assert (account.settings, account.created_at_s) == (None, None)


@pytest.mark.parametrize("wrong", [7, [], {"a": 1}, True])
@pytest.mark.parametrize("name", ["nickname", "type", "tier", "state", "createdAt", "userId"])
def test_a_field_of_a_wrong_type_is_unknown_and_the_others_are_kept(
    name: str, wrong: object
) -> None:
    first, second = page({**FULL, name: wrong}, {**FULL, "accountId": "acc0002"}).accounts
    expected = ObservedAccount.model_validate({**FULL, name: None})
    assert first == expected
    assert second.nickname == "alice"
    assert read_account(json.dumps({**FULL, name: wrong}).encode()) == expected


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"accountId": 5}, {"accountId": " "}])
def test_an_entry_without_a_usable_id_is_dropped_and_counted(entry: object) -> None:
    found = page(FULL, entry, entry, total=3)
    assert [account.account_id for account in found.accounts] == ["acc0001"]
    assert (found.total, found.dropped) == (3, 2)
    assert page(entry) == AccountPage([], None, 1)
    with pytest.raises(ValidationError):
        read_account(json.dumps(entry).encode())


@pytest.mark.parametrize(
    "fields", [{"deletedAt": 1_787_306_400}, {"deletedAt": {}}, {"archiveState": "archiving"}]
)
def test_an_invalid_removal_date_still_means_removed(fields: dict[str, object]) -> None:
    (account,) = page({**FULL, **fields}).accounts
    assert not account.live


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00.000Z", 60.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00.25Z", 60.25),
        ("1970-01-01T01:01:00.123456789+01:00", 60.123456),
        ("1970-01-01T00:01:00", 60.0),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_time_of_creation_in_seconds(text: str, seconds: float | None) -> None:
    account = ObservedAccount(account_id="acc1", created_at=text)
    assert account.created_at_s == seconds


def test_nicknames_are_compared_in_nfc_and_without_outer_spaces() -> None:
    account = ObservedAccount(account_id="acc1", nickname="Zoe\u0301 ")
    assert account.is_called("Zo\u00e9")
    assert not account.is_called("zo\u00e9")
    assert not ObservedAccount(account_id="acc1").is_called("")


def test_only_what_is_set_is_sent() -> None:
    assert AccountPatch(tier=Tier.LIMITED).body() == {"tier": "limited_msg_no_chat_history"}
    assert AccountPatch(settings={"geoLocation": "HK"}, assignees=[]).body() == {
        "settings": {"geoLocation": "HK"},
        "assignees": [],
    }
    assert Purchase(nickname="a", tier=Tier.UNLIMITED, login_type=None).body() == {
        "nickname": "a",
        "type": "wa",
        "tier": "unlimited_msg_chat_history",
    }
    with pytest.raises(ValidationError):
        AccountPatch.model_validate({"teir": "x"})


@pytest.mark.parametrize(
    ("usage", "sent"), [({"messages": 7}, 7), ({}, None), ({"messages": "x"}, None)]
)
def test_messages_sent(usage: dict[str, object], sent: int | None) -> None:
    assert AccountAccess(usage=usage).messages_sent == sent


@pytest.mark.slow
def test_fifty_thousand_accounts_are_parsed_in_seconds() -> None:
    one = ObservedAccount.model_validate(FULL).model_dump_json(by_alias=True)
    text = ('{"accounts": [' + ", ".join([one] * 50_000) + '], "total": 50000}').encode()
    started_at = time.process_time()
    assert len(read_page(text).accounts) == 50_000
    assert time.process_time() - started_at < 4
