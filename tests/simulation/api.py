"""An emulated ChatDaddy in memory, for the simulation only, and the network in front of it.

It records what the API does not show: who bought an account, whether it has chats, and every
purchase and removal in order. The network loses, delays and changes answers as `Faults` says.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.simulation.clock import EPOCH, Loop, Process

LIMITED = "limited_msg_no_chat_history"
UNLIMITED = "unlimited_msg_chat_history"

BASE_URL = "https://chatdaddy.test"

GRACE_S = 24 * 3600.0
TOKEN_LIFE_S = 3600.0

#: The actor of an event, if a person did it in ChatDaddy's own app.
BY_HAND = "by hand"


@dataclass(frozen=True)
class Event:
    """A change of an account, for the ledger."""

    at: float
    #: buy, delete, delete_now, archive, recreate, patch, chats_lost, purged
    kind: str
    account_id: str
    who: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind} {self.account_id} by {self.who}{detail}"


@dataclass(eq=False)
class Account:
    """An account as it really is, whatever a listing shows."""

    id: str
    team: str
    nickname: str
    type: str
    tier: str | None
    settings: dict[str, Any]
    login_type: str | None
    created_at: float
    created_by: str
    #: A run of a stack ("dev 3"), or `BY_HAND`.
    bought_by: str
    assignees: list[str] = field(default_factory=list)
    deleted_at: float | None = None
    remove_at: float | None = None
    archived_at: float | None = None
    login_at: float | None = None
    has_chats: bool = False
    sent: int = 0
    #: It is permanently removed.
    gone: bool = False
    #: The times since when the API showed each version, for listings that lag.
    shown_since: list[float] = field(default_factory=list)
    shown: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return not self.gone and self.deleted_at is None and self.archived_at is None

    def shown_at(self, moment: float) -> dict[str, Any] | None:
        number = bisect.bisect_right(self.shown_since, moment)
        return self.shown[number - 1] if number else None


@dataclass(frozen=True)
class SlowPurchase:
    """A purchase that was requested. It may happen after its caller has stopped waiting."""

    at: float
    team: str
    nickname: str
    type: str
    who: str


@dataclass(frozen=True)
class Faults:
    """What fails. Floats are the share of calls that are affected; the run's random numbers choose
    them.
    """

    #: The call is lost before it arrives, or its answer is lost after it was executed.
    lost_before: float = 0.0
    lost_after: float = 0.0
    #: Purchases that are executed up to `slow_s` later.
    slow: float = 0.0
    slow_s: float = 300.0
    throttled: float = 0.0
    #: 5xx: the call was executed or not.
    broken: float = 0.0
    #: Listings, and with `lag_search` also searches, show the state of so many seconds ago.
    lag_s: float = 0.0
    lag_search: bool = False
    #: The number of accounts that are missing in listings, and with `short_search` also in
    #: searches. The total still counts them, unless `short_honest`.
    short: int = 0
    short_search: bool = False
    short_honest: bool = False
    #: The share of the facts that are null.
    null_facts: float = 0.0

    @property
    def loses_answers(self) -> bool:
        return bool(self.lost_before or self.lost_after or self.slow or self.broken)

    @property
    def hides(self) -> bool:
        """Whether neither listings nor searches nor totals show some accounts."""
        return bool(self.short and self.short_search and self.short_honest)

    def __str__(self) -> str:
        said = [
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in vars(self).items()
            if value != getattr(CALM, name)
        ]
        return ", ".join(said)


CALM = Faults()


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ChatDaddyWorld:
    """All teams of the emulated ChatDaddy."""

    def __init__(self, loop: Loop, random: Random, *, page_base: int = 0, page: int = 100) -> None:
        self.loop = loop
        self.accounts: dict[str, Account] = {}
        #: Every purchase and removal, in order. Append-only.
        self.events: list[Event] = []
        #: Purchases that were requested and not yet executed.
        self.slow_purchases: list[SlowPurchase] = []
        #: What the token service knows: users by refresh token, teams by user.
        self.users: dict[str, str] = {}
        self.teams: dict[str, set[str]] = {}
        self.api_tokens: dict[str, tuple[str, str]] = {}
        self.page_base = page_base
        self.page = page
        self.settings_merge = True
        #: Whether an answer by ID states that an account is gone.
        self.tells_gone = True
        #: How long it takes to remove an account at once.
        self.removal_s = 2.0
        self._process = Process("ChatDaddy")
        self._random = random
        self._tokens: dict[str, tuple[str, str, float]] = {}

    @property
    def now(self) -> float:
        return self.loop.time()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Schedule work of ChatDaddy itself, which no kill stops."""
        self.loop.call_later_in(self._process, seconds, work)

    def settle(self) -> None:
        """Execute the removals that are due."""
        for account in self.accounts.values():
            if account.remove_at is not None and account.remove_at <= self.now and not account.gone:
                account.gone = True
                self._note("purged", account, "ChatDaddy")
                self._show(account)

    def team_of(self, team: str) -> list[Account]:
        """The team's accounts that are not gone."""
        self.settle()
        return [one for one in self.accounts.values() if one.team == team and not one.gone]

    # --- changes of accounts, by runs and people

    def buy(
        self,
        team: str,
        user: str,
        who: str,
        *,
        nickname: str,
        type: str,
        tier: str | None = None,
        settings: dict[str, Any] | None = None,
        login_type: str | None = None,
    ) -> Account:
        prefix = "acc" + team[:21]
        account_id = f"{prefix}{self._random.randrange(16**4):04x}"
        while account_id in self.accounts:
            account_id = f"{prefix}{self._random.randrange(16**4):04x}"
        account = Account(
            *(account_id, team, nickname, type, tier, dict(settings or {}), login_type),
            created_at=self.now,
            created_by=user,
            bought_by=who,
        )
        self.accounts[account_id] = account
        self._note("buy", account, who, f"{nickname!r}, {type}")
        self._show(account)
        return account

    def patch(self, account: Account, who: str, changes: dict[str, Any]) -> None:
        tier = changes.get("tier")
        if tier is not None:
            if tier == account.tier:
                raise Refusal(400, f'Account "{account.id}" is already on the tier "{tier}"')
            if account.has_chats and tier == LIMITED:
                account.has_chats = False
                self._note("chats_lost", account, who, "by a downgrade")
            account.tier = tier
        if changes.get("nickname") is not None:
            account.nickname = changes["nickname"]
        if changes.get("settings") is not None:
            before = account.settings if self.settings_merge else {}
            account.settings = before | changes["settings"]
        if changes.get("assignees") is not None:
            account.assignees = list(changes["assignees"])
        self._note("patch", account, who, json.dumps(changes, sort_keys=True))
        self._show(account)

    def delete(self, account: Account, who: str, *, now: bool) -> None:
        at = self.now
        account.deleted_at = account.deleted_at if account.deleted_at is not None else at
        remove_at = at + (self.removal_s if now else GRACE_S)
        account.remove_at = min(remove_at, account.remove_at or remove_at)
        self._note("delete_now" if now else "delete", account, who)
        self._show(account)

    def archive(self, account: Account, who: str) -> None:
        if account.archived_at is None:
            account.archived_at = self.now
            account.has_chats = False
            self._note("archive", account, who)
            self._show(account)

    def recreate(self, account: Account, who: str) -> None:
        if account.deleted_at is None:
            raise Refusal(400, f'Account "{account.id}" is not deleted')
        account.deleted_at = account.remove_at = account.archived_at = None
        self._note("recreate", account, who)
        self._show(account)

    def log_in(self, account: Account) -> None:
        """A person scans the QR code: chats are synced if the tier allows it."""
        account.login_at = self.now
        account.has_chats = account.tier != LIMITED
        self._show(account)

    def _note(self, kind: str, account: Account, who: str, detail: str = "") -> None:
        self.events.append(Event(self.now, kind, account.id, who, detail))

    def _show(self, account: Account) -> None:
        account.shown_since.append(self.now)
        account.shown.append(None if account.gone else _shown(account))

    # --- the API

    def serve(self, request: Call) -> tuple[int, Any]:
        """The status and the body of the answer."""
        self.settle()
        try:
            return 200, self._route(request)
        except Refusal as refusal:
            return refusal.status, {"statusCode": refusal.status, "message": str(refusal)}

    def _route(self, call: Call) -> Any:
        _, service, *rest = call.path.split("/")
        if service == "auth":
            return self._auth(call, rest)
        team, user = self._caller(call.token)
        method = call.method
        if service == "im" and rest == ["accounts"]:
            return self._list(call, team) if method == "GET" else self._post(call, team, user)
        if service == "im" and rest[:1] == ["accounts"]:
            account = self._find(team, rest[1])
            return self._account_call(call, account, method, *rest[2:])
        if service == "payments" and rest[:2] == ["team-detail", "account-access"]:
            there = self.accounts.get(rest[2])
            if not self.tells_gone and (there is None or there.gone):
                raise Refusal(403, "forbidden")
            account = self._find(team, rest[2])
            usage = (
                {} if call.random.random() < call.faults.null_facts else {"messages": account.sent}
            )
            return {"access": {"features": [], "limits": {}}, "usage": usage}
        if service == "payments" and rest == ["team-detail"]:
            return {"id": team, "access": {"features": [], "limits": {}}, "autoChargeItems": []}
        raise Refusal(404, f"no route {call.method} {call.path}")

    def _auth(self, call: Call, rest: list[str]) -> Any:
        if rest == ["token"]:
            user = self.users.get(call.body.get("refreshToken", ""))
            if user is None:
                raise Refusal(401, "the refresh token is not valid")
            team = call.body.get("teamId", "")
            if team not in self.teams.get(user, ()):
                raise Refusal(403, f"the user is not in the team {team!r}")
            return {"access_token": self._issue(team, user)}
        if rest == ["api-token", "validate"]:
            found = self.api_tokens.get(call.body.get("token", ""))
            if found is None:
                raise Refusal(401, "the token is not valid")
            return self._claims(*found)
        raise Refusal(404, f"no route {call.method} {call.path}")

    def _claims(self, team: str, user: str) -> dict[str, Any]:
        # The text stays the same for a while, since the client remembers every token that it has
        # seen.
        at = EPOCH + self.now - self.now % (TOKEN_LIFE_S / 4)
        return {
            "scope": "1" * 105,
            "iat": at,
            "exp": at + TOKEN_LIFE_S,
            "user": {"id": user, "teamId": team},
        }

    def _issue(self, team: str, user: str) -> str:
        claims = self._claims(team, user)
        parts = ({"alg": "none"}, claims)
        encoded = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in parts
        ]
        token = ".".join([*encoded, ""])
        self._tokens[token] = (team, user, claims["exp"] - EPOCH)
        return token

    def _caller(self, token: str) -> tuple[str, str]:
        if token in self.api_tokens:
            return self.api_tokens[token]
        team, user, ends_at = self._tokens.get(token, ("", "", 0.0))
        if ends_at <= self.now:
            raise Refusal(401, "the token is not valid")
        return team, user

    def _find(self, team: str, account_id: str) -> Account:
        account = self.accounts.get(account_id)
        if account is None or account.gone or account.team != team:
            raise Refusal(404, f'Account "{account_id}" is not found')
        return account

    def _post(self, call: Call, team: str, user: str) -> Any:
        if "type" not in call.body:
            raise Refusal(400, "type is required")
        account = self.buy(
            *(team, user, call.who),
            nickname=call.body.get("nickname", ""),
            type=call.body["type"],
            tier=call.body.get("tier"),
            settings=call.body.get("settings"),
            login_type=call.body.get("loginType"),
        )
        return _shown(account)

    def _account_call(self, call: Call, account: Account, method: str, *rest: str) -> Any:
        if method == "DELETE":
            self.delete(account, call.who, now=call.query.get("deleteNow") == "true")
        elif rest == ("recreate",):
            self.recreate(account, call.who)
            return _shown(account)
        elif account.deleted_at is not None:
            raise Refusal(400, f'Account "{account.id}" is deleted; recreate it to use it')
        elif rest == ("archive",):
            self.archive(account, call.who)
        elif account.archived_at is not None:
            raise Refusal(400, f'Account "{account.id}" is archived')
        elif method == "PATCH":
            self.patch(account, call.who, call.body)
        elif rest not in (("open",), ("close",), ("disconnect-ack",)):
            raise Refusal(404, f"no route {method} {call.path}")
        return {"success": True}

    def _list(self, call: Call, team: str) -> Any:
        faults, q = call.faults, call.query.get("q")
        search = q is not None
        lags = faults.lag_search if search else True
        moment = self.now - (faults.lag_s if lags else 0.0)
        seen = [
            shown
            for account in self.accounts.values()
            if account.team == team and (shown := account.shown_at(moment)) is not None
        ]
        if q is not None:
            by_id = [one for one in seen if one["accountId"] == q]
            seen = by_id or [one for one in seen if q.lower() in one["nickname"].lower()]
        total = len(seen)
        if faults.short and (faults.short_search or not search):
            seen = [one for one in seen if one["accountId"] not in call.missing(self, team)]
            total = len(seen) if faults.short_honest else total
        if faults.null_facts:
            seen = [_with_nulls(one, faults.null_facts) for one in seen]
        size = min(int(call.query.get("count", self.page)), self.page)
        number = int(call.query.get("page", self.page_base)) - self.page_base
        rows = seen[number * size : (number + 1) * size] if number >= 0 else []
        answer: dict[str, Any] = {"accounts": rows}
        if call.query.get("returnCount") == "true":
            answer["total"] = total
        return answer


@dataclass(frozen=True)
class Call:
    """A request that has arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    token: str
    who: str
    faults: Faults
    random: Random
    #: By number: the accounts that the listings of this run omit.
    misses: float

    def missing(self, world: ChatDaddyWorld, team: str) -> set[str]:
        ids = sorted(one.id for one in world.team_of(team))
        return set(Random(self.misses).sample(ids, min(self.faults.short, len(ids))))


class Network(httpx.AsyncBaseTransport):
    """The network between one process and ChatDaddy. Only the ledger sees `who`."""

    def __init__(
        self,
        world: ChatDaddyWorld,
        who: str,
        faults: Faults,
        random: Random,
        on_call: Callable[[str], None] = lambda _: None,
        pace: float = 1.0,
    ) -> None:
        self._world = world
        self._on_call = on_call
        self._pace = pace
        self._who = who
        self._faults = faults
        self._random = random
        self._misses = random.random()
        #: The number of calls, by method and path without IDs.
        self.calls: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = self._call(request)
        self.calls.append(f"{call.method} {call.path}")
        self._on_call(self.calls[-1])
        wait = (request.extensions.get("timeout") or {}).get("read") or 60.0
        there, back = self._latency(), self._latency()
        fate = self._fate(call)
        if fate == "unconnected":
            await asyncio.sleep(there)
            raise httpx.ConnectError("connection refused (simulated)")
        if fate == "lost before":
            await asyncio.sleep(there)
            raise httpx.ReadError("the connection was cut (simulated)")
        if fate in ("throttled", "broken"):
            await asyncio.sleep(there)
            return self._refusal(fate)
        done: asyncio.Future[tuple[int, Any]] = self._world.loop.create_future()
        self._world.later(self._arrives(call, fate, there), lambda: self._work(call, done))
        try:
            status, body = await asyncio.wait_for(done, wait)
        except asyncio.TimeoutError:
            raise httpx.ReadTimeout("no answer (simulated)") from None
        await asyncio.sleep(back)
        if fate == "lost after":
            raise httpx.ReadError("the connection was cut (simulated)")
        if fate == "broken after":
            return self._refusal("broken")
        return _response(status, body, {"date": format_datetime(self._date())})

    def _date(self) -> datetime:
        """The time as in answers: in whole seconds."""
        return datetime.fromtimestamp(int(EPOCH + self._world.now), timezone.utc)

    def _work(self, call: Call, done: asyncio.Future[tuple[int, Any]]) -> None:
        answer = self._world.serve(call)
        if not done.done():
            done.set_result(answer)

    def _arrives(self, call: Call, fate: str, there: float) -> float:
        """Return when the call is executed. A slow purchase is recorded until then."""
        if fate != "slow":
            return there
        seconds = self._random.uniform(5.0, self._faults.slow_s)
        try:
            team, _ = self._world._caller(call.token)
        except Refusal:
            return there
        slow = SlowPurchase(
            *(self._world.now, team, call.body.get("nickname", ""), call.body.get("type", "")),
            who=self._who,
        )
        self._world.slow_purchases.append(slow)
        self._world.later(seconds, lambda: self._world.slow_purchases.remove(slow))
        return seconds

    def _fate(self, call: Call) -> str:
        faults = self._faults
        if faults is CALM:
            return ""
        dice = self._random.random()
        writes = call.method != "GET" and not call.path.startswith("/auth/")
        shares = [
            ("unconnected", faults.lost_before / 3),
            ("lost before", faults.lost_before),
            ("lost after", faults.lost_after),
            ("throttled", faults.throttled),
            ("broken", faults.broken / 2),
            ("broken after", faults.broken / 2 if writes else 0.0),
            ("slow", faults.slow if (call.method, call.path) == ("POST", "/im/accounts") else 0.0),
        ]
        for fate, share in shares:
            dice -= share
            if dice < 0:
                return fate
        return ""

    def _refusal(self, fate: str) -> httpx.Response:
        if fate == "throttled":
            headers = {"retry-after": "2"} if self._random.random() < 0.5 else {}
            return _response(429, {"statusCode": 429, "message": "too many requests"}, headers)
        status = self._random.choice((500, 502, 503, 504))
        return _response(status, {"statusCode": status, "message": "it is broken (simulated)"})

    def _latency(self) -> float:
        return self._pace * (0.01 + 0.05 * self._random.random())

    def _call(self, request: httpx.Request) -> Call:
        content = request.content
        bearer = request.headers.get("authorization", "")
        return Call(
            request.method,
            request.url.path,
            dict(parse_qsl(request.url.query.decode())),
            json.loads(content) if content else {},
            bearer.removeprefix("Bearer "),
            self._who,
            self._faults,
            self._random,
            self._misses,
        )


def calmer(faults: Faults) -> list[Faults]:
    """The same faults with one of them removed, for shrinking."""
    return [
        replace(faults, **{name: getattr(CALM, name)})
        for name, value in vars(faults).items()
        if value != getattr(CALM, name)
    ]


def _response(status: int, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    given = {"content-type": "application/json", **(headers or {})}
    return httpx.Response(status, headers=given, content=json.dumps(body).encode())


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    at = datetime.fromtimestamp(EPOCH + moment, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(account: Account) -> dict[str, Any]:
    """The account as the API shows it."""
    shown: dict[str, Any] = {
        "accountId": account.id,
        "ownerId": account.created_by,
        "assignees": account.assignees,
        "nickname": account.nickname,
        "type": account.type,
        "createdAt": _iso(account.created_at),
        "createdBy": account.created_by,
        "updatedAt": _iso(account.created_at),
        "deletedAt": _iso(account.deleted_at),
        "lastLoginAt": _iso(account.login_at),
        "state": "open" if account.login_at is not None and account.live else "close",
        "stateInfo": {"chats": {"completed": True}} if account.has_chats else {},
        "canLogin": account.login_at is not None,
        "settings": dict(account.settings),
    }
    if account.tier is not None:
        shown["tier"] = account.tier
    if account.login_type is not None:
        shown["loginType"] = account.login_type
    if account.archived_at is not None:
        shown["archiveState"] = {"type": "done", "doneAt": _iso(account.archived_at)}
    return shown


#: Facts that the API may omit. What marks an account as deleted is always present.
_MAY_BE_NULL = ("nickname", "type", "tier", "createdAt", "createdBy", "lastLoginAt", "state")


def _with_nulls(shown: dict[str, Any], share: float) -> dict[str, Any]:
    """The same accounts always lack the same facts."""
    chosen = Random(shown["accountId"])
    nulls = [name for name in _MAY_BE_NULL if chosen.random() < share]
    return {**shown, **dict.fromkeys(nulls)}
