"""Logging in, and the rights of a token."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import jwt
import pytest

from chatdaddy_sandbox.team import USER_PASSWORD, USER_PHONE
from tests.support.sandbox import Sandbox, running

ACCOUNT_CREATE, ACCOUNT_READ, ACCOUNT_PATCH = 30, 31, 34


def log_in(sandbox: Sandbox, **body: Any) -> Any:
    request = {"refreshToken": sandbox.refresh_token, "teamId": sandbox.team_id, **body}
    return sandbox.http.post("/auth/token", json=request)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_an_access_token_is_a_signed_jwt_of_one_hour(shared: Sandbox) -> None:
    public_key = shared.http.get("/_sandbox/public-key").text
    claims = jwt.decode(shared.token(), public_key, algorithms=["ES256"])
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["user"]["teamId"] == shared.team_id
    assert all(claims["scope"][n] == "1" for n in (ACCOUNT_CREATE, ACCOUNT_READ, ACCOUNT_PATCH))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"refreshToken": "wrong"}, 401, "Invalid refresh token"),
        ({"teamId": "another"}, 403, 'You are not a member of the team "another"'),
        ({"teamId": None}, 400, "teamId is required"),
        ({"scopes": ["NO_SUCH_SCOPE"]}, 400, "NO_SUCH_SCOPE"),
    ],
)
def test_a_wrong_login_is_refused(
    shared: Sandbox, body: dict[str, Any], status: int, message: str
) -> None:
    answer = log_in(shared, **body)
    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert "access_token" not in answer.json()


def test_a_person_logs_in_by_password(shared: Sandbox) -> None:
    plain: dict[str, Any] = {"phoneNumber": USER_PHONE, "password": USER_PASSWORD}
    answer = shared.http.post("/auth/token", json=plain | {"returnRefreshToken": True}).json()
    assert answer["refresh_token"] == shared.refresh_token
    assert answer["refresh_token_expiry"] > "2026"
    digest = base64.b64encode(hashlib.sha256(USER_PASSWORD.encode()).digest()).decode()
    hashed = plain | {"password": digest, "passwordEncoding": "shaBase64"}
    assert shared.http.post("/auth/token", json=hashed).status_code == 200
    wrong = plain | {"password": "guess"}
    assert shared.http.post("/auth/token", json=wrong).status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_that_it_did_not_sign_is_refused(shared: Sandbox, token: str) -> None:
    answer = shared.http.get("/im/accounts", headers=bearer(token))
    assert answer.status_code == 401
    assert answer.json()["statusCode"] == 401


def test_a_token_of_the_same_shape_but_another_key_is_refused(shared: Sandbox) -> None:
    claims = jwt.decode(shared.token(), options={"verify_signature": False})
    from cryptography.hazmat.primitives.asymmetric import ec

    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    assert shared.http.get("/im/accounts", headers=bearer(forged)).status_code == 401


def test_scopes_limit_the_rights_of_a_token(shared: Sandbox, limited: str) -> None:
    reader = bearer(log_in(shared, scopes=["ACCOUNT_READ"]).json()["access_token"])
    assert shared.http.get("/im/accounts", headers=reader).status_code == 200
    refused = {
        ("POST", "/im/accounts"): "ACCOUNT_CREATE",
        ("PATCH", f"/im/accounts/{limited}"): "ACCOUNT_PATCH",
        ("DELETE", f"/im/accounts/{limited}"): "ACCOUNT_DELETE",
        ("POST", f"/im/accounts/{limited}/archive"): "ACCOUNT_DELETE",
        ("POST", f"/im/accounts/{limited}/recreate"): "ACCOUNT_CREATE",
        ("POST", f"/im/accounts/{limited}/open"): "ACCOUNT_PATCH",
        ("POST", f"/im/accounts/{limited}/close"): "ACCOUNT_PATCH",
        ("POST", f"/im/accounts/wa/{limited}/change-login-mode"): "ACCOUNT_PATCH",
        ("PATCH", "/payments/team-detail"): "PAYMENTS_UPDATE",
        ("POST", "/payments/team-detail/refresh-access"): "PAYMENTS_UPDATE",
        ("GET", "/events/subscriptions"): "CHATDADDY_HOOK",
        ("POST", "/events/subscriptions"): "CHATDADDY_HOOK",
        ("PATCH", "/auth/teams"): "TEAM_UPDATE",
        ("POST", "/auth/invite-links"): "TEAMLINK_CREATE",
    }
    body = {"type": "wa", "enabled": True, "url": "http://127.0.0.1:9", "role": "viewer"}
    for (method, path), scope in refused.items():
        if path.endswith("change-login-mode"):
            body |= {"type": "qr"}
        sent = None if method == "GET" else body
        answer = shared.http.request(method, path, json=sent, headers=reader)
        assert (path, answer.status_code) == (path, 403)
        assert scope in answer.json()["message"]
    writer = bearer(log_in(shared, scopes=["ACCOUNT_CREATE"]).json()["access_token"])
    assert shared.http.get("/im/accounts", headers=writer).status_code == 403


def test_an_assignee_sees_the_accounts_assigned_to_them(shared: Sandbox, limited: str) -> None:
    token = log_in(shared, scopes=["ACCOUNTS_READ_ASSIGNED"]).json()["access_token"]
    seen = shared.http.get("/im/accounts", headers=bearer(token)).json()["accounts"]
    assert limited not in [account["accountId"] for account in seen]
    user_id = jwt.decode(token, options={"verify_signature": False})["user"]["id"]
    shared.call("PATCH", f"/im/accounts/{limited}", json={"assignees": [user_id]})
    seen = shared.http.get("/im/accounts", headers=bearer(token)).json()["accounts"]
    assert limited in [account["accountId"] for account in seen]


def test_api_tokens_are_made_used_validated_and_deleted(shared: Sandbox) -> None:
    made = shared.call(
        "POST", "/auth/api-token", json={"reason": "tests", "scopes": ["ACCOUNT_READ"]}
    ).json()
    assert made["scopes"] == ["ACCOUNT_READ"]
    assert made["teamId"] == shared.team_id
    as_token = bearer(made["token"])
    assert shared.http.get("/im/accounts", headers=as_token).status_code == 200
    order = {"type": "wa"}
    assert shared.http.post("/im/accounts", json=order, headers=as_token).status_code == 403
    claims = shared.http.post("/auth/api-token/validate", json={"token": made["token"]}).json()
    assert claims["scope"].rindex("1") == ACCOUNT_READ
    assert made in shared.call("GET", "/auth/api-token").json()["tokens"]

    # The official client writes arrays with their indices.
    assert shared.call("DELETE", f"/auth/api-token?tokens[0]={made['token']}").status_code == 204
    assert shared.http.get("/im/accounts", headers=as_token).status_code == 401
    gone = shared.http.post("/auth/api-token/validate", json={"token": made["token"]})
    assert gone.status_code == 401


def test_an_api_token_has_at_most_the_scopes_of_its_creator(shared: Sandbox) -> None:
    reader = bearer(log_in(shared, scopes=["ACCOUNT_READ"]).json()["access_token"])
    body = {"reason": "more", "scopes": ["ACCOUNT_READ", "ACCOUNT_CREATE"]}
    answer = shared.http.post("/auth/api-token", json=body, headers=reader)
    assert answer.status_code == 403


def test_tokens_expire() -> None:
    with running() as sandbox:
        before = bearer(sandbox.token())
        sandbox.advance(3500)
        assert sandbox.http.get("/im/accounts", headers=before).status_code == 200
        sandbox.advance(101)
        answer = sandbox.http.get("/im/accounts", headers=before)
        assert (answer.status_code, "expired" in answer.json()["message"]) == (401, True)
        assert sandbox.call("GET", "/im/accounts").status_code == 200

        sandbox.advance(30 * 86_400)
        assert log_in(sandbox).status_code == 200, "somebody used the refresh token meanwhile"
        move = {"advance_s": 15 * 86_400, "idle": True}
        sandbox.http.post("/_sandbox/clock", json=move).raise_for_status()
        dead = log_in(sandbox)
        assert (dead.status_code, dead.json()["message"]) == (401, "The refresh token has expired")
