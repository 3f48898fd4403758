"""The team, its members and its invite links."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox import Sandbox


def team(sandbox: Sandbox, **params: Any) -> dict[str, Any]:
    teams = sandbox.call("GET", "/auth/teams", params=params).json()["teams"]
    assert len(teams) == 1
    return dict(teams[0])


def test_the_team_is_found_and_changed(shared: Sandbox) -> None:
    answer = shared.call("GET", "/auth/teams", params={"includeTotal": "true"}).json()
    assert (answer["total"], answer["teams"][0]["id"]) == (1, shared.team_id)
    assert "members" not in answer["teams"][0]
    changes = {"name": "Ours", "region": "GB", "metadata": {"industry": "retail"}}
    assert shared.call("PATCH", "/auth/teams", json=changes).json() == {"success": True}
    assert team(shared, q="our").items() >= changes.items()
    assert team(shared, **{"id[0]": shared.team_id})["name"] == "Ours"
    assert shared.call("GET", "/auth/teams", params={"id": "x"}).json()["teams"] == []


def test_members_come_change_and_go(shared: Sandbox) -> None:
    joined = shared.http.post("/_sandbox/members", json={"name": "Bea", "role": "viewer"}).json()

    def members() -> dict[str, Any]:
        listed = team(shared, includeTeamMembers="true")["members"]
        return {member["userId"]: member for member in listed}

    def patch(**change: Any) -> int:
        body = {"members": [{"id": joined["userId"], **change}]}
        return shared.call("PATCH", "/auth/teams", json=body).status_code

    assert members()[joined["userId"]]["role"] == "viewer"
    assert "ACCOUNT_CREATE" not in members()[joined["userId"]]["scopes"]
    assert patch(role="admin") == 200
    assert "ACCOUNT_CREATE" in members()[joined["userId"]]["scopes"]
    assert patch(scopes=["ACCOUNT_READ"]) == 200
    assert members()[joined["userId"]]["scopes"] == ["ACCOUNT_READ"]
    assert patch(scopes=["NO_SUCH"]) == 400
    assert patch(delete=True) == 200
    assert joined["userId"] not in members()
    assert patch(role="admin") == 404


def test_invite_links_by_role_or_scopes(shared: Sandbox) -> None:
    by_role = shared.call("POST", "/auth/invite-links", json={"role": "agent"}).json()
    assert by_role["role"] == "agent"
    assert by_role["expiresAt"] > by_role["createdAt"]
    by_scope = shared.call("POST", "/auth/invite-links", json={"scopes": ["TAGS_READ"]}).json()
    assert by_scope["scopes"] == ["TAGS_READ"]
    for wrong in ({}, {"role": "king"}, {"scopes": ["NO_SUCH"]}):
        assert shared.call("POST", "/auth/invite-links", json=wrong).status_code == 400
    links = [{"id": by_role["id"], "delete": True}]
    shared.call("PATCH", "/auth/teams", json={"inviteLinks": links})
    listed = team(shared, includeInviteLinks="true")["inviteLinks"]
    assert by_scope in listed
    assert by_role not in listed
