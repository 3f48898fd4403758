"""A server, or something in its place, whose answers differ from those of the real API."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from chatdaddy_pulumi.client import (
    AccountPatch,
    BadAnswer,
    BadRequest,
    ChatDaddy,
    ChatDaddyError,
    ClientOptions,
    Purchase,
    Refused,
    ServiceUrls,
    Unavailable,
    Unknown,
    Unreachable,
    Untrusted,
)
from tests.integration.client.conftest import FAST, Stage, answer

pytestmark = pytest.mark.anyio

API_TOKEN = "api-token-of-the-hostile-tests"
ACCOUNT = {"accountId": "acc1", "nickname": "a", "type": "wa", "state": "open"}


def at(url: str, options: ClientOptions = FAST) -> ChatDaddy:
    return ChatDaddy(
        "team-1", api_token=API_TOKEN, urls=ServiceUrls.from_base(url), options=options
    )


def always(reply: bytes) -> Callable[[str, dict[str, str], bytes], Awaitable[bytes]]:
    async def handler(line: str, headers: dict[str, str], body: bytes) -> bytes:
        return reply

    return handler


def saying(body: Any, status: int = 200, **headers: str) -> Any:
    return always(answer(status, json.dumps(body), **headers))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("work", ["read", "buy"])
async def test_the_token_does_not_follow_a_redirect(stage: Stage, status: int, work: str) -> None:
    elsewhere = Stage()
    other = await elsewhere.serve(saying({"accounts": []}))
    url = await stage.serve(always(answer(status, "", Location=f"{other}/im/accounts")))
    async with at(url) as chatdaddy:
        call = (
            chatdaddy.accounts.snapshot()
            if work == "read"
            else chatdaddy.accounts.purchase(Purchase(nickname="a"), known_ids=())
        )
        with pytest.raises(ChatDaddyError, match="CHATDADDY_BASE_URL") as caught:
            await call
    await elsewhere.close()
    assert elsewhere.requests == []
    assert isinstance(caught.value, Unknown if (status, work) == (303, "buy") else Refused)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[]", "should be an object"),
        ('{"accounts": {}}', "accounts: Input should be a valid"),
        ('{"total": 1}', "accounts: Field required"),
        (
            json.dumps({"accounts": [{**ACCOUNT, "accountId": ""}]}),
            "none of its 1 entries has an accountId",
        ),
        (json.dumps({"accounts": [ACCOUNT], "total": -1}), "total: Input should be greater"),
        ("", "it is not JSON"),
        ("\x00\xff", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"accounts": ' + "9" * 10_000 + "}", "accounts"),
    ],
)
async def test_an_invalid_answer_names_the_field(stage: Stage, body: str, problem: str) -> None:
    url = await stage.serve(always(answer(200, body)))
    async with at(url) as chatdaddy:
        with pytest.raises(BadAnswer, match=problem) as caught:
            await chatdaddy.accounts.snapshot()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("packed", [False, True])
async def test_endless_answers_are_not_read(stage: Stage, packed: bool) -> None:
    body = b'{"accounts": "' + b"x" * 3_000_000 + b'"}'
    extra = {"Content-Encoding": "gzip"} if packed else {}
    url = await stage.serve(always(answer(200, gzip.compress(body) if packed else body, **extra)))
    async with at(url, replace(FAST, max_answer_bytes=1_000_000, retries=0)) as chatdaddy:
        with pytest.raises(Unavailable, match="longer than 1,000,000 bytes"):
            await chatdaddy.accounts.snapshot()
        with pytest.raises(Unknown, match="longer than 1,000,000 bytes"):
            await chatdaddy.accounts.patch("acc1", AccountPatch(nickname="b"))


async def test_a_long_error_message_is_truncated(stage: Stage) -> None:
    url = await stage.serve(saying({"message": "no " * 1_000_000}, status=400))
    async with at(url) as chatdaddy:
        with pytest.raises(BadRequest) as caught:
            await chatdaddy.accounts.snapshot()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("status", [400, 418, 503])
@pytest.mark.parametrize(
    "body",
    ["", "<html>no</html>", "[" * 50_000, '{"message": 7}', '{"data": {"helpLink": 3}}', "7"],
)
async def test_error_bodies_of_any_form(stage: Stage, status: int, body: str) -> None:
    url = await stage.serve(always(answer(status, body)))
    async with at(url, replace(FAST, retries=0)) as chatdaddy:
        with pytest.raises(ChatDaddyError, match=rf"\({status}\): \w+"):
            await chatdaddy.accounts.snapshot()


async def test_the_help_link_is_shown(stage: Stage) -> None:
    for link, shown in (
        ({"url": "https://help.example/x"}, "(help: https://help.example/x)"),
        ({"docId": "scaling"}, "(help: document scaling)"),
        ({"url": "javascript:alert(1)"}, "Too many accounts"),
    ):
        body = {"message": "Too many accounts", "data": {"helpLink": link}}
        url = await stage.serve(saying(body, status=402))
        async with at(url) as chatdaddy:
            with pytest.raises(Refused) as caught:
                await chatdaddy.accounts.purchase(Purchase(nickname="a"), known_ids=())
        assert str(caught.value).endswith(shown)


async def test_a_slow_answer_times_out(stage: Stage) -> None:
    async def drip(line: str, headers: dict[str, str], body: bytes) -> bytes | None:
        await asyncio.sleep(3)
        return None

    url = await stage.serve(drip)
    async with at(url, replace(FAST, read_timeout_s=0.3, total_timeout_s=0.5)) as chatdaddy:
        began = monotonic()
        with pytest.raises(Unavailable, match="no answer within"):
            await chatdaddy.accounts.snapshot()
        assert monotonic() - began < 2.9


@pytest.mark.slow
async def test_retry_after_may_be_a_date(stage: Stage) -> None:
    async def later(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if len(stage.requests) == 1:
            return answer(429, "{}", Retry_After=formatdate(time() + 2, usegmt=True))
        return answer(200, '{"accounts": [], "total": 0}')

    url = await stage.serve(later)
    async with at(url) as chatdaddy:
        began = monotonic()
        assert await chatdaddy.accounts.snapshot() == {}
        assert 0.5 < monotonic() - began < 10


@pytest.mark.parametrize("value", ["soon", "-5", "nan", "inf", "Mon, 99 Foo 2026", "1e999"])
async def test_an_invalid_retry_after(stage: Stage, value: str) -> None:
    async def later(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if len(stage.requests) == 1:
            return answer(429, "{}", Retry_After=value)
        return answer(200, '{"accounts": [], "total": 0}')

    url = await stage.serve(later)
    async with at(url) as chatdaddy:
        assert await chatdaddy.accounts.snapshot() == {}


async def test_success_false_is_a_refusal(stage: Stage) -> None:
    url = await stage.serve(saying({"success": False, "message": "Not today"}))
    async with at(url) as chatdaddy:
        with pytest.raises(Refused, match="Not today"):
            await chatdaddy.accounts.archive("acc1")


async def test_every_call_has_the_token(stage: Stage) -> None:
    url = await stage.serve(saying({"accounts": [], "total": 0}))
    async with at(url) as chatdaddy:
        await chatdaddy.accounts.snapshot()
    (_, headers, _), *_ = stage.requests
    assert headers["user-agent"].startswith("chatdaddy-pulumi/")
    assert headers["authorization"] == f"Bearer {API_TOKEN}"


async def test_own_servers_are_not_called_through_a_proxy(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = await stage.serve(saying({"accounts": [], "total": 0}))
    for base in (url, url.replace("127.0.0.1", "localhost")):
        async with at(base) as chatdaddy:
            assert await chatdaddy.accounts.snapshot() == {}


async def test_a_host_name_that_does_not_exist() -> None:
    async with at("https://chatdaddy.invalid", replace(FAST, retries=0)) as chatdaddy:
        with pytest.raises(Unreachable, match=r"chatdaddy\.invalid .*check the base URL"):
            await chatdaddy.accounts.snapshot()


async def test_certificates_are_checked_and_a_custom_ca_is_possible(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file, context = own_certificate(tmp_path)
    url = await stage.serve(saying({"accounts": [], "total": 0}), tls=context)
    async with at(url) as chatdaddy:
        with pytest.raises(Untrusted, match=r"set SSL_CERT_FILE") as caught:
            await chatdaddy.accounts.purchase(Purchase(nickname="a"), known_ids=())
        assert isinstance(caught.value, Unreachable)
        assert chatdaddy.calls["POST /im/accounts"] == 1
    async with at(url, replace(FAST, ca_file=str(ca_file))) as chatdaddy:
        assert await chatdaddy.accounts.snapshot() == {}
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with at(url) as chatdaddy:
        assert await chatdaddy.accounts.snapshot() == {}


async def test_secrets_that_a_server_repeats_are_not_shown(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJ1c2VyIjp7ImlkIjoidSJ9fQ.c2lnbmF0dXJl"

    async def gossip(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if "/auth/token" in line:
            return answer(200, json.dumps({"access_token": jwt}))
        heard = f"{headers} {body!r} {line} +852 9876 5432 the-refresh-token-1"
        return answer(400, json.dumps({"message": heard, "data": {"heard": heard, jwt: [jwt]}}))

    urls = ServiceUrls.from_base(await stage.serve(gossip))
    shown = []
    async with ChatDaddy(
        "t", refresh_token="the-refresh-token-1", urls=urls, options=FAST
    ) as chatdaddy:
        for work in (
            chatdaddy.accounts.snapshot(),
            chatdaddy.accounts.purchase(Purchase(nickname="a"), known_ids=()),
            chatdaddy.api_tokens.delete("the-api-token-1"),
            chatdaddy.api_tokens.validate("the-api-token-1"),
        ):
            with pytest.raises(BadRequest) as caught:
                await work
            assert caught.value.__cause__ is caught.value.__context__ is None
            shown += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
            # What a tool that shows variables would show of the frames that all calls share.
            trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            shown += [str(f.locals) for f in trace.stack if f.filename.endswith("transport.py")]
        shown += [repr(chatdaddy), repr(vars(chatdaddy))]
    text = "\n".join([*shown, caplog.text])
    assert "[hidden]" in text
    for secret in (jwt, "the-refresh-token-1", "the-api-token-1", "9876 5432"):
        assert secret not in text


async def test_the_error_of_a_lost_answer_holds_no_httpx_objects(stage: Stage) -> None:
    async def cut(line: str, headers: dict[str, str], body: bytes) -> None:
        return None

    url = await stage.serve(cut)
    async with at(url) as chatdaddy:
        with pytest.raises(Unknown) as caught:
            await chatdaddy.accounts.patch("acc1", AccountPatch(nickname="b"))
    assert caught.value.__cause__ is caught.value.__context__ is None


def own_certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, Any]:
    """A self-signed certificate for the host, and the server's TLS context."""
    import datetime
    import ipaddress
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address(host))
                    if host[0].isdigit()
                    else x509.DNSName(host)
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "key.pem"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return ca_file, context
