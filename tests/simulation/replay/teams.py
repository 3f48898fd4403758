"""Both teams of a history at one address: an emulator for each, and a ledger of what is done."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from chatdaddy_sandbox.app import create_app
from chatdaddy_sandbox.options import Options, SettingsPatch
from chatdaddy_sandbox.scopes import SCOPES
from chatdaddy_sandbox.service import Service
from tests.simulation.history import (
    COLLEAGUE,
    COLLEAGUES_TOKEN,
    OTHER_TEAM,
    TEAM,
    TOKEN,
    US,
    HandStep,
    History,
)
from tests.simulation.replay.seen import Deed, Shown

_USERS = {TOKEN: US, COLLEAGUES_TOKEN: COLLEAGUE}


class Teams:
    """The two teams of a history. Everything may be called while no process calls."""

    def __init__(self, history: History) -> None:
        #: How far the clock is ahead of this machine's.
        self.ahead_s = 0.0
        self.deeds: list[Deed] = []
        self._tells_gone = history.tells_gone
        patch = SettingsPatch.MERGE if history.settings_merge else SettingsPatch.REPLACE
        self._apps = {
            team: create_app(
                Options(
                    team_id=team,
                    page_base=history.page_base,
                    max_count=history.page,
                    settings_patch=patch,
                    deletion_delay_s=history.removal_s,
                    archive_s=0,
                ),
                clock=self.now,
            )
            for team in (TEAM, OTHER_TEAM)
        }

    def close(self) -> None:
        for app in self._apps.values():
            app.close()

    def now(self) -> float:
        return time.time() + self.ahead_s

    def shown(self) -> dict[str, Shown]:
        """Every account that is not gone, by its ID."""
        found = {}
        for team, app in self._apps.items():
            app.service.settle()
            for row in app.service.store.all("SELECT * FROM accounts"):
                deleted, archived = row["deleted_at"], row["archive_type"]
                status = "deleted" if deleted else "archived" if archived else "live"
                facts = (row["nickname"], row["type"], row["tier"], status, row["chats"] > 0)
                found[row["id"]] = Shown(team, *facts)
        return found

    # --- people

    def buy(self, step: HandStep) -> str:
        order = {"nickname": step.nickname, "type": step.type, "tier": step.tier}
        service = self._apps[step.team].service
        with service.store.transaction():
            return str(service.accounts.purchase(step.user, order)["accountId"])

    def by_hand(self, step: HandStep, account_id: str) -> None:
        service = next(
            app.service
            for app in self._apps.values()
            if app.service.store.one("SELECT 1 FROM accounts WHERE id = ?", account_id)
        )
        accounts = service.accounts
        with service.store.transaction():
            if step.what in ("delete", "delete now"):
                accounts.delete(account_id, now=step.what == "delete now")
            elif step.what == "archive":
                accounts.archive(account_id)
            elif step.what == "rename":
                accounts.patch(account_id, {"nickname": step.nickname})
            elif step.what == "tier":
                accounts.patch(account_id, {"tier": step.tier})
            else:
                accounts.scan(account_id)

    # --- calls of runs

    async def serve(self, scope: Scope, body: bytes, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if path == "/auth/token":
            status, answer = self._log_in(json.loads(body))
            await self._send(send, status, json.dumps(answer).encode())
            return
        team = _team_of(scope)
        app = self._apps.get(team, self._apps[TEAM])
        account_id = path.split("/")[3] if path.startswith("/im/accounts/") else ""
        had_chats = bool(account_id) and _has_chats(app.service, account_id)
        status, content = await _ask(app, scope, body)
        if status < 400:
            self._note(method, scope, body, content, account_id)
            if had_chats and method == "PATCH" and not _has_chats(app.service, account_id):
                self.deeds.append(Deed(account_id, "chats_lost", "by a downgrade"))
        elif status == 404 and not self._tells_gone and path.startswith("/payments/team-detail/"):
            status, content = 403, json.dumps({"statusCode": 403, "message": "forbidden"}).encode()
        await self._send(send, status, content)

    def _log_in(self, asked: dict[str, Any]) -> tuple[int, Any]:
        user, app = _USERS.get(asked["refreshToken"]), self._apps.get(asked["teamId"])
        if user is None:
            return 401, {"message": "the refresh token is not valid"}
        if app is None:
            return 403, {"message": "the user is not in the team"}
        claim = {"id": user, "teamId": asked["teamId"]}
        return 200, {"access_token": app.service.tokens.issue(claim, SCOPES)}

    def _note(
        self, method: str, scope: Scope, body: bytes, content: bytes, account_id: str
    ) -> None:
        path: str = scope["path"]
        if method == "POST" and path == "/im/accounts":
            bought = json.loads(content)
            detail = f"{bought['nickname']!r}, {bought['type']}"
            self.deeds.append(Deed(bought["accountId"], "buy", detail))
        elif method == "PATCH" and account_id:
            changes = json.dumps(json.loads(body), sort_keys=True)
            self.deeds.append(Deed(account_id, "patch", changes))
        elif method == "DELETE" and account_id:
            now = b"deleteNow=true" in scope["query_string"]
            self.deeds.append(Deed(account_id, "delete_now" if now else "delete"))
        elif method == "POST" and path.endswith(("/archive", "/recreate")):
            self.deeds.append(Deed(account_id, path.rpartition("/")[2]))

    async def _send(self, send: Send, status: int, content: bytes) -> None:
        moment = datetime.fromtimestamp(self.now(), timezone.utc)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            (b"date", format_datetime(moment, usegmt=True).encode()),
        ]
        if status == 204:
            headers = headers[2:]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _has_chats(service: Service, account_id: str) -> bool:
    return bool(service.store.value("SELECT chats FROM accounts WHERE id = ?", account_id))


def _team_of(scope: Scope) -> str:
    """The team of the caller's token, whose signature the emulator checks."""
    token = dict(scope["headers"]).get(b"authorization", b"").decode()
    _, _, claims = token.partition(".")
    text = claims.partition(".")[0]
    try:
        known = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return str(known["user"]["teamId"])
    except (ValueError, KeyError):
        return ""


async def _ask(app: Any, scope: Scope, body: bytes) -> tuple[int, bytes]:
    status, content = 0, b""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def hold(message: Message) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            content += message.get("body", b"")

    await app(scope, receive, hold)
    return status, content


class Server:
    """Serves the teams of one history after another."""

    def __init__(self) -> None:
        self.teams: Teams | None = None
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            http="h11",
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.teams is not None
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = bool(message.get("more_body"))
        await self.teams.serve(scope, body, send)
