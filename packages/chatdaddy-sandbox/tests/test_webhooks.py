"""Subscriptions, and the events that are posted to them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.sandbox import UNLIMITED, Sandbox, running

EVENTS = ["account-insert", "account-update", "account-delete"]


class Listener(ThreadingHTTPServer):
    """A user's bot: collects the events, and answers the first ones with errors."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failures = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def wait(self, count: int, about: str) -> list[tuple[str, dict[str, Any]]]:
        """The events about an account, when there are so many, or fewer after ten seconds."""
        deadline = time.monotonic() + 10
        while True:
            told = [
                (event["event"], event["data"][0])
                for event in list(self.events)
                if event["data"][0]["accountId"] == about
            ]
            if len(told) >= count or time.monotonic() > deadline:
                return told
            time.sleep(0.02)


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.failures > 0:
            self.server.failures -= 1
            self.send_response(503)
        else:
            self.server.events.append(json.loads(body))
            self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def subscribe(shared: Sandbox) -> Iterator[Any]:
    made: list[str] = []

    def create(url: str, **more: Any) -> dict[str, Any]:
        body = {"enabled": True, "url": url, "events": EVENTS, **more}
        answer = shared.call("POST", "/events/subscriptions", json=body)
        assert answer.status_code == 200
        made.append(answer.json()["id"])
        return dict(answer.json())

    yield create
    for subscription_id in made:
        shared.call("DELETE", f"/events/subscriptions/{subscription_id}")


def settled(sandbox: Sandbox, subscription_id: str) -> list[dict[str, Any]]:
    """The deliveries of a subscription, when none is queued any more."""
    deadline = time.monotonic() + 10
    while True:
        found = [
            delivery
            for delivery in sandbox.http.get("/_sandbox/webhooks").json()["deliveries"]
            if delivery["subscriptionId"] == subscription_id
        ]
        if not any(d["waiting"] for d in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_an_accounts_events_are_sent_in_order(
    shared: Sandbox, listener: Listener, subscribe: Any
) -> None:
    subscribe(listener.url)
    account_id = shared.buy("told", tier="limited")
    shared.call("PATCH", f"/im/accounts/{account_id}", json={"tier": UNLIMITED})
    shared.scan(account_id)
    shared.call("DELETE", f"/im/accounts/{account_id}")
    shared.advance(24 * 3600)
    told = listener.wait(5, about=account_id)
    updates = ["account-update"] * 3
    assert [event for event, _ in told] == ["account-insert", *updates, "account-delete"]
    inserted, changed, opened, deleted, gone = (data for _, data in told)
    assert inserted["nickname"] == "told"
    assert changed["tier"] == UNLIMITED
    assert opened["state"] == "open"
    assert deleted["deletedAt"]
    assert gone == {"accountId": account_id}


def test_only_subscribed_events_are_sent(
    shared: Sandbox, listener: Listener, subscribe: Any
) -> None:
    mine, other = shared.buy(), shared.buy()
    subscribe(listener.url, accounts=[mine], events=["account-update"])
    disabled = subscribe(listener.url, enabled=False)
    for account_id in (other, mine):
        shared.call("PATCH", f"/im/accounts/{account_id}", json={"nickname": "renamed"})
    assert len(listener.wait(1, about=mine)) == 1
    time.sleep(0.3)
    assert [event["data"][0]["accountId"] for event in listener.events] == [mine]

    shared.call("PATCH", f"/events/subscriptions/{disabled['id']}", json={"enabled": True})
    shared.call("PATCH", f"/im/accounts/{other}", json={"nickname": "again"})
    assert len(listener.wait(1, about=other)) == 1


def test_a_failed_delivery_is_retried(shared: Sandbox, listener: Listener, subscribe: Any) -> None:
    listener.failures = 1
    subscription = subscribe(listener.url, events=["account-insert"])
    account_id = shared.buy()
    assert len(listener.wait(1, about=account_id)) == 1
    (delivery,) = settled(shared, subscription["id"])
    assert (delivery["attempts"], delivery["result"]) == (2, "200")


def test_events_are_sent_only_to_this_machine_by_default(shared: Sandbox, subscribe: Any) -> None:
    subscription = subscribe("https://bot.example.com/hook", events=["account-insert"])
    shared.buy()
    found = [delivery["result"] for delivery in settled(shared, subscription["id"])]
    assert found == ["not sent: not on this machine; --webhooks any sends it"]


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:9/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://bot.localhost:9/",
        "http://sandbox.test/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
    ],
)
def test_events_are_not_sent_elsewhere_whatever_the_emulator_listens_on(url: str) -> None:
    with running("--host", "0.0.0.0", "--allow-host", "sandbox.test") as sandbox:
        port = sandbox.url.rpartition(":")[2]
        sandbox.http.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        body = {"enabled": True, "url": url, "events": ["account-insert"]}
        subscription = sandbox.call("POST", "/events/subscriptions", json=body).json()
        sandbox.buy()
        found = [delivery["result"] for delivery in settled(sandbox, subscription["id"])]
    assert found == ["not sent: not on this machine; --webhooks any sends it"]


def test_subscriptions_are_listed_changed_and_deleted(shared: Sandbox, subscribe: Any) -> None:
    made = subscribe("http://127.0.0.1:9/x", accounts=["acc1"], schema={"type": "object"})
    assert made["type"] == "webhook"
    path = f"/events/subscriptions/{made['id']}"

    def listed(**params: Any) -> list[Any]:
        answer = shared.call("GET", "/events/subscriptions", params=params)
        return list(answer.json()["subscriptions"])

    assert made in listed()
    assert made in listed(accountId="acc1", type="webhook", teamId=shared.team_id)
    assert made in listed(**{"userId[0]": made["userId"]})
    assert made not in listed(accountId="acc2")
    assert listed(type="websocket") == []
    assert listed(teamId="another") == []

    changed = shared.call("PATCH", path, json={"events": ["chat-insert"], "accounts": None}).json()
    assert changed["events"] == ["chat-insert"]
    assert "accounts" not in changed
    assert changed["schema"] == {"type": "object"}

    assert shared.call("DELETE", path).json() == {"success": True}
    assert shared.call("DELETE", path).status_code == 404
    assert shared.call("PATCH", path, json={"enabled": False}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"enabled": True},
        {"url": "http://127.0.0.1/"},
        {"enabled": True, "url": "not a url"},
        {"enabled": True, "url": "ftp://127.0.0.1/"},
        {"enabled": True, "url": "http://127.0.0.1/", "events": ["Not An Event"]},
    ],
)
def test_a_wrong_subscription_is_refused(shared: Sandbox, body: dict[str, Any]) -> None:
    assert shared.call("POST", "/events/subscriptions", json=body).status_code == 400
