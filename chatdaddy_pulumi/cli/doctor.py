"""`chatdaddy-pulumi doctor`: checks everything that a run needs, and says what to do."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdaddy_pulumi.cli.access import Access, AccessFlags
from chatdaddy_pulumi.cli.console import Cell, Failed, plural, print_json, say
from chatdaddy_pulumi.cli.groups import grouped
from chatdaddy_pulumi.cli.team import TeamAccount, list_team
from chatdaddy_pulumi.client.setting_names import API_SETTINGS, BILLING
from chatdaddy_pulumi.client.text import escaped
from chatdaddy_pulumi.enums import Tier

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, TeamDetail

_OLDEST_PYTHON = (3, 10)

#: Account IDs end in four hex characters.
_ROOM = 16**4
_LITTLE_ROOM = 1_000

#: The number of each scope in a token, and what fails without the scope.
_SCOPES: Mapping[str, tuple[int, str]] = {
    "ACCOUNT_READ": (31, "nothing works"),
    "ACCOUNT_CREATE": (30, "no purchase, no account brought back"),
    "ACCOUNT_PATCH": (34, "no change, no login"),
    "ACCOUNT_DELETE": (32, "no removal"),
}
_MORE_SCOPES: Mapping[str, tuple[int, str]] = {
    "PAYMENTS_READ": (78, "previews don't know how many messages were sent"),
    "PAYMENTS_UPDATE": (79, "no AutoCharge"),
    "CHATDADDY_HOOK": (65, "no Webhook"),
}

_ITEMS = {
    Tier.LIMITED: "limitedMsgNoHistoryAccountDay",
    Tier.UNLIMITED: "unlimitedMsgHistoryAccountDay",
}


class Verdict(str, Enum):
    """The result of a check."""

    RIGHT = "right"
    WARNING = "warning"
    WRONG = "wrong"
    #: Something before it is wrong.
    NOT_CHECKED = "not checked"


_MARKS = {
    Verdict.RIGHT: ("✓", "green"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.WRONG: ("✗", "red"),
    Verdict.NOT_CHECKED: ("-", "dim"),
}


@dataclass(frozen=True)
class Check:
    """One line."""

    name: str
    verdict: Verdict
    found: str
    #: What to do, unless it is right.
    remedy: str | None = None


def right(name: str, found: str) -> Check:
    return Check(name, Verdict.RIGHT, found)


def wrong(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.WRONG, found, remedy)


def warning(name: str, found: str, remedy: str) -> Check:
    return Check(name, Verdict.WARNING, found, remedy)


@grouped
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("-j", "--json", help="As JSON.")] = False,
    flags: AccessFlags,
) -> None:
    """Check everything that a run needs, and say what to do about what is wrong.

    \b
    Examples:
      chatdaddy-pulumi doctor
      chatdaddy-pulumi doctor --stack prod
      chatdaddy-pulumi doctor --json | jq '.checks[] | select(.verdict == "wrong")'

    Nothing is changed. Exit codes: 0 all is right (warnings may be there), 1 something is wrong.
    """
    checks = [*_machine(), *_configuration_and_team(flags)]
    number = sum(check.verdict is Verdict.WRONG for check in checks)
    if as_json:
        print_json({"ok": not number, "checks": [asdict(check) for check in checks]})
    else:
        _show(checks)
        say(f"\n{plural(number, 'thing')} wrong" if number else "\nnothing is wrong")
    if number:
        raise typer.Exit(1)


def _show(checks: Sequence[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, style = _MARKS[check.verdict]
        say(Cell(f"{mark} {check.name:{width}}  {check.found}", style).styled())
        if check.remedy:
            say(f"  {'':{width}}  → {escaped(check.remedy)}")


# --- this machine


def _machine() -> Iterable[Check]:
    yield _python()
    yield right("chatdaddy-pulumi", metadata.version("chatdaddy-pulumi"))
    yield _sdk()
    yield _engine()


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return right("Python", found)
    return wrong("Python", found, f"install Python {_dotted(_OLDEST_PYTHON)} or later")


def _sdk() -> Check:
    found, oldest = metadata.version("pulumi"), _oldest_sdk()
    if _numbers(found) >= _numbers(oldest):
        return right("Pulumi SDK", found)
    return wrong(
        "Pulumi SDK", f"{found}, older than {oldest}", f'pip install --upgrade "pulumi>={oldest}"'
    )


def _oldest_sdk() -> str:
    """The lower bound that this distribution declares."""
    for requirement in metadata.requires("chatdaddy-pulumi") or []:
        if bound := re.match(r"pulumi\b.*>=([0-9.]+)", requirement):
            return bound[1]
    raise AssertionError("chatdaddy-pulumi requires pulumi")


def _engine() -> Check:
    if (path := shutil.which("pulumi")) is None:
        install = "install the Pulumi CLI: https://www.pulumi.com/docs/install/"
        if _has_standin():
            found = "only the stand-in, which works only with servers on this machine"
            return warning("engine", found, f"for real accounts, {install}")
        return wrong("engine", "no `pulumi` on PATH", install)
    try:
        done = subprocess.run(  # noqa: S603
            [path, "version"], capture_output=True, text=True, timeout=20, check=False
        )
        version = done.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        version = ""
    if not version:
        return wrong("engine", f"{path} does not tell its version", "install the Pulumi CLI again")
    return right("engine", f"Pulumi CLI {version.removeprefix('v')}")


def _has_standin() -> bool:
    return importlib.util.find_spec("pulumi_standin") is not None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))


# --- the configuration


def _configuration_and_team(flags: AccessFlags) -> Iterable[Check]:
    stack_check, access = _stack(flags)
    yield stack_check
    if access is None:
        yield from _unchecked("team ID", "token", "address", *_TEAM_CHECKS)
        return
    settings = [_team_id(access), _token(access), _address(access)]
    yield from settings
    if any(check.verdict is Verdict.WRONG for check in settings):
        yield from _unchecked(*_TEAM_CHECKS)
        return
    yield from _team(access)


def _unchecked(*names: str) -> Iterable[Check]:
    for name in names:
        yield Check(name, Verdict.NOT_CHECKED, "not checked, since an earlier check failed")


def _stack(flags: AccessFlags) -> tuple[Check, Access | None]:
    try:
        access = Access.of(flags)
    except Failed as error:
        remedy = "see the message; --no-stack ignores the stack"
        return wrong("stack", str(error), remedy), None
    if access.stack is None:
        return right("stack", "none in this folder"), access
    if access.stack.name is None:
        found = f"{access.stack.label}, but no stack is selected"
        return warning(
            "stack", found, "pulumi stack init NAME, or pulumi stack select NAME"
        ), access
    return right("stack", f"{access.stack.name} of {access.stack.root}"), access


def _team_id(access: Access) -> Check:
    if (source := access.source("teamId")) is not None:
        return right("team ID", f"{access.settings.get('teamId')} ({source})")
    remedy = (
        f"pulumi config set chatdaddy:teamId …, or CHATDADDY_TEAM_ID; find it at {API_SETTINGS}"
    )
    return wrong("team ID", "not set", remedy)


def _token(access: Access) -> Check:
    refresh_token, api_token = access.settings.token()
    if refresh_token is None and api_token is None:
        return wrong(
            "token",
            "not set",
            "pulumi config set --secret chatdaddy:refreshToken, or CHATDADDY_REFRESH_TOKEN; "
            f"find it at {API_SETTINGS}",
        )
    kind, source = "API token", access.source("refreshToken", "apiToken")
    if refresh_token:
        kind = "refresh token"
        if access.settings.get("apiToken"):
            found = f"{kind} ({source}); an API token is set, too, and not used"
            return warning("token", found, "remove the one that you don't need")
    return right("token", f"{kind} ({source})")


def _address(access: Access) -> Check:
    from chatdaddy_pulumi.client import ChatDaddyError

    try:
        hosts = access.hosts()
        access.options()
    except (Failed, ChatDaddyError) as error:
        return wrong("address", str(error), "correct it, or leave it out")
    source = access.source("baseUrl", "authUrl", "imUrl", "paymentsUrl", "eventsUrl")
    return right("address", f"{', '.join(hosts)} ({source or 'the default'})")


# --- the team

#: By the setting that caused an error.
_REMEDIES = {
    "teamId": f"set the right team ID, or a token of one of its users: see {API_SETTINGS}",
    "refreshToken": f"get another token at {API_SETTINGS}, and set it",
    "apiToken": f"get another token at {API_SETTINGS}, and set it",
}

_TEAM_CHECKS = ("access", "scopes", "team", "billing", "auto-charge", "accounts")


@dataclass(frozen=True)
class _Seen:
    """ChatDaddy's answers. A refused call has its exception instead."""

    claims: Mapping[str, Any]
    team: Any
    billing: Any
    accounts: Any


def _team(access: Access) -> Iterable[Check]:
    from chatdaddy_pulumi.client import ChatDaddyError
    from chatdaddy_pulumi.provider.settings import with_keys

    try:
        seen = access.run(_ask)
    except ChatDaddyError as error:
        remedy = _REMEDIES.get(error.setting or "", "check the network and the address")
        yield wrong("access", with_keys(str(error)), remedy)
        yield from _unchecked(*_TEAM_CHECKS[1:])
        return
    yield _user(seen.claims)
    yield _scopes(seen.claims)
    yield _name(seen.team)
    yield from _billing(seen.billing)
    yield _room(seen.accounts)


async def _ask(client: ChatDaddy) -> _Seen:
    import asyncio

    await client.check()
    claims = await client.token_claims()
    team, billing, accounts = await asyncio.gather(
        client.team.get(),
        client.billing.team_detail(),
        list_team(client),
        return_exceptions=True,
    )
    for answer in (team, billing, accounts):
        _raise_bugs(answer)
    return _Seen(claims, team, billing, accounts)


def _raise_bugs(answer: object) -> None:
    from chatdaddy_pulumi.client import ChatDaddyError

    if isinstance(answer, BaseException) and not isinstance(answer, ChatDaddyError):
        raise answer


def _user(claims: Mapping[str, Any]) -> Check:
    user = claims.get("user")
    known = user if isinstance(user, dict) else {}
    name = known.get("fullName") or known.get("id") or "an unknown user"
    return right("access", f"ChatDaddy accepts the token of {name}")


def _scopes(claims: Mapping[str, Any]) -> Check:
    said = claims.get("scope")
    if not isinstance(said, str):
        return warning("scopes", "the token does not tell", "nothing, if everything else works")
    missing = _missing(_SCOPES, said)
    more = _missing(_MORE_SCOPES, said)
    if missing or more:
        told = "; ".join(f"no {name}: {without}" for name, without in {**missing, **more}.items())
        remedy = "ask an admin of the team for a role with these scopes, or for another token"
        return (wrong if missing else warning)("scopes", told, remedy)
    return right("scopes", f"all required ones ({', '.join((*_SCOPES, *_MORE_SCOPES))})")


def _missing(scopes: Mapping[str, tuple[int, str]], said: str) -> dict[str, str]:
    return {
        name: without
        for name, (number, without) in scopes.items()
        if said[number : number + 1] != "1"
    }


def _name(team: Any) -> Check:
    if isinstance(team, Exception):
        return wrong("team", str(team), f"check the team ID at {API_SETTINGS}")
    return right("team", f"{team.name or 'no name'} ({team.id})")


def _billing(detail: Any) -> Iterable[Check]:
    if isinstance(detail, Exception):
        remedy = "a token with the scope PAYMENTS_READ"
        yield warning("billing", f"can't be read: {detail}", remedy)
        yield Check("auto-charge", Verdict.NOT_CHECKED, "not checked: billing can't be read")
        return
    if detail.lock_account:
        yield wrong("billing", "the team is locked: nothing can be bought", f"see {BILLING}")
    else:
        yield right("billing", "the team is not locked")
    yield _auto_charge(detail)


def _auto_charge(detail: TeamDetail) -> Check:
    left = {tier: _left(detail, item) for tier, item in _ITEMS.items()}
    missing = [
        tier
        for tier, item in _ITEMS.items()
        if item not in detail.auto_charge_items and left[tier] < 1
    ]
    on = [tier.short for tier, item in _ITEMS.items() if item in detail.auto_charge_items]
    if not missing:
        return right(
            "auto-charge", f"on for {' and '.join(on) or 'no tier, but paid days are left'}"
        )
    names = " and ".join(tier.short for tier in missing)
    items = ", ".join(_ITEMS[tier] for tier in missing)
    found = f"off for {names}: purchases of that tier may be refused"
    remedy = f"switch {items} on at {BILLING}"
    return (wrong if len(missing) == len(_ITEMS) else warning)("auto-charge", found, remedy)


def _left(detail: TeamDetail, item: str) -> float:
    """The account-days that are paid for and not used, as far as the API tells."""
    limit, used = detail.access.limits.get(item), detail.usage.get(item)
    if isinstance(limit, (int, float)) and isinstance(used, (int, float)):
        return limit - used
    return 0


def _room(accounts: list[TeamAccount] | Exception) -> Check:
    if isinstance(accounts, Exception):
        return wrong("accounts", str(accounts), "a token with the scope ACCOUNT_READ")
    live = sum(account.live for account in accounts)
    left = _ROOM - len(accounts)
    found = f"{plural(live, 'live account')}; room for {left:,} more"
    if left < _LITTLE_ROOM:
        remedy = "use a second team: a team's account IDs end in four hex characters"
        return (warning if left > 0 else wrong)("accounts", found, remedy)
    return right("accounts", found)
