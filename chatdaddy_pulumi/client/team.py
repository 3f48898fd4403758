"""The team itself (the auth service)."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.errors import NotFound
from chatdaddy_pulumi.client.models import TeamInfo, _Received
from chatdaddy_pulumi.client.transport import Transport


class _Teams(_Received):
    teams: list[TeamInfo]


_TEAMS = TypeAdapter(_Teams).validate_json


class Team:
    """One team. Errors as for `Accounts`."""

    def __init__(self, transport: Transport, team_id: str) -> None:
        self._transport = transport
        self._team_id = team_id

    async def get(self) -> TeamInfo:
        """The team; `NotFound` if the token's user is not in it."""
        call = Call("GET", "auth", "/teams")
        for team in (await self._transport.ask(call, _TEAMS)).teams:
            if team.id == self._team_id:
                return team
        raise NotFound(f"the token's user is not in team {self._team_id!r}", call=str(call))

    async def update(self, **change: Any) -> None:
        """Change fields, named as the API names them: `name`, `region`, `metadata` …"""
        await self._transport.do(
            Call("PATCH", "auth", "/teams", body=change, repeat=Repeat.IDEMPOTENT)
        )
