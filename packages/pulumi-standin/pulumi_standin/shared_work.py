"""Work that several callers await."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def outcome_of(work: asyncio.Future[T]) -> T:
    """The outcome of the work, which goes on if this caller is cancelled.

    If it fails then, nothing is logged. `asyncio.shield` logs that from Python 3.14 on.
    """
    await asyncio.wait([work])
    return work.result()
