"""The intent in the provider host.

With ``existing="allow"`` a nickname that is taken says nothing: the account may be somebody else's,
or the one that a killed run bought and could not save. So who carries the nickname is saved before
the first purchase is tried. What appeared since may be ours, and is not bought again unasked.
"""

from __future__ import annotations

import secrets
from typing import Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from chatdaddy_pulumi.lifecycle.purchase import named
from chatdaddy_pulumi.resources.hosting import HostedProvider, clean_errors
from chatdaddy_pulumi.resources.this_run import BASELINES


class AccountIntentProvider(HostedProvider):
    """Saves the IDs of the accounts that have a nickname. It makes no call that costs anything."""

    @clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        # What is wrong with them is told by the account, whose they are.
        return CheckResult({key: news[key] for key in _IDENTITY if news.get(key) is not None}, [])

    @clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in _IDENTITY))

    @clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        saved = self._saved(props)
        return CreateResult(saved["__baseline"]["of"], saved)

    @clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._saved(_news))

    def _saved(self, props: dict[str, Any]) -> dict[str, Any]:
        found = self.run(lambda client: named(client, str(props["nickname"])))
        baseline = secrets.token_hex(4)
        BASELINES.add(baseline)
        return {
            **props,
            "__baseline": {"of": baseline, "ids": [account.account_id for account in found]},
        }

    @clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, props)

    @clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Forget it."""


#: By what a purchase can be found again; where one changes, another purchase is begun.
_IDENTITY = ("nickname", "type", "login_type")
