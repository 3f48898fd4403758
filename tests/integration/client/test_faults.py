"""Every call with every fault. The outcome is compared with the server's ledger and accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatdaddy_pulumi.client import (
    AccountPatch,
    BadAnswer,
    ChatDaddy,
    ChatDaddyError,
    Purchase,
    RateLimited,
    Unavailable,
    Unknown,
    UnknownPurchase,
)
from tests.integration.client.conftest import LIMITED, UNLIMITED, bought, client
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.anyio

OK = None
EVER = 1_000


@dataclass(frozen=True)
class Fault:
    """A fault of the emulator, and the expected outcome for each kind of call."""

    action: str
    times: int
    read: type[ChatDaddyError] | None
    harmless: type[ChatDaddyError] | None
    #: For calls that must not be repeated: the outcome, and whether the server did the work.
    never: type[ChatDaddyError] | None
    done: bool
    extra: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        extra = "-".join(str(value) for _, value in self.extra)
        return "-".join(filter(None, [self.action, extra, "ever" if self.times == EVER else ""]))


def status(
    code: int, times: int, read: Any, harmless: Any, never: Any, done: bool, **extra: Any
) -> Fault:
    settings = (("status", code), *extra.items())
    return Fault("status", times, read, harmless, never, done, settings)


FAULTS = [
    Fault("delay", 1, OK, OK, OK, True, (("delay_ms", 30),)),
    status(429, 1, OK, OK, OK, True),
    status(429, 3, OK, OK, OK, True, retry_after=0.02),
    status(429, EVER, RateLimited, RateLimited, RateLimited, False),
    status(429, 1, RateLimited, RateLimited, RateLimited, False, retry_after=3600),
    status(502, 1, OK, OK, Unknown, False),
    status(502, EVER, Unavailable, Unavailable, Unknown, False),
    status(503, 1, OK, OK, Unknown, False),
    status(503, 1, OK, OK, Unknown, False, retry_after=0.02),
    status(503, EVER, Unavailable, Unavailable, Unknown, False),
    status(500, 1, OK, OK, Unknown, False),
    status(500, EVER, Unavailable, Unknown, Unknown, False),
    Fault("drop_before", 1, OK, OK, Unknown, False),
    Fault("drop_before", EVER, Unavailable, Unknown, Unknown, False),
    Fault("drop_after", 1, OK, OK, OK, True),
    Fault("drop_after", EVER, Unavailable, Unknown, OK, True),
    Fault("truncate", 1, OK, OK, OK, True),
    Fault("not_json", 1, BadAnswer, OK, OK, True),
    Fault("not_json", EVER, BadAnswer, Unknown, OK, True),
    Fault("expire_token", 1, OK, OK, OK, True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_purchase_is_made_at_most_once_and_its_outcome_is_reported(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, fault: Fault
) -> None:
    server.fault("POST", "/im/accounts", fault.action, fault.times, **dict(fault.extra))
    order = Purchase(nickname=nickname, tier=LIMITED)
    if fault.never is OK:
        account = await chatdaddy.accounts.purchase(order)
        assert bought(server, nickname) == [account.account_id]
        assert (account.nickname, account.tier) == (nickname, LIMITED)
    else:
        with pytest.raises(fault.never) as caught:
            await chatdaddy.accounts.purchase(order)
        assert bought(server, nickname) == []
        if fault.never is Unknown:
            assert isinstance(caught.value, UnknownPurchase)
            assert caught.value.candidates == []
            assert nickname in str(caught.value)
            assert "pulumi" not in str(caught.value)


@dataclass(frozen=True)
class Read:
    name: str
    path: str
    call: Callable[[ChatDaddy, str], Awaitable[Any]]
    method: str = "GET"


READS = [
    Read("snapshot", "/im/accounts", lambda c, i: c.accounts.snapshot()),
    Read("get", "/im/accounts", lambda c, i: c.accounts.get(i)),
    Read("read", "/im/accounts", lambda c, i: c.accounts.read(i)),
    Read("find", "/im/accounts", lambda c, i: c.accounts.find("x")),
    Read("team_detail", "/payments/team-detail", lambda c, i: c.billing.team_detail()),
    Read(
        "account_access",
        "/payments/team-detail/account-access/*",
        lambda c, i: c.billing.account_access(i),
    ),
    Read(
        "products", "/payments/auto-charge-products", lambda c, i: c.billing.auto_charge_products()
    ),
    Read("webhooks.list", "/events/subscriptions", lambda c, i: c.webhooks.list()),
    Read("api_tokens.list", "/auth/api-token", lambda c, i: c.api_tokens.list()),
    Read("team.get", "/auth/teams", lambda c, i: c.team.get()),
    Read("token", "/auth/token", lambda c, i: c.billing.team_detail(), method="POST"),
]


@pytest.mark.slow
@pytest.mark.parametrize("read", READS, ids=lambda read: read.name)
async def test_reads_are_repeated_and_never_unknown(
    server: Sandbox, nickname: str, read: Read
) -> None:

    account_id = buy(server, nickname)
    for fault in FAULTS:
        server.clear_faults()
        server.fault(read.method, read.path, fault.action, fault.times, **dict(fault.extra))
        async with client(server) as fresh:
            outcome = await outcome_of(read.call(fresh, account_id))
        assert outcome is fault.read, str(fault)


@dataclass(frozen=True)
class Write:
    """A call that may be repeated. `done` reads the account afterwards."""

    name: str
    method: str
    path: str
    call: Callable[[ChatDaddy, str], Awaitable[Any]]
    done: Callable[[dict[str, Any] | None], bool] = lambda account: True
    deleted_before: bool = False


def there(check: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any] | None], bool]:
    return lambda account: account is not None and check(account)


ONE = "/im/accounts/{id}"
WRITES = [
    Write(
        "patch tier",
        *("PATCH", ONE),
        lambda c, i: c.accounts.patch(i, AccountPatch(tier=UNLIMITED)),
        there(lambda account: account["tier"] == UNLIMITED),
    ),
    Write(
        "patch nickname",
        *("PATCH", ONE),
        lambda c, i: c.accounts.patch(i, AccountPatch(nickname="renamed")),
        there(lambda account: account["nickname"] == "renamed"),
    ),
    Write(
        "delete",
        *("DELETE", ONE),
        lambda c, i: c.accounts.delete(i),
        there(lambda account: account["deletedAt"] is not None),
    ),
    Write(
        "delete now",
        *("DELETE", ONE),
        lambda c, i: c.accounts.delete(i, now=True),
        lambda account: account is None,
    ),
    Write(
        "archive",
        *("POST", ONE + "/archive"),
        lambda c, i: c.accounts.archive(i),
        there(lambda account: "archiveState" in account),
    ),
    Write(
        "open",
        *("POST", ONE + "/open"),
        lambda c, i: c.accounts.open(i),
        there(lambda account: account["state"] == "connecting"),
    ),
    Write("close", "POST", ONE + "/close", lambda c, i: c.accounts.close(i, logout=True)),
    Write(
        "login mode",
        *("POST", "/im/accounts/wa/{id}/change-login-mode"),
        lambda c, i: c.accounts.change_login_mode(i),
    ),
    Write("ack", "POST", ONE + "/disconnect-ack", lambda c, i: c.accounts.disconnect_ack(i)),
    Write(
        "set_auto_charge",
        *("PATCH", "/payments/team-detail"),
        lambda c, i: c.billing.set_auto_charge(["messages"]),
    ),
    Write(
        "refresh_access",
        *("POST", "/payments/team-detail/refresh-access"),
        lambda c, i: c.billing.refresh_access(usage=True),
    ),
    Write(
        "prepare",
        *("POST", "/payments/auto-charge-products/prepare/*"),
        lambda c, i: c.billing.prepare("messages", i),
    ),
    Write("team.update", "PATCH", "/auth/teams", lambda c, i: c.team.update(name="Sandbox")),
]


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
async def test_idempotent_writes_are_repeated(server: Sandbox, nickname: str, write: Write) -> None:

    for number, fault in enumerate(FAULTS):
        server.clear_faults()
        account_id = buy(server, f"{nickname}-{number}")
        server.fault(write.method, write.path, fault.action, fault.times, **dict(fault.extra))
        async with client(server) as fresh:
            outcome = await outcome_of(write.call(fresh, account_id))
        assert outcome is fault.harmless, str(fault)
        server.clear_faults()
        if outcome is OK:
            assert write.done(server.account(account_id)), str(fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_other_calls_that_must_not_be_repeated(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, fault: Fault
) -> None:
    """Recreations, webhooks and API tokens are done at most once, and the outcome is known if they
    were.
    """
    account_id = buy(server, nickname)
    server.call("DELETE", f"/im/accounts/{account_id}").raise_for_status()
    cases = [
        (
            "/im/accounts/*/recreate",
            lambda: chatdaddy.accounts.recreate(account_id),
            lambda: int(server.account(account_id)["deletedAt"] is None),  # type: ignore[index]
        ),
        (
            "/events/subscriptions",
            lambda: chatdaddy.webhooks.create(url=f"http://127.0.0.1:9/{nickname}", events=["x-y"]),
            lambda: sum(
                nickname in hook["url"]
                for hook in server.call("GET", "/events/subscriptions").json()["subscriptions"]
            ),
        ),
        (
            "/auth/api-token",
            lambda: chatdaddy.api_tokens.create(nickname, ["ACCOUNT_READ"]),
            lambda: sum(
                token["reason"] == nickname
                for token in server.call("GET", "/auth/api-token").json()["tokens"]
            ),
        ),
    ]
    for path, call, times_done in cases:
        server.fault("POST", path, fault.action, fault.times, **dict(fault.extra))
        outcome = await outcome_of(call())
        server.clear_faults()
        assert outcome is fault.never, path
        assert times_done() == int(fault.done), path


@pytest.mark.parametrize("gone", [False, True])
async def test_a_deletion_succeeds_although_its_answer_was_lost(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str, gone: bool
) -> None:
    account_id = buy(server, nickname)
    server.fault("DELETE", ONE, "drop_after")
    await chatdaddy.accounts.delete(account_id, now=gone)
    assert chatdaddy.calls["DELETE /im/accounts/{id}"] == 2
    account = server.account(account_id)
    assert account is None if gone else account is not None and account["deletedAt"]


async def test_a_refused_tier_does_not_make_a_lost_patch_count_as_done(
    server: Sandbox, chatdaddy: ChatDaddy, nickname: str
) -> None:
    account_id = buy(server, nickname)
    server.fault("PATCH", ONE, "drop_before")
    with pytest.raises(ChatDaddyError) as caught:
        await chatdaddy.accounts.patch(account_id, AccountPatch(tier=LIMITED, nickname="other"))
    assert caught.value.status == 400
    assert caught.value.after_lost_answer


def buy(server: Sandbox, nickname: str) -> str:
    order = {"type": "wa", "nickname": nickname, "tier": LIMITED}
    answer = server.call("POST", "/im/accounts", json=order)
    answer.raise_for_status()
    return str(answer.json()["accountId"])


async def outcome_of(work: Awaitable[Any]) -> type[ChatDaddyError] | None:
    """The kind of failure, with one kind for every `Unknown`."""
    try:
        await work
    except Unknown:
        return Unknown
    except ChatDaddyError as error:
        return type(error)
    return OK
