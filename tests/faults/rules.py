"""The rules about who owns an account and what may be done to it. Each has a scenario, and a mutant
of
the function that implements it.

The scenarios need no kill at an exact moment: they use a team in memory, and a run ends at the
purchase that the scenario names. The histories test the rules with real processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatdaddy_pulumi.client import PaymentRequired
from chatdaddy_pulumi.lifecycle import decisions, execution, facts, refresh, verbs
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.recovery import Order, Recovered
from chatdaddy_pulumi.provider import account_fleet, intent, messages
from tests.support.provider import (
    Failed,
    Killed,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
    killed,
)
from tests.support.sandbox import TEAM_ID, UNLIMITED
from tests.support.team import Team

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Rule:
    """A rule by its number, a scenario that tests it, and a patch that breaks it."""

    number: int
    story: Callable[[Team, Stack], None]
    break_it: Callable[[Patch], None]


async def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """Replaces a guard."""


def interrupted(team: Team, stack: Stack, program: dict[str, Any], *, done: bool) -> None:
    """A run that ends at its first purchase: just before it, or just after it."""
    team.clock += 3600
    with killed(team, done=done), pytest.raises(Killed):
        stack.up(program)
    team.clock += 1000


# --- 1


def removes_only_own_accounts(team: Team, stack: Stack) -> None:
    """The resource is renamed with `adopt`. The old one does not remove the account of the new
    one.
    """
    stack.up({"alice": account()})
    (only,) = team.live()
    stack.up({"bob": account(nickname="alice", adopt=only)})
    assert team.live() == {only}
    assert stack.of("bob").id == only


def ignore_other_holders(patch: Patch) -> None:
    patch.setattr(verbs, "_has_now", lambda _facts, _ref, _account_id: None)


# --- 2


def leaves_accounts_of_others(team: Team, stack: Stack) -> None:
    """A run ends before its purchase, then a person buys. The account is neither changed nor
    held.
    """
    program = {"customers": fleet({"x": {}}, existing="allow")}
    interrupted(team, stack, program, done=False)
    theirs = team.buy("x", by="them").account_id
    stack.up(program)
    assert theirs not in stack.all_ids()
    stack.destroy()
    assert theirs in team.live()


def accept_any_owner(patch: Patch) -> None:
    patch.setattr(
        Order, "may_be", lambda self, one, _user: one.nickname == self.note.identity.nickname
    )


# --- 3


def buys_once(team: Team, stack: Stack) -> None:
    program = {"customers": fleet({"x": {}, "y": {}}, existing="allow"), "alice": account()}
    interrupted(team, stack, program, done=True)
    stack.up(program)
    assert team.purchases == 3
    assert team.live() == stack.all_ids()


def forget_purchases(patch: Patch) -> None:
    patch.setattr(decisions, "recover", lambda *_args: Recovered({}, {}))


# --- 4


def keeps_chats(team: Team, stack: Stack) -> None:
    """An account is taken over without a preview. Its chats would be lost with the entry's tier."""
    theirs = team.buy("alice", tier=UNLIMITED).account_id
    with pytest.raises(Failed, match="allow_history_loss"):
        stack.up({"alice": account(adopt=theirs)})
    assert team.all[theirs].tier == UNLIMITED


def skip_guard(patch: Patch) -> None:
    patch.setattr(verbs, "refuse_history_loss", _nothing)


# --- 5


def gone_needs_proof(team: Team, stack: Stack) -> None:
    """A listing omits the account for a while. A look-up by ID finds it."""
    program = {"customers": fleet({"x": {}})}
    stack.up(program)
    (only,) = team.live()
    team.hidden.add(only)
    stack.refresh()
    assert stack.ids() == {"x": only}
    stack.up(program)
    assert team.purchases == 1


def trust_the_listing(patch: Patch) -> None:
    async def gone(*_args: Any) -> bool:
        return False

    patch.setattr(refresh, "is_there", gone)


# --- 6


def one_team(team: Team, stack: Stack) -> None:
    stack.up({"alice": account()})
    stack.settings["teamId"] = "another-team-0123456789abcdef"
    for run in (stack.preview, stack.up):
        with pytest.raises(Refused, match="belongs to another team"):
            run({"alice": account()})
    for again in (stack.refresh, stack.destroy):
        with pytest.raises(Failed, match="belongs to another team"):
            again()


def accept_any_team(patch: Patch) -> None:
    patch.setattr(facts, "is_of_team", lambda _account_id, _team_id: True)


# --- 7


def notices_unfinished_work(team: Team, stack: Stack) -> None:
    """A `destroy` removed it and could not save that. The next `up` does not report "unchanged"."""
    program = {"alice": account(), "customers": fleet({"x": {}})}
    stack.up(program)
    team.change(stack.of("alice").id, deleted_at="2027-01-15T08:00:00.000Z")
    with pytest.raises(Refused, match="is not as the state says; nothing was done"):
        stack.up(program)


def skip_verification(patch: Patch) -> None:
    async def unseen(_self: Any, _facts: Any) -> bool:
        return False

    patch.setattr(intent._Found, "_verify", unseen)


# --- 8


def previews_every_change(team: Team, stack: Stack) -> None:
    """Purchases, take-overs, changes and removals are named. A take-over is not a purchase."""
    stack.up({"customers": fleet({"gone": {}, "same": {}, "up": {}})})
    theirs = team.buy("mine").account_id
    entries = {"same": {}, "up": {"tier": "unlimited"}, "mine": {"adopt": theirs}, "new": {}}
    stack.preview({"customers": fleet(entries)})
    (told,) = [line for line in stack.lines.kept if "bought" in line and line.startswith("+")]
    assert told == (
        f"+ new (1 bought, 1.00 USD now); → mine ({theirs}) (taken over, nothing bought); "
        "~ up: limited → unlimited; - gone (deleted, 24 h to undo)"
    )


def hide_changes(patch: Patch) -> None:
    patch.setattr(messages, "_take_overs", lambda _decisions, _holder: [])


# --- 9


def refresh_names_both_remedies(team: Team, stack: Stack) -> None:
    """A refresh never fails because of drift. The remedy that keeps the chats comes first."""
    stack.up({"alice": account(), "customers": fleet({"x": {}})})
    for account_id in team.live():
        team.change(account_id, tier=UNLIMITED)
    stack.refresh()
    assert len(stack.lines.warnings) == 2
    for told in stack.lines.warnings:
        keep, undo = told.find("put `tier: unlimited`"), told.find("which deletes its chats")
        assert 0 <= keep < undo


def name_only_the_undo(patch: Patch) -> None:
    patch.setattr(messages, "loses_history", lambda _old, _new: False)


# --- 10


def recognises_a_rename(team: Team, stack: Stack) -> None:
    stack.up({"customers": fleet({"old": {"nickname": "Alice"}}), "bob": account()})
    before = team.live()
    stack.up({"customers": fleet({"new": {"nickname": "Alice"}, "bob": {}})})
    assert team.live() == before
    assert team.purchases == 2
    assert set(stack.ids()) == {"new", "bob"}


def ignore_renames(patch: Patch) -> None:
    patch.setattr(Ownership, "_carried", property(lambda _self: ({}, {})))
    patch.setattr(Ownership, "going", property(lambda _: {}))


# --- 11


def removes_the_milder_way(team: Team, stack: Stack) -> None:
    entries: dict[str, Any] = {"a": {}, "b": {}}
    stack.up({"customers": fleet(entries)})
    leaving = stack.ids()["a"]
    stack.up({"customers": fleet({"b": {}}, on_delete="retain")})
    assert leaving in team.live()


def use_the_old_on_delete(patch: Patch) -> None:
    patch.setattr(account_fleet, "milder", lambda old, _new: old)


# --- 12


def buys_before_removing(team: Team, stack: Stack) -> None:
    """The purchase of a replacement is refused. The old account stays."""
    stack.up({"customers": fleet({"a": {}, "b": {}})})
    before = team.live()

    def refuse(is_done: bool) -> None:
        raise PaymentRequired("no money", call="POST /im/accounts")

    team.on_purchase = refuse
    stack.up({"customers": fleet({"a": {"type": "mock"}, "b": {}})})
    assert set(stack.failed()) == {"a"}
    assert team.live() == before


def remove_before_buying(patch: Patch) -> None:
    async def replace(self: Any, key: str, held: Any, spec: Any) -> None:
        await self._let_go(key, held)
        await self._acquire(key, spec._replace(adopt=None))

    patch.setattr(execution._Execution, "_replace", replace)
    # The verb refuses it otherwise.
    patch.setattr(Ownership, "awaits_account", lambda *_: False)


RULES = {
    "only your own is removed": Rule(1, removes_only_own_accounts, ignore_other_holders),
    "accounts that are not proven to be ours are not removed": Rule(
        2, leaves_accounts_of_others, accept_any_owner
    ),
    "nothing is bought twice": Rule(3, buys_once, forget_purchases),
    "chats are lost only with permission": Rule(4, keeps_chats, skip_guard),
    "gone needs proof": Rule(5, gone_needs_proof, trust_the_listing),
    "one stack has one team": Rule(6, one_team, accept_any_team),
    "unfinished work is noticed": Rule(7, notices_unfinished_work, skip_verification),
    "the preview says what is done": Rule(8, previews_every_change, hide_changes),
    "refresh reads": Rule(9, refresh_names_both_remedies, name_only_the_undo),
    "a rename is a rename": Rule(10, recognises_a_rename, ignore_renames),
    "the milder removal counts": Rule(11, removes_the_milder_way, use_the_old_on_delete),
    "a replacement buys first": Rule(12, buys_before_removing, remove_before_buying),
}


def play(rule: Rule) -> None:
    """Run the scenario with a new team and stack."""
    team = Team(team_id=TEAM_ID)
    rule.story(team, in_memory(team))
