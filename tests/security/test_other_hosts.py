"""Tokens go to ChatDaddy's hosts and to no other; the sandbox is for this machine alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chatdaddy_pulumi.client import ChatDaddy, ChatDaddyError, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.models import Purchase
from tests.support.engine import Stack, write_project
from tests.support.hostile import hostile
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

SHORT = ClientOptions(retry_delay_s=0, lookup_s=0, batch_window_s=0)
ORDER = Purchase(type="wa", tier="limited_msg_no_chat_history", nickname="alice")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for all: nothing of what is tried here may reach it."""
    with running() as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "redirected", ["POST /auth/token", "GET /im/accounts", "POST /im/accounts", "DELETE /im/x"]
)
def test_a_redirect_is_not_followed(status: int, redirected: str) -> None:
    with hostile() as ours, hostile() as theirs:
        theirs.otherwise = lambda handler: handler.say({"accounts": [], "success": True})
        ours.otherwise = lambda handler: handler.say({"accounts": [], "total": 0})
        where = redirected.partition(" ")[2].replace("/im/x", "/im/accounts/acc1")
        ours.answers[redirected.replace("/im/x", "/im/accounts/acc1")] = lambda handler: (
            handler.say({}, status, {"Location": theirs.url + where})
        )

        async def everything() -> list[ChatDaddyError]:
            errors = []
            urls = ServiceUrls.from_base(ours.url)
            async with ChatDaddy(
                "t1", refresh_token=REFRESH_TOKEN, urls=urls, options=SHORT
            ) as client:
                for work in (
                    client.accounts.snapshot(max_age=0),
                    client.accounts.purchase(ORDER, known_ids=()),
                    client.accounts.delete("acc1"),
                ):
                    try:
                        await work
                    except ChatDaddyError as error:
                        errors.append(error)
            return errors

        errors = asyncio.run(everything())
        assert any("redirect" in str(error) for error in errors)
        assert theirs.asked == []
        assert ours.calls().count("POST /im/accounts") <= 1


@pytest.mark.parametrize(
    ("config", "env"),
    [
        ({"chatdaddy:baseUrl": "https://api.chatdaddy.tech"}, {}),
        ({}, {}),
        ({"chatdaddy:baseUrl": "http://127.0.0.1.example.com:{port}"}, {}),
        ({"chatdaddy:baseUrl": "{url}", "chatdaddy:imUrl": "https://api.chatdaddy.tech/im"}, {}),
        ({"chatdaddy:baseUrl": "{url}"}, {"CHATDADDY_IM_URL": "https://api.chatdaddy.tech/im"}),
    ],
)
def test_the_stand_in_engine_refuses_other_hosts(
    sandbox: Sandbox, tmp_path: Path, config: dict[str, str], env: dict[str, str]
) -> None:
    port = sandbox.url.rpartition(":")[2]
    given = {key: value.format(url=sandbox.url, port=port) for key, value in config.items()}
    stack = Stack(
        write_project(
            tmp_path / "project", "from chatdaddy_pulumi import Account\nAccount('alice')\n"
        ),
        engine="stand-in",
        workdir=tmp_path / "work",
        config={"chatdaddy:teamId": TEAM_ID, **given},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        env=env,
    )
    run = stack.up("--skip-preview")
    assert run.exit_code == 1
    assert "use `pulumi up`" in run.output
    assert "Traceback" not in run.output
    assert sandbox.totals() == {}
    assert stack.state() == {}


CONTROL = [
    ("GET", "/_sandbox/requests"),
    ("DELETE", "/_sandbox/requests"),
    ("GET", "/_sandbox/ledger"),
    ("POST", "/_sandbox/faults"),
    ("DELETE", "/_sandbox/faults"),
    ("POST", "/_sandbox/clock"),
    ("GET", "/im/accounts"),
    ("POST", "/auth/token"),
]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example.com"},
        {"Host": "127.0.0.1.example.com"},
        {"Host": ""},
    ],
    ids=str,
)
def test_a_web_page_of_another_origin_reaches_nothing(
    sandbox: Sandbox, headers: dict[str, str]
) -> None:
    for method, path in CONTROL:
        answer = sandbox.http.request(method, path, headers=headers, json={"advance_s": 1})
        assert answer.status_code in (400, 403), f"{method} {path}: {answer.text}"
        assert "access-control-allow-origin" not in answer.headers
    assert sandbox.totals() == {}


def test_no_preflight_opens_the_control_paths(sandbox: Sandbox) -> None:
    answer = sandbox.http.options(
        "/_sandbox/clock",
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_sandbox_listens_on_loopback_alone(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    others = {
        str(info[4][0])
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not str(info[4][0]).startswith("127.")
    }
    for address in others:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{address}:{port}/_sandbox/ledger", timeout=5, trust_env=False)
