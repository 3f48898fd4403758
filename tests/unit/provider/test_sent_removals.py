"""Removals that ChatDaddy has queued, and that listings do not show yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from chatdaddy_pulumi.client import (
    BadRequest,
    ObservedAccount,
    RateLimited,
    Unavailable,
    Unreachable,
)
from tests.support.provider import (
    Failed,
    Killed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
)
from tests.support.team import Team

KINDS = pytest.mark.parametrize("kind", ["account", "fleet"])


@dataclass
class Slow(Team):
    """A team whose listings show a deletion half a minute late."""

    deleted_at: dict[str, float] = field(default_factory=dict)
    #: Called after each deletion. May raise.
    on_deleted: Any = None

    async def delete(self, account_id: str, **options: Any) -> None:
        await super().delete(account_id, **options)
        self.deleted_at[account_id] = self.now()
        if self.on_deleted is not None:
            self.on_deleted()

    def _shown(self) -> dict[str, ObservedAccount]:
        return {
            id_: one.model_copy(update={"deleted_at": None})
            if self.now() < self.deleted_at.get(id_, 0.0) + 30
            else one
            for id_, one in super()._shown().items()
        }


def program(kind: str, **entry: Any) -> Program:
    own: Program = {"a": account(nickname="N", **entry)}
    return own if kind == "account" else {"f": fleet({"a": {"nickname": "N", **entry}, "z": {}})}


def without(kind: str) -> Program:
    return {"o": account()} if kind == "account" else {"f": fleet({"z": {}})}


def bought(kind: str) -> tuple[Slow, Stack, str]:
    team = Slow()
    stack = in_memory(team)
    stack.up({**program(kind), **({"o": account()} if kind == "account" else {})})
    (own,) = team.named("N")
    team.clock += 1000
    return team, stack, own


@KINDS
@pytest.mark.parametrize("how", ["adopt", "existing"])
def test_what_is_being_removed_is_not_taken_over_as_it_is(kind: str, how: str) -> None:
    team, stack, own = bought(kind)
    stack.up(without(kind))
    team.clock += 5
    entry = {"adopt": own} if how == "adopt" else {"existing": "adopt"}
    back = (
        {**without("account"), **program(kind, **entry)}
        if kind == "account"
        else program(kind, **entry)
    )
    said = rf"has sent the removal of {own}, .* Run it again in 2 min"
    with pytest.raises((Failed, Refused), match=said):
        stack.preview(back)
    team.clock += 60
    stack.up(back)
    assert stack.all_ids() <= team.live()
    assert (own in team.live()) == (how == "adopt")


def test_what_another_stack_of_the_machine_removes_is_not_taken_over_as_it_is() -> None:
    team, stack, own = bought("fleet")
    stack.destroy()
    team.clock += 5
    other = in_memory(team)
    other.removals = stack.removals
    with pytest.raises((Failed, Refused), match="has sent the removal"):
        other.up({"theirs": account(nickname="N", adopt=own)})


@KINDS
@pytest.mark.parametrize("trouble", ["lost", "killed"])
def test_a_removal_without_an_answer_is_noticed_if_the_program_goes_back(
    kind: str, trouble: str
) -> None:
    team, stack, own = bought(kind)
    rest = {"o": account()} if kind == "account" else {}

    def fail() -> None:
        if trouble == "killed":
            raise Killed
        raise Unavailable("no answer", call="DELETE /im/accounts/{id}")

    team.on_deleted = fail
    try:
        stack.up(without(kind))
        reasons = [*stack.failed("f").values()]
    except (Failed, Killed) as error:
        reasons = [str(error)]
    assert trouble == "killed" or f"it is not known whether {own} was deleted" in reasons[0]
    team.on_deleted = None
    team.clock += 5
    with pytest.raises((Failed, Refused), match=f"has sent the removal of {own}"):
        stack.up({**rest, **program(kind)})
    team.clock += 120
    stack.refresh()
    stack.up({**rest, **program(kind)})
    assert own in team.live()


@pytest.mark.parametrize("answer", [BadRequest, RateLimited, Unreachable])
def test_a_removal_that_was_not_done_does_not_delay_the_next_run(answer: Any) -> None:
    team, stack, own = bought("fleet")

    def fail(_account_id: str) -> None:
        raise answer("not now", call="DELETE /im/accounts/{id}")

    team.on_delete = fail
    stack.up(without("fleet"))
    assert f"{own} was not deleted" in stack.failed("f")["a"]
    team.on_delete = lambda _: None
    stack.up(program("fleet"))
    assert own in stack.all_ids()


def test_an_account_that_is_brought_back_is_there_at_once() -> None:
    team, stack, own = bought("fleet")
    stack.up(without("fleet"))
    team.clock += 60
    for _ in range(2):
        stack.up(program("fleet", adopt=own))
    assert own in team.live()
