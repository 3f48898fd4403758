"""Accounts that this run took over: their old owners, which the same run removes, let go of them.

An account may move from an `Account` to a fleet, or back, in one program's change. The new owner
adopts it; removing the old one must not delete what the new one holds.
"""

from __future__ import annotations

#: IDs, of one provider host: of one run.
TAKEN_OVER: set[str] = set()
