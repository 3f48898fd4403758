"""The emulated service: its database, and what is only in the memory of this process."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from chatdaddy_sandbox.accounts import Accounts
from chatdaddy_sandbox.billing import Billing
from chatdaddy_sandbox.clock import Clock
from chatdaddy_sandbox.faults import Faults
from chatdaddy_sandbox.options import Options
from chatdaddy_sandbox.randomness import SYSTEM
from chatdaddy_sandbox.record import Record
from chatdaddy_sandbox.store import Store, StoreError
from chatdaddy_sandbox.team import Team
from chatdaddy_sandbox.tokens import Tokens
from chatdaddy_sandbox.webhooks import Webhooks


class Service:
    """The objects that the routes use."""

    def __init__(
        self,
        options: Options,
        clock: Callable[[], float] = time.time,
        source: random.Random = SYSTEM,
    ) -> None:
        """Open the store. Raises `StoreError` if that is not possible."""
        self.options = options
        self.random = source
        self.store = Store(options.db)
        with self.store.transaction():
            self.clock = Clock(self.store, clock)
            self._keep_team()
            self.tokens = Tokens(self.store, self.clock, options.team_id, source)
            self.billing = Billing(self.store, self.clock, options)
            self.webhooks = Webhooks(self.store, self.clock, options, source)
            self.team = Team(self.store, self.clock, options, source)
            self.accounts = Accounts(
                self.store, self.clock, options, self.billing, self.webhooks, source
            )
        self.faults = Faults(source)
        self.record = Record()

    def _keep_team(self) -> None:
        """Account IDs contain the team's ID, so a database of one team can't serve another."""
        kept = self.store.get_meta("team_id")
        if kept is None:
            self.store.set_meta("team_id", self.options.team_id)
        elif kept != self.options.team_id:
            raise StoreError(
                f'{self.options.db} belongs to the team "{kept}": give that --team-id, '
                "or another --db"
            )

    def settle(self) -> None:
        """Update everything that depends on time, in one transaction."""
        with self.store.transaction():
            self.billing.charge_days()
            self.accounts.settle()
