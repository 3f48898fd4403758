"""The emulated ChatDaddy in its own process, and its control calls for tests."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support import warm

TEAM_ID = "team-sandbox-0123456789abcdef"
REFRESH_TOKEN = "refresh-token-of-the-tests-0001"

LIMITED, UNLIMITED = "limited_msg_no_chat_history", "unlimited_msg_chat_history"
_TIERS = {"limited": LIMITED, "unlimited": UNLIMITED}


@dataclass
class Sandbox:
    """A running emulator, called over HTTP through the API and the control paths."""

    url: str
    process: subprocess.Popen[str]
    team_id: str = TEAM_ID
    refresh_token: str = REFRESH_TOKEN
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    # --- the emulated API, through a plain client

    def token(self) -> str:
        answer = self.http.post(
            "/auth/token", json={"refreshToken": self.refresh_token, "teamId": self.team_id}
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """One authorised call to the emulated API. The path starts with the service."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.http.request(method, path, headers=headers, **kwargs)

    def accounts(self) -> list[dict[str, Any]]:
        """Every account of the team, from all pages."""
        token, found, page = self.token(), {}, 0
        while True:
            answer = self.http.get(
                "/im/accounts",
                params={"page": page, "count": 100, "returnCount": "true"},
                headers={"Authorization": f"Bearer {token}"},
            )
            answer.raise_for_status()
            body = answer.json()
            fresh = {a["accountId"]: a for a in body["accounts"] if a["accountId"] not in found}
            found.update(fresh)
            if len(found) >= body["total"] or (page > 0 and not fresh):
                return list(found.values())
            page += 1

    def account(self, account_id: str) -> dict[str, Any] | None:
        return next((a for a in self.accounts() if a["accountId"] == account_id), None)

    def buy(self, nickname: str = "", *, tier: str | None = None, **order: Any) -> str:
        """Purchase an account, by default of type `wa`, and return its ID."""
        body = {"type": "wa", "nickname": nickname, **order}
        if tier is not None:
            body["tier"] = _TIERS.get(tier, tier)
        answer = self.call("POST", "/im/accounts", json=body)
        answer.raise_for_status()
        return str(answer.json()["accountId"])

    def empty(self) -> None:
        """Delete all accounts of the team, all faults and all recorded calls.

        The clock is not reset: interrupted purchases are recognised by when accounts were made.
        """
        self.clear_faults()
        for account in self.accounts():
            path = f"/im/accounts/{account['accountId']}"
            self.call("DELETE", path, params={"deleteNow": "true"})
        self.forget_requests()

    @staticmethod
    def unique(name: str) -> str:
        """A nickname that no other test uses."""
        return f"{name}-{secrets.token_hex(4)}"

    # --- the control paths

    def requests(self) -> dict[str, Any]:
        return dict(self.http.get("/_sandbox/requests").json())

    def totals(self) -> dict[str, int]:
        """The number of calls by kind: ``{"PATCH /im/accounts/{id}": 1}``."""
        return dict(self.requests()["totals"])

    def forget_requests(self) -> None:
        self.http.delete("/_sandbox/requests").raise_for_status()

    def writes(self) -> dict[str, int]:
        """The calls since `forget_requests` that change something, without token calls."""
        return {
            call: times
            for call, times in self.totals().items()
            if not call.startswith("GET ") and call != "POST /auth/token"
        }

    def fault(self, method: str, path: str, action: str, times: int = 1, **extra: Any) -> None:
        body = {"method": method, "path": path, "times": times, "action": action, **extra}
        self.http.post("/_sandbox/faults", json=body).raise_for_status()

    def clear_faults(self) -> None:
        self.http.delete("/_sandbox/faults").raise_for_status()

    def ledger(self) -> dict[str, Any]:
        return dict(self.http.get("/_sandbox/ledger").json())

    def scan(self, account_id: str) -> None:
        self.http.post(f"/_sandbox/accounts/{account_id}/scan").raise_for_status()

    def messages(self, account_id: str, count: int) -> httpx.Response:
        return self.http.post(f"/_sandbox/accounts/{account_id}/messages", json={"count": count})

    def advance(self, seconds: float) -> None:
        self.http.post("/_sandbox/clock", json={"advance_s": seconds}).raise_for_status()

    # --- the process

    def kill(self) -> None:
        """End the process like `kill -9`."""
        self.process.send_signal(warm.KILL)
        self.process.wait()
        self._close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self._close()
        return code

    def _close(self) -> None:
        self.http.close()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(*flags: str, port: int = 0) -> Sandbox:
    """Start `chatdaddy-pulumi sandbox serve` on a free port, and wait until it is ready."""
    process = subprocess.Popen(
        [
            *(warm.python(), "-m", "chatdaddy_pulumi.cli", "sandbox", "serve"),
            *("--port", str(port), "--team-id", TEAM_ID, "--refresh-token", REFRESH_TOKEN),
            *flags,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if line.startswith("sandbox listening on "):
            return Sandbox(url=line.split()[-1], process=process)
        if not line and process.poll() is not None:
            break
    process.kill()
    process.communicate()
    raise AssertionError("the sandbox did not say that it is listening")


@contextmanager
def running(*flags: str) -> Iterator[Sandbox]:
    sandbox = start(*flags)
    try:
        yield sandbox
    finally:
        if sandbox.process.poll() is None:
            sandbox.stop()
