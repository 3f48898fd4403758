"""Properties of a fleet under arbitrary runs: nothing is bought twice, and no account of others is
taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatdaddy_pulumi.client import PaymentRequired
from tests.support.provider import Killed, OneFleet, Refused, in_memory, killed
from tests.support.team import Team

KEYS = st.sampled_from(["a", "b", "c", "d"])
NAMES = st.sampled_from(["x", "y"])


class Lives(RuleBasedStateMachine):
    """A fleet in runs that finish and runs that are killed, among accounts of others.

    Every entry may have any nickname, and `existing="allow"`, which is the hardest case: no other
    check
    prevents a second purchase.
    """

    def __init__(self) -> None:
        super().__init__()
        self.team = Team()
        self.driver = OneFleet(in_memory(self.team))
        self.wanted = {"a": "x", "b": "x", "c": "y"}
        #: Accounts of other people, and accounts that a person decided to keep outside of the
        #: stack.
        self.others: set[str] = set()
        self.interrupted = False

    @rule(key=KEYS, name=NAMES)
    def want(self, key: str, name: str) -> None:
        self.wanted[key] = name

    @precondition(lambda self: len(self.wanted) > 2)
    @rule(key=KEYS)
    def drop(self, key: str) -> None:
        self.wanted.pop(key, None)

    @rule(name=NAMES)
    def somebody_else_buys(self, name: str) -> None:
        self.others.add(self.team.buy(name, by="them").account_id)

    # By hand with our own user, and only if no run is interrupted: otherwise nobody can tell them
    # apart.
    @precondition(lambda self: not self.interrupted)
    @rule(name=NAMES)
    def we_buy_by_hand(self, name: str) -> None:
        self.others.add(self.team.buy(name, by="us").account_id)

    @precondition(lambda self: self.driver.ids)
    @rule(data=st.data())
    def somebody_deletes_ours(self, data: st.DataObject) -> None:
        account_id = data.draw(st.sampled_from(sorted(self.driver.ids.values())))
        self.team.all.pop(account_id, None)
        self.driver.refresh()

    @rule()
    def refresh(self) -> None:
        self.driver.refresh()

    @rule()
    def up(self) -> None:
        failed = self._up()
        if failed:
            self._answer(failed)
            assert self._up() == {}
        self.interrupted = False
        assert set(self.driver.ids) == set(self.wanted)
        names = {key: one["nickname"] for key, one in self.driver.held.items()}
        assert names == self.wanted
        assert {k: self.team.all[id_].nickname for k, id_ in self.driver.ids.items()} == names
        self._check_named_accounts()
        assert self.driver.preview(self._accounts(), **self._arguments()) == set()

    def _answer(self, failed: dict[str, str]) -> None:
        """A person decides whose an account is. The run may only ask about accounts of others."""
        unclear = {one for one in self.others if any(one in why for why in failed.values())}
        assert unclear, failed
        for account_id in unclear:
            self.team.change(account_id, nickname="z")

    def _check_named_accounts(self) -> None:
        """Accounts that were bought and that no entry wants are named. A person keeps them."""
        left = self.team.live() - self.others - set(self.driver.ids.values())
        told = "\n".join(self.driver.told)
        assert all(account_id in told for account_id in left)
        for account_id in left:
            self.team.change(account_id, nickname="z")
        self.others |= left

    @rule(after=st.integers(0, 2), done=st.booleans())
    def killed_up(self, after: int, done: bool) -> None:
        with killed(self.team, done=done, after=after):
            try:
                self.interrupted = bool(self._up())
            except Killed:
                self.interrupted = True

    @rule(after=st.integers(0, 1), done=st.booleans())
    def killed_at_a_patch(self, after: int, done: bool) -> None:
        left = after

        def kill(is_done: bool) -> None:
            nonlocal left
            left -= is_done is done
            if left < 0:
                raise Killed

        self.team.on_patch = kill
        try:
            self.interrupted = bool(self._up())
        except Killed:
            self.interrupted = True
        finally:
            self.team.on_patch = lambda done: None

    @rule()
    def killed_between_the_steps(self) -> None:
        with pytest.raises(Killed):
            self._up(killed_after_intent=True)
        self.interrupted = True

    @rule()
    def failing_up(self) -> None:
        """Purchases are refused for a while. Each is made later, once."""

        def refuse(is_done: bool) -> None:
            if not is_done:
                raise PaymentRequired("no money", call="POST /im/accounts")

        self.team.on_purchase = refuse
        try:
            self.interrupted |= bool(self._up())
        finally:
            self.team.on_purchase = lambda done: None

    @precondition(lambda self: len(self.driver.ids) > 3)
    @rule()
    def destroy(self) -> None:
        self.driver.destroy()
        self.interrupted = False
        self._check_named_accounts()

    @invariant()
    def others_are_left_alone(self) -> None:
        self.team.clock += 3600
        assert self.others <= self.team.live()
        assert not self.others & set(self.driver.ids.values())

    @rule()
    def move_to_another_machine(self) -> None:
        self.driver.stack.move_to_another_machine()

    def _up(self, **arguments: Any) -> dict[str, str]:
        said: dict[str, str] = {}
        while True:
            try:
                return self.driver.up(self._accounts(said), **self._arguments(), **arguments)
            except Refused as refused:
                if "not as the state says" in str(refused):
                    self.driver.refresh()
                else:
                    account_id, key = self._told(str(refused))
                    assert key not in said, refused  # noqa: PT017 - it need not fail
                    said[key] = account_id

    def _told(self, refused: str) -> tuple[str, str]:
        """A person decides which of several matching accounts an entry gets."""
        told = re.search(r"\((acc\w+)\) may be customers/(\w+)", refused)
        assert told is not None, refused
        return told[1], told[2]

    def _accounts(self, said: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
        """The entries. Those about which a person decided have ``adopt``."""
        return {
            key: {"nickname": name, **({"adopt": said[key]} if key in said else {})}
            for key, name in self.wanted.items()
        }

    def _arguments(self) -> dict[str, Any]:
        return {"existing": "allow", "limits": {"max_removals": 100}}


TestLives = pytest.mark.slow(Lives.TestCase)
TestLives.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
