"""Creates something that must not be created twice, and looks for it if the answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from chatdaddy_pulumi.client.errors import ChatDaddyError, Unknown
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.tasks import now

T = TypeVar("T")


async def create_once(
    post: Callable[[], Awaitable[T]],
    everything: Callable[[], Awaitable[list[T]]],
    key: Callable[[T], str],
    fits: Callable[[T], bool],
    options: ClientOptions,
) -> T:
    """Return what `post` created; if its answer was lost, the only new thing that fits.

    Raises what `post` raises; `Unknown` if nothing or several things are new.
    """
    before = {key(one) for one in await everything()}
    try:
        return await post()
    except Unknown as error:
        lost = error
    ends_at = now() + options.lookup_s
    delay = options.retry_delay_s
    while True:
        new = []
        with suppress(ChatDaddyError):
            new = [one for one in await everything() if key(one) not in before and fits(one)]
        if len(new) == 1:
            return new[0]
        if new or now() + delay > ends_at:
            raise lost
        await asyncio.sleep(delay)
        delay = min(delay * 2, options.retry_delay_max_s)
