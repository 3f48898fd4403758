"""What an update will charge, told in the preview: by account for a few, in one line for many."""

from __future__ import annotations

import threading
from collections import Counter

from chatdaddy_pulumi.enums import Tier
from chatdaddy_pulumi.lifecycle.prices import Prices
from chatdaddy_pulumi.resources.engine_log import log

#: Purchases that get a line of their own.
FEW = 10

#: Seconds without a further purchase after which the many are summed up.
QUIET = 0.2


class Purchases:
    """The purchases of one run, as its resources are checked one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Tier] = Counter()
        self._summary: threading.Timer | None = None

    def announce(self, nickname: str, tier: Tier, prices: Prices) -> None:
        """Say that the account will be bought, and what that costs."""
        with self._lock:
            self._counts[tier] += 1
            if self._counts.total() <= FEW:
                log(f"{nickname!r} will be bought: {prices.sentence({tier: 1})}")
                return
            if self._summary is not None:
                self._summary.cancel()
            text = f"{self._counts.total():,} accounts will be bought: "
            text += prices.sentence(self._counts)
            log(text, passing=True)
            self._summary = threading.Timer(QUIET, log, [text])
            self._summary.daemon = True
            self._summary.start()
