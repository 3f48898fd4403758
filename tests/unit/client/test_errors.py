from __future__ import annotations

import pickle

import pytest

from chatdaddy_pulumi import client
from chatdaddy_pulumi.client import errors

CALL = "POST /im/accounts"


def test_an_error_is_one_line_with_chatdaddys_message_and_help_link() -> None:
    error = errors.PaymentRequired(
        "No card\non file",
        call=CALL,
        status=402,
        help_link="https://help.example/cards",
        data={"helpLink": {"url": "https://help.example/cards"}},
    )
    assert str(error) == (
        "ChatDaddy refused POST /im/accounts (402): No card on file "
        "(help: https://help.example/cards)"
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.BadRequest("x", call=CALL), errors.Refused),
        (errors.Unauthorized("x", call=CALL), errors.Refused),
        (errors.Unreachable("x", call=CALL), errors.Retryable),
        (errors.Untrusted("x", call=CALL), errors.Retryable),
        (errors.RateLimited("x", call=CALL), errors.Retryable),
        (errors.Unavailable("x", call=CALL), errors.Retryable),
        (errors.UnknownPurchase("x", call=CALL), errors.Unknown),
        (errors.BadAnswer("x", call=CALL), errors.ChatDaddyError),
        (errors.BadSetting("x", call="the team ID"), ValueError),
    ],
)
def test_each_kind_of_failure_has_its_own_type(
    error: errors.ChatDaddyError, kind: type[Exception]
) -> None:
    assert isinstance(error, kind)
    assert isinstance(error, errors.ChatDaddyError)
    assert "\n" not in str(error)


def test_errors_survive_pickling() -> None:
    error = errors.UnknownPurchase("lost", call=CALL, candidates=["acc1"])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.candidates) == (type(error), str(error), ["acc1"])


def test_an_error_does_not_contain_secrets_of_the_answer() -> None:
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJ1c2VyIjp7ImlkIjoidSJ9fQ.c2lnbmF0dXJl"
    error = errors.BadRequest(f"token {jwt}", call=CALL, data={"user": "+85298765432", "t": jwt})
    for shown in (str(error), repr(error), repr(error.data), repr(vars(error))):
        assert jwt not in shown
        assert "98765432" not in shown


def test_every_public_name_can_be_imported() -> None:
    assert set(dir(client)) >= {"ChatDaddy", "ClientOptions", "ServiceUrls", "Refused", "Purchase"}
    for name in client.__all__:
        assert getattr(client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = client.Nothing
