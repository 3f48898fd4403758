"""How far a run is on the status line, and at its end what it did and what it took."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.lifecycle.fleet.outcome import Tally
from chatdaddy_pulumi.resources.engine_log import log

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy

#: Seconds between two lines: each is a call to the engine.
_EVERY = 0.5


class Telling:
    """Tells while the block runs: ``412/5,000 purchased``, then ``5,000 bought … in 24.1 s``."""

    def __init__(self, client: ChatDaddy, tally: Tally, urn: str) -> None:
        self._client = client
        self._tally = tally
        self._urn = urn

    async def __aenter__(self) -> Telling:
        self._began = time.monotonic()
        self._calls = sum(self._client.calls.values())
        self._ticker = asyncio.ensure_future(self._tick())
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._ticker.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticker
        calls = sum(self._client.calls.values()) - self._calls
        took = time.monotonic() - self._began
        await asyncio.to_thread(
            log, f"{self._tally.result()}; {calls:,} calls, {took:.1f} s", urn=self._urn
        )

    async def _tick(self) -> None:
        told = ""
        while True:
            await asyncio.sleep(_EVERY)
            line = self._tally.progress()
            if line and line != told:
                told = line
                await asyncio.to_thread(log, line, urn=self._urn, passing=True)
