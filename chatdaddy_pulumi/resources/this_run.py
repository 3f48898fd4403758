"""What the resources of one run tell each other.

The engine starts a provider host for each run, so that it lasts as long as this process.
"""

from __future__ import annotations

#: Whose accounts are that were bought, taken over or worked on in this run: the owners' names by
#: the accounts' IDs. An account may move from an `Account` to a fleet, or back, in one change of
#: the program; its old owner, which the same run removes, must not take it along.
OWNERS: dict[str, str] = {}

#: The baselines of accounts' intents that this run saved: nothing can have been interrupted since.
BASELINES: set[str] = set()


def belongs_to_another(account_id: str, owner: str) -> bool:
    """Whether another resource than this one has it now."""
    return OWNERS.get(account_id, owner) != owner


def forget() -> None:
    """Begin another run in this process."""
    OWNERS.clear()
    BASELINES.clear()
