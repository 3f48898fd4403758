"""Tokens are sent only to ChatDaddy's hosts. The sandbox accepts only calls from this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chatdaddy_pulumi.client import (
    BadSetting,
    ChatDaddy,
    ChatDaddyError,
    ClientOptions,
    ServiceUrls,
    Unreachable,
    addresses,
)
from chatdaddy_pulumi.client.connection import http_transport
from chatdaddy_pulumi.client.models import Purchase
from tests.support.engine import Stack, write_project
from tests.support.hostile import hostile
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

SHORT = ClientOptions(retry_delay_s=0, lookup_s=0, batch_window_s=0)
ORDER = Purchase(type="wa", tier="limited_msg_no_chat_history", nickname="alice")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One server for all tests: none of their calls may reach it."""
    with running() as server:
        yield server


@pytest.mark.slow
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


OWN = [
    "http://127.0.0.1:8080",
    "http://127.255.255.254",
    "http://[::1]:8080",
    "http://localhost:8080",
    "HTTP://LocalHost/base/",
    "http://10.1.2.3",
    "http://172.31.0.1",
    "http://192.168.1.5:8080",
    "http://[fd12::1]",
]
#: Public addresses without encryption, and hosts that look like local ones.
ELSEWHERE = [
    "http://api.chatdaddy.tech",
    "http://8.8.8.8",
    "http://chatdaddy",
    "http://sandbox:8080",
    "http://evil.localhost",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://169.254.169.254",
    "http://0.0.0.0",
    "http://100.64.0.1",
    "http://172.32.0.1",
    "http://203.0.113.1",
    # Teredo, 6to4, and IPv4 addresses in IPv6 ones.
    "http://[2001:0:7f00:1::1]",
    "http://[2002:7f00:1::1]",
    "http://[::ffff:8.8.8.8]",
    "http://[::ffff:127.0.0.1]",
    "http://[64:ff9b::808:808]",
    "http://[::7f00:1]",
    "http://[fe80::1]",
    "http://[2001:db8::1]",
]
#: URLs that parsers read differently.
ODD = [
    "http://evil\u3002example",
    "http://127.0.0.1\uff0fevil.example",
    "http://\u2460\u2461\u2466.0.0.1",
    "https://\u0430pi.chatdaddy.tech",
    "http://localhost.",
    "https://\u212aey.example",
    "https://\u017f.example",
    "https://\u0131.example",
    "https://host/\u017f",
    "https://host..example",
    "https://" + "a" * 64 + ".example",
    "http://134744072",
    "http://0x7f.1",
    "https://0x7f.1",
    "http://127.1",
    "http://0177.0.0.1",
    "https://1.2.3.4.5",
    "http://127.0.0.1%2eevil.example",
    "http://127.0.0.1\\@evil.example",
    "http://127.0.0.1 .evil.example",
    "http://127.0.0.1\t.evil.example",
    "http://[::1%25lo]",
    "http://[::1",
    "http:127.0.0.1",
    "http:///127.0.0.1",
    "//127.0.0.1",
    "https://host:0",
    "https://host:99999",
    "https://host:\u0661",
    "https://-host",
    "https://host\x00.example",
    "https://host/\u202epath",
    "https://host/a b",
    "file:///etc/passwd",
    "socks5://127.0.0.1",
    "https://" + "a" * 100_000 + "\u00e9",
]
WITH_MORE = [
    "http://user:pass-word-1@127.0.0.1",
    "http://127.0.0.1:80@evil.example",
    "http://127.0.0.1#@evil.example",
    "http://127.0.0.1?@evil.example",
]


@pytest.mark.parametrize("url", OWN)
def test_a_token_may_be_sent_unencrypted_in_a_private_network(url: str) -> None:
    ServiceUrls.from_base(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        *((url, "unencrypted") for url in ELSEWHERE),
        *((url, "is not a URL") for url in ODD),
        *((url, "only scheme, host and path|unencrypted") for url in WITH_MORE),
    ],
)
def test_a_token_is_sent_to_no_unusual_or_other_address(url: str, says: str) -> None:
    for given in ({"base": url}, {"im": url}):
        with pytest.raises(BadSetting, match=says) as caught:
            ServiceUrls.from_base(**given)
        assert len(str(caught.value)) < 600
        assert str(caught.value).isprintable()
        assert "pass-word-1" not in str(caught.value)
        assert caught.value.setting in ("baseUrl", "imUrl")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"HTTPS_PROXY": "socks5://127.0.0.1:1080"}, "only http:// and https://"),
        ({"ALL_PROXY": "socks5h://u:pass-word-1@127.0.0.1:1080"}, "the proxy of ALL_PROXY"),
        ({"HTTPS_PROXY": "http://user:pass-word-1@"}, "is not an address"),
        ({"https_proxy": "http://[::1"}, "the proxy of https_proxy"),
        ({"HTTPS_PROXY": "http://proxy:port"}, "is not an address"),
        ({"HTTPS_PROXY": "http://proxy/path?pass-word-1"}, "is not an address"),
        ({"HTTPS_PROXY": "http://pr\u043exy"}, "is not an address"),
        ({"HTTPS_PROXY": "http://pro\r\nxy"}, "is not an address"),
        ({"HTTPS_PROXY": "ftp://proxy"}, "one of ftp://"),
    ],
)
def test_an_invalid_proxy_is_a_one_line_error(environment: dict[str, str], says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        ChatDaddy("t1", api_token="api-token-1", environment=environment)
    assert str(caught.value).isprintable()
    assert "pass-word-1" not in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_no_proxy_is_used_for_a_token_over_http(variable: str) -> None:
    def client(url: str, **more: str) -> ChatDaddy:
        environment = {variable: "http://proxy.example:3128", **more}
        urls = ServiceUrls.from_base(url)
        return ChatDaddy("t1", api_token="api-token-1", urls=urls, environment=environment)

    with pytest.raises(BadSetting, match=f"the proxy of {variable}: would see the token"):
        client("http://192.168.1.5")
    client("http://192.168.1.5", NO_PROXY="192.168.0.0/16")
    client("http://127.0.0.1:8080")


def test_a_localhost_that_is_another_machine_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if /etc/hosts or a name server says so."""
    monkeypatch.setattr(addresses, "_OWN_NETWORKS", [ipaddress.ip_network("10.0.0.0/8")] * 5)
    with hostile() as theirs:

        async def work() -> None:
            urls = ServiceUrls.from_base(theirs.url.replace("127.0.0.1", "localhost"))
            async with ChatDaddy(
                "t1", api_token="api-token-1", urls=urls, options=SHORT, environment={}
            ) as client:
                await client.accounts.delete("acc1")

        with pytest.raises(Unreachable, match="localhost is not this machine"):
            asyncio.run(work())
        assert theirs.asked == []


def test_only_the_services_are_called() -> None:
    urls = ServiceUrls.from_base("http://127.0.0.1:9")
    transport = http_transport(urls, SHORT, {})

    async def work() -> None:
        await transport.handle_async_request(httpx.Request("GET", "http://127.0.0.2:9/im"))

    with pytest.raises(KeyError):
        asyncio.run(work())


@pytest.mark.slow
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
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://{host}/evil"},
        {"Origin": "file://{host}"},
        {"Origin": "http://x@{host}"},
        {"Origin": ""},
        {"Host": "rebound.example.com"},
        {"Host": "x@{host}"},
        {"Host": "{host}/x"},
        {"Host": "{host}#x"},
        {"Host": "[::1%25x]"},
        {"Host": "127.0.0.1.example.com"},
        {"Host": ""},
    ],
    ids=str,
)
def test_a_web_page_of_another_origin_has_no_access(
    sandbox: Sandbox, headers: dict[str, str]
) -> None:
    host = sandbox.url.partition("//")[2]
    given = {name: value.format(host=host) for name, value in headers.items()}
    for method, path in CONTROL:
        answer = sandbox.http.request(method, path, headers=given, json={"advance_s": 1})
        assert answer.status_code in (400, 403), f"{method} {path}: {answer.text}"
        assert "access-control-allow-origin" not in answer.headers
    assert sandbox.totals() == {}


def test_duplicate_headers_are_refused(sandbox: Sandbox) -> None:
    own = ("Origin", sandbox.url)
    for others in ([("Origin", "https://example.com"), own], [own, ("Origin", "null")]):
        answer = sandbox.http.post("/_sandbox/clock", headers=others, json={"advance_s": 1})
        assert answer.status_code == 403


def test_no_preflight_opens_the_control_paths(sandbox: Sandbox) -> None:
    answer = sandbox.http.options(
        "/_sandbox/clock",
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.slow
def test_the_sandbox_listens_only_on_loopback(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    others = {
        str(info[4][0])
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not str(info[4][0]).startswith("127.")
    }
    for address in others:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{address}:{port}/_sandbox/ledger", timeout=5, trust_env=False)
