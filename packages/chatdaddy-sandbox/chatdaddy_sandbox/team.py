"""The team, its members, and the ways to log in as one of them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import secrets
from sqlite3 import Row
from typing import Any

from chatdaddy_sandbox.clock import DAY_S, Clock, iso
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.randomness import token_hex, token_urlsafe
from chatdaddy_sandbox.scopes import ROLE_SCOPES, SCOPES
from chatdaddy_sandbox.store import Store
from chatdaddy_sandbox.tokens import Caller

USER_ID = "user-sandbox"
USER_NAME = "Sandbox Owner"
USER_EMAIL = "owner@sandbox.invalid"
#: For `POST /auth/token` with a password. Valid only for this emulator.
USER_PHONE = 85200000000
USER_PASSWORD = "sandbox-password"  # noqa: S105

#: A refresh token expires after this many days without use.
REFRESH_TOKEN_DAYS = 14

_INVITE_LINK_DAYS = 7


class Team:
    """The only team of the emulator."""

    def __init__(self, store: Store, clock: Clock, options: Options, source: random.Random) -> None:
        self._store, self._clock, self._options, self._random = store, clock, options, source
        if store.value("SELECT COUNT(*) FROM members") == 0:
            store.run(
                "INSERT INTO members (user_id, full_name, phone, email, role, scopes, added_at)"
                " VALUES (?, ?, ?, ?, 'admin', ?, ?)",
                *(USER_ID, USER_NAME, USER_PHONE, USER_EMAIL),
                *(json.dumps(list(SCOPES)), clock.now()),
            )
            store.set_meta("team", json.dumps({"name": "Sandbox", "region": "HK", "metadata": {}}))
            store.set_meta("team_updated_at", repr(clock.now()))
            self.keep_refresh_token()

    # --- logging in

    def login(self, request: dict[str, Any]) -> tuple[Row, str | None]:
        """The member who logs in, and a refresh token if one was requested.

        Raises `ApiError` 401 for a wrong secret, 403 for another team, 400 for an unknown scope.
        """
        if request.get("refreshToken") is not None:
            self._check_refresh_token(request["refreshToken"])
        else:
            self._check_password(request)
        team_id = request.get("teamId")
        if team_id is not None and team_id != self._options.team_id:
            raise ApiError(403, f'You are not a member of the team "{team_id}"')
        member = self._store.one("SELECT * FROM members WHERE user_id = ?", USER_ID)
        if member is None:
            raise ApiError(403, "You are no longer a member of the team")
        self.keep_refresh_token()
        given = self._options.refresh_token if request.get("returnRefreshToken") else None
        return member, given

    def _check_refresh_token(self, token: str) -> None:
        if not secrets.compare_digest(token.encode(), self._options.refresh_token.encode()):
            raise ApiError(401, "Invalid refresh token")
        if self._clock.now() >= self.refresh_token_ends():
            raise ApiError(401, "The refresh token has expired")

    def _check_password(self, request: dict[str, Any]) -> None:
        wanted = USER_PASSWORD
        if request.get("passwordEncoding") == "shaBase64":
            wanted = base64.b64encode(hashlib.sha256(USER_PASSWORD.encode()).digest()).decode()
        right = secrets.compare_digest(request["password"].encode(), wanted.encode())
        if request["phoneNumber"] != USER_PHONE or not right:
            raise ApiError(401, "Incorrect phone number or password")

    def keep_refresh_token(self) -> None:
        """Record that the refresh token was used, which restarts its 14 days."""
        self._store.set_meta("refresh_token_used_at", repr(self._clock.now()))

    def refresh_token_ends(self) -> float:
        used = float(self._store.get_meta("refresh_token_used_at") or 0)
        return used + REFRESH_TOKEN_DAYS * DAY_S

    def user_claim(self, member: Row) -> dict[str, Any]:
        """The `user` of an access token."""
        return {
            "id": member["user_id"],
            "teamId": self._options.team_id,
            "fullName": member["full_name"],
            "phoneNumber": member["phone"],
            "emailAddress": member["email"],
        }

    # --- the team

    @property
    def detail(self) -> dict[str, Any]:
        return dict(json.loads(self._store.get_meta("team") or "{}"))

    def shown(self, *, members: bool, invite_links: bool, creator: bool) -> dict[str, Any]:
        detail = self.detail
        rows = self._store.all("SELECT * FROM members ORDER BY added_at, user_id")
        created_at = float(self._store.get_meta("team_created_at") or 0)
        shown = {
            "id": self._options.team_id,
            "name": detail["name"],
            "region": detail["region"],
            "metadata": detail["metadata"],
            "createdAt": iso(created_at),
            "updatedAt": iso(float(self._store.get_meta("team_updated_at") or created_at)),
            "createdBy": USER_ID,
            "scopes": list(SCOPES),
        }
        if members:
            shown["members"] = [self._member_shown(row) for row in rows]
        if invite_links:
            shown["inviteLinks"] = [
                self._link_shown(row)
                for row in self._store.all("SELECT * FROM invite_links ORDER BY created_at")
            ]
        if creator:
            shown["creator"] = {"id": USER_ID, "fullName": USER_NAME}
        return shown

    def patch(self, changes: dict[str, Any]) -> None:
        detail = self.detail
        detail |= {k: changes[k] for k in ("name", "region", "metadata") if k in changes}
        for change in changes.get("members") or []:
            self._patch_member(change)
        for change in changes.get("inviteLinks") or []:
            self._link(change["id"])
            if change.get("delete"):
                self._store.run("DELETE FROM invite_links WHERE id = ?", change["id"])
        self._store.set_meta("team", json.dumps(detail))
        self._store.set_meta("team_updated_at", repr(self._clock.now()))

    def _patch_member(self, change: dict[str, Any]) -> None:
        user_id = change["id"]
        if self._store.one("SELECT 1 FROM members WHERE user_id = ?", user_id) is None:
            raise ApiError(404, f'Member "{user_id}" not found')
        if change.get("delete"):
            if user_id == USER_ID:
                raise ApiError(400, "The owner can't leave the team")
            self._store.run("DELETE FROM members WHERE user_id = ?", user_id)
            return
        columns: dict[str, Any] = {}
        if (role := change.get("role")) is not None:
            columns = {"role": role, "scopes": json.dumps(list(ROLE_SCOPES[role]))}
        if change.get("scopes") is not None:
            columns["scopes"] = json.dumps(change["scopes"])
        if columns:
            self._store.update("members", "user_id", user_id, columns)

    def add_member(self, name: str, role: str) -> dict[str, Any]:
        """A person joins the team, as with an invite link."""
        user_id = f"user-{token_hex(self._random, 6)}"
        self._store.run(
            "INSERT INTO members (user_id, full_name, role, scopes, added_at)"
            " VALUES (?, ?, ?, ?, ?)",
            *(user_id, name, role, json.dumps(list(ROLE_SCOPES[role])), self._clock.now()),
        )
        row = self._store.one("SELECT * FROM members WHERE user_id = ?", user_id)
        assert row is not None
        return self._member_shown(row)

    def create_link(self, caller: Caller, wanted: dict[str, Any]) -> dict[str, Any]:
        link_id, now = token_urlsafe(self._random, 12), self._clock.now()
        role = wanted.get("role")
        scopes = list(ROLE_SCOPES[role]) if role else wanted["scopes"]
        self._store.run(
            "INSERT INTO invite_links (id, created_by, created_at, expires_at, scopes, role)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(link_id, caller.user_id, now, now + _INVITE_LINK_DAYS * DAY_S),
            *(json.dumps(scopes), role),
        )
        return self._link_shown(self._link(link_id))

    def _link(self, link_id: str) -> Row:
        row = self._store.one("SELECT * FROM invite_links WHERE id = ?", link_id)
        if row is None:
            raise ApiError(404, f'Invite link "{link_id}" not found')
        return row

    def _member_shown(self, row: Row) -> dict[str, Any]:
        shown = {
            "userId": row["user_id"],
            "teamId": self._options.team_id,
            "addedAt": iso(row["added_at"]),
            "scopes": json.loads(row["scopes"]),
        }
        if row["role"] is not None:
            shown["role"] = row["role"]
        return shown

    def _link_shown(self, row: Row) -> dict[str, Any]:
        shown = {
            "id": row["id"],
            "teamId": self._options.team_id,
            "createdBy": row["created_by"],
            "createdAt": iso(row["created_at"]),
            "expiresAt": iso(row["expires_at"]),
            "scopes": json.loads(row["scopes"]),
        }
        if row["role"] is not None:
            shown["role"] = row["role"]
        return shown
