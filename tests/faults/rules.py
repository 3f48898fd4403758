"""The rules of who owns an account and what may be done to it: a story of each, and a way to break
the one function that keeps it.

The stories need no kill at the right moment: they run over a team in memory, where a run ends at
the purchase that the story names. What keeps the rules over real processes is in the histories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatdaddy_pulumi.client import PaymentRequired
from chatdaddy_pulumi.lifecycle import decisions, execution, facts, refresh, verbs
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.lifecycle.recovery import Recovered, Unresolved
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
    """A rule by its number, a story that shows that it is kept, and what breaks it."""

    number: int
    story: Callable[[Team, Stack], None]
    break_it: Callable[[Patch], None]


async def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """In place of a guard."""


def interrupted(team: Team, stack: Stack, program: dict[str, Any], *, done: bool) -> None:
    """A run that ends at its first purchase: just before it, or just after it."""
    team.clock += 3600
    with killed(team, done=done), pytest.raises(Killed):
        stack.up(program)
    team.clock += 1000


# --- 1


def others_have_it(team: Team, stack: Stack) -> None:
    """The resource is renamed with `adopt`: what the new one has is not removed by the old one."""
    stack.up({"alice": account()})
    (only,) = team.live()
    stack.up({"bob": account(nickname="alice", adopt=only)})
    assert team.live() == {only}
    assert stack.of("bob").id == only


def forget_the_others(patch: Patch) -> None:
    patch.setattr(verbs, "_has_now", lambda _facts, _ref, _account_id: None)


# --- 2


def others_bought_it(team: Team, stack: Stack) -> None:
    """A run ends before its purchase, then a person buys: theirs is not touched, nor held."""
    program = {"customers": fleet({"x": {}}, existing="allow")}
    interrupted(team, stack, program, done=False)
    theirs = team.buy("x", by="them").account_id
    stack.up(program)
    assert theirs not in stack.all_ids()
    stack.destroy()
    assert theirs in team.live()


def trust_the_nickname(patch: Patch) -> None:
    patch.setattr(
        Unresolved, "may_be", lambda self, one, _user: one.nickname == self.note.identity.nickname
    )


# --- 3


def bought_once(team: Team, stack: Stack) -> None:
    program = {"customers": fleet({"x": {}, "y": {}}, existing="allow"), "alice": account()}
    interrupted(team, stack, program, done=True)
    stack.up(program)
    assert team.purchases == 3
    assert team.live() == stack.all_ids()


def forget_what_was_bought(patch: Patch) -> None:
    patch.setattr(decisions, "recover", lambda *_args: Recovered({}, {}))


# --- 4


def chats_are_kept(team: Team, stack: Stack) -> None:
    """A take-over without a preview, of an account whose chats the entry's tier would delete."""
    theirs = team.buy("alice", tier=UNLIMITED).account_id
    with pytest.raises(Failed, match="allow_history_loss"):
        stack.up({"alice": account(adopt=theirs)})
    assert team.all[theirs].tier == UNLIMITED


def guard_nothing(patch: Patch) -> None:
    patch.setattr(verbs, "refuse_history_loss", _nothing)


# --- 5


def gone_needs_proof(team: Team, stack: Stack) -> None:
    """No listing shows it for a while; asked for by its ID, ChatDaddy knows it."""
    program = {"customers": fleet({"x": {}})}
    stack.up(program)
    (only,) = team.live()
    team.hidden.add(only)
    stack.refresh()
    assert stack.ids() == {"x": only}
    stack.up(program)
    assert team.purchases == 1


def believe_the_listing(patch: Patch) -> None:
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


def believe_every_id(patch: Patch) -> None:
    patch.setattr(facts, "is_of_team", lambda _account_id, _team_id: True)


# --- 7


def unfinished_work_is_noticed(team: Team, stack: Stack) -> None:
    """A `destroy` removed it and could not save that: the next `up` does not say "unchanged"."""
    program = {"alice": account(), "customers": fleet({"x": {}})}
    stack.up(program)
    team.change(stack.of("alice").id, deleted_at="2027-01-15T08:00:00.000Z")
    with pytest.raises(Refused, match="is not as the state says; nothing was done"):
        stack.up(program)


def verify_nothing(patch: Patch) -> None:
    async def unseen(_self: Any, _facts: Any) -> bool:
        return False

    patch.setattr(intent._Found, "_verify", unseen)


# --- 8


def the_preview_says_it(team: Team, stack: Stack) -> None:
    """Bought, taken over, changed and removed, by name; a take-over is no purchase."""
    stack.up({"customers": fleet({"gone": {}, "same": {}, "up": {}})})
    theirs = team.buy("mine").account_id
    entries = {"same": {}, "up": {"tier": "unlimited"}, "mine": {"adopt": theirs}, "new": {}}
    stack.preview({"customers": fleet(entries)})
    (told,) = [line for line in stack.lines.kept if "bought" in line and line.startswith("+")]
    assert told == (
        f"+ new (1 bought, 1.00 USD now); → mine ({theirs}) (taken over, nothing bought); "
        "~ up: limited → unlimited; - gone (deleted, 24 h to undo)"
    )


def say_less(patch: Patch) -> None:
    patch.setattr(messages, "_take_overs", lambda _decisions, _holder: [])


# --- 9


def refresh_names_both_remedies(team: Team, stack: Stack) -> None:
    """It never fails; the remedy that keeps the chats comes first."""
    stack.up({"alice": account(), "customers": fleet({"x": {}})})
    for account_id in team.live():
        team.change(account_id, tier=UNLIMITED)
    stack.refresh()
    assert len(stack.lines.warnings) == 2
    for told in stack.lines.warnings:
        keep, undo = told.find("put `tier: unlimited`"), told.find("which deletes its chats")
        assert 0 <= keep < undo


def name_the_undo_alone(patch: Patch) -> None:
    patch.setattr(messages, "loses_history", lambda _old, _new: False)


# --- 10


def a_rename_is_a_rename(team: Team, stack: Stack) -> None:
    stack.up({"customers": fleet({"old": {"nickname": "Alice"}}), "bob": account()})
    before = team.live()
    stack.up({"customers": fleet({"new": {"nickname": "Alice"}, "bob": {}})})
    assert team.live() == before
    assert team.purchases == 2
    assert set(stack.ids()) == {"new", "bob"}


def carry_nothing_over(patch: Patch) -> None:
    patch.setattr(Ownership, "_moves", property(lambda _self: ({}, {})))


# --- 11


def the_milder_counts(team: Team, stack: Stack) -> None:
    entries: dict[str, Any] = {"a": {}, "b": {}}
    stack.up({"customers": fleet(entries)})
    leaving = stack.ids()["a"]
    stack.up({"customers": fleet({"b": {}}, on_delete="retain")})
    assert leaving in team.live()


def the_old_counts(patch: Patch) -> None:
    patch.setattr(account_fleet, "milder", lambda old, _new: old)


# --- 12


def the_new_one_first(team: Team, stack: Stack) -> None:
    """The purchase of a replacement is refused: the old account stays."""
    stack.up({"customers": fleet({"a": {}, "b": {}})})
    before = team.live()

    def refuse(is_done: bool) -> None:
        raise PaymentRequired("no money", call="POST /im/accounts")

    team.on_purchase = refuse
    stack.up({"customers": fleet({"a": {"type": "mock"}, "b": {}})})
    assert set(stack.failed()) == {"a"}
    assert team.live() == before


def the_old_one_first(patch: Patch) -> None:
    async def replace(self: Any, key: str, held: Any, spec: Any) -> None:
        await self._let_go(key, held)
        await self._acquire(key, spec._replace(adopt=None))

    patch.setattr(execution._Execution, "_replace", replace)


RULES = {
    "only your own is removed": Rule(1, others_have_it, forget_the_others),
    "what is not proven ours is left": Rule(2, others_bought_it, trust_the_nickname),
    "nothing is bought twice": Rule(3, bought_once, forget_what_was_bought),
    "chats are lost by permission only": Rule(4, chats_are_kept, guard_nothing),
    "gone needs proof": Rule(5, gone_needs_proof, believe_the_listing),
    "one stack has one team": Rule(6, one_team, believe_every_id),
    "unfinished work is noticed": Rule(7, unfinished_work_is_noticed, verify_nothing),
    "the preview says what is done": Rule(8, the_preview_says_it, say_less),
    "refresh reads": Rule(9, refresh_names_both_remedies, name_the_undo_alone),
    "a rename is a rename": Rule(10, a_rename_is_a_rename, carry_nothing_over),
    "the milder removal counts": Rule(11, the_milder_counts, the_old_counts),
    "a replacement buys first": Rule(12, the_new_one_first, the_old_one_first),
}


def play(rule: Rule) -> None:
    """The story, on a team and a stack of its own."""
    team = Team(team_id=TEAM_ID)
    rule.story(team, in_memory(team))
