"""Resources that only versions 0.1.x had: an intent for each account and fleet.

Their states can still be loaded, refreshed and destroyed, which does nothing.
"""

from __future__ import annotations

from typing import Any

from chatdaddy_pulumi.provider.host import Checked, Created, Difference, Host, Read


class ForgottenProvider:
    """Keeps such a resource as it is, until it is removed."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        return Checked(news, [])

    async def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> Difference:
        return Difference(False)

    async def create(self, news: dict[str, Any]) -> Created:
        return Created("forgotten", news)

    async def read(self, id: str, outputs: dict[str, Any]) -> Read:
        return Read(id, outputs)

    async def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return news

    async def delete(self, id: str, outputs: dict[str, Any]) -> None:
        """Forget it."""
