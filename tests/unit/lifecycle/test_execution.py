"""The execution of a plan, with verbs that a test replaces."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle import verbs
from chatdaddy_pulumi.lifecycle.errors import NotRemoved
from chatdaddy_pulumi.lifecycle.execution import execute
from chatdaddy_pulumi.lifecycle.facts import Facts
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import LEFT, REPLACED, Ref
from chatdaddy_pulumi.lifecycle.plan import Plan
from chatdaddy_pulumi.provider.run_context import RunContext
from chatdaddy_pulumi.spec.account import Arguments
from tests.support.team import Team
from tests.support.virtual_time import VirtualTimeLoop


class AllCome(RunContext):
    """A run in which all resources are still to come."""

    def is_coming(self, _urn: str) -> bool:
        return True


@pytest.mark.parametrize(
    "keys", [("a", f"a{LEFT}"), (f"a{LEFT}", f"a{REPLACED}acc1"), ("a", f"a{REPLACED}acc1")]
)
def test_two_accounts_of_an_entry_that_are_left_to_others_stay_in_the_state(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    """Until the others have taken them over, no other resource lists them."""

    async def remove(_: Facts, ref: Ref, account_id: str, on_delete: OnDelete) -> Any:
        raise NotRemoved(account_id, Ref("urn::later"))

    monkeypatch.setattr(verbs, "remove", remove)
    loop, client = VirtualTimeLoop(), cast(Any, Team())
    facts = Facts(client, client.team_id, AllCome(), clock=loop.time)
    held = {
        key: HeldAccount(f"acc{number}", "a", Arguments.of()) for number, key in enumerate(keys)
    }
    todo = Plan(remove=dict(held), held=dict(held))
    outcome = loop.run_until_complete(execute(facts, "urn::fleet", todo, others_s=10.0))
    loop.close()
    assert {one.account_id for one in outcome.held.values()} == {"acc0", "acc1"}
    assert len(outcome.failed) == 1
