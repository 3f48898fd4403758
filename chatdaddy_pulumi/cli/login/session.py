"""Logs accounts in: opens the connection and renews its code until a phone has scanned it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

from chatdaddy_pulumi.cli.login.targets import obstacle
from chatdaddy_pulumi.cli.team import TeamAccount
from chatdaddy_pulumi.client import ChatDaddyError, NotFound, Refused, Retryable

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy

#: Seconds between two attempts to open a connection, or to change how it logs in.
_AGAIN_S = 5.0
#: A connection that closes this often right after it was opened is not opened again.
_OPENED_AT_MOST = 20
#: Accounts on a page of the API's list.
_PAGE = 100


class Phase(str, Enum):
    """The progress of a login."""

    WAITING = "waiting"
    CODE = "code"
    PIN = "pin"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Login:
    """The login of one account."""

    account: TeamAccount
    phase: Phase = Phase.WAITING
    #: The QR code's text, or the PIN.
    code: str | None = None
    #: Why it failed, or what went wrong last.
    reason: str | None = None
    opened: int = 0
    asked_at: float = -math.inf

    @property
    def finished(self) -> bool:
        return self.phase in (Phase.DONE, Phase.FAILED)

    def become(self, phase: Phase, code: str | None = None, reason: str | None = None) -> None:
        self.phase, self.code, self.reason = phase, code, reason


class Logins:
    """Advances logins step by step."""

    def __init__(
        self,
        client: ChatDaddy,
        accounts: Iterable[TeamAccount],
        *,
        team_size: int,
        phone: str | None = None,
    ) -> None:
        """Prepare; nothing is called.

        Args:
            client: The API; its reads must be of now.
            accounts: Those to log in.
            team_size: How many accounts the team has.
            phone: Log in by a PIN for this number, rather than by QR code.
        """
        self._client = client
        self._phone = phone
        self._pages = math.ceil(team_size / _PAGE)
        self.all = [Login(account) for account in accounts]

    async def step(self, logins: Sequence[Login]) -> None:
        """Read these accounts once, and do the next step of each.

        Raises:
            ChatDaddyError: the accounts can't be read, and trying again would not help.
        """
        try:
            seen = await self._look([login.account.id for login in logins])
        except Retryable as error:
            for login in logins:
                login.reason = str(error)
            return
        await asyncio.gather(*(self._move(login, seen.get(login.account.id)) for login in logins))

    async def _look(self, ids: Sequence[str]) -> dict[str, TeamAccount]:
        """The accounts as they are now, with as few calls as possible."""
        if len(ids) <= max(1, self._pages):
            found = await asyncio.gather(*map(self._client.accounts.look_up, ids))
        else:
            listed = await self._client.accounts.snapshot(max_age=0)
            found = [listed.get(account_id) for account_id in ids]
        seen = map(TeamAccount.seen, filter(None, found))
        return {account.id: account for account in seen}

    async def _move(self, login: Login, account: TeamAccount | None) -> None:
        if account is None:
            login.become(Phase.FAILED, reason="is no longer there")
            return
        login.account = account
        if reason := obstacle(account):
            login.become(Phase.FAILED, reason=reason)
        elif account.state == "open":
            login.become(Phase.DONE)
        elif account.state == "connecting" and self._code(account):
            phase = Phase.PIN if self._phone else Phase.CODE
            login.become(phase, self._code(account))
        else:
            login.become(Phase.WAITING, reason=account.error)
            await self._ask(login)

    def _code(self, account: TeamAccount) -> str | None:
        return account.pin if self._phone else account.qr

    async def _ask(self, login: Login) -> None:
        """Open the connection, in the way that is asked for."""
        if monotonic() - login.asked_at < _AGAIN_S:
            return
        login.asked_at = monotonic()
        account, calls = login.account, self._client.accounts
        try:
            if self._phone is not None or account.pin is not None:
                await calls.change_login_mode(account.id, phone_number=self._phone)
            if account.state != "connecting":
                login.opened += 1
                await calls.open(account.id)
        except NotFound:
            login.become(Phase.FAILED, reason="is no longer there")
        except Refused as error:
            login.become(Phase.FAILED, reason=str(error))
        except ChatDaddyError as error:
            login.reason = str(error)
        if login.opened > _OPENED_AT_MOST:
            login.become(Phase.FAILED, reason=login.reason or "closes again and again")
