from __future__ import annotations

import time

import pytest
from pydantic import TypeAdapter, ValidationError

from chatdaddy_pulumi.client.models import (
    Account,
    AccountAccess,
    AccountPage,
    AccountPatch,
    ApiToken,
    Purchase,
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


def test_what_is_unknown_is_kept() -> None:
    account = Account.model_validate({**FULL, "type": "carrier-pigeon", "state": "asleep"})
    assert (account.type, account.state) == ("carrier-pigeon", "asleep")
    assert account.model_extra is not None
    assert account.model_extra["somethingNew"] == [1, 2]


def test_repr_shows_no_phone_number_and_no_qr_code() -> None:
    shown = repr(Account.model_validate(FULL))
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
    assert Account.model_validate({**FULL, **fields}).live is live


@pytest.mark.parametrize("missing", ["accountId", "nickname", "type", "state"])
def test_missing_required_fields_are_named(missing: str) -> None:
    page = {"accounts": [{key: value for key, value in FULL.items() if key != missing}]}
    with pytest.raises(ValidationError, match=rf"accounts\.0\.{missing}"):
        AccountPage.model_validate(page)


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


def test_fifty_thousand_accounts_are_parsed_in_seconds() -> None:
    page = TypeAdapter(AccountPage)
    one = Account.model_validate(FULL).model_dump_json(by_alias=True)
    text = ('{"accounts": [' + ", ".join([one] * 50_000) + '], "total": 50000}').encode()
    started_at = time.process_time()
    assert len(page.validate_json(text).accounts) == 50_000
    assert time.process_time() - started_at < 4
