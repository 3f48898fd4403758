"""Accounts that no listing shows, and answers that lack facts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import ObservedAccount
from tests.support.provider import (
    Failed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
)
from tests.support.team import Team

KINDS = pytest.mark.parametrize("kind", ["account", "fleet"])


def said(kind: str, **arguments: Any) -> Program:
    given: dict[str, Any] = {"nickname": "N", **arguments}
    return {"a": account(**given) if kind == "account" else fleet({"k": given, "l": {}})}


def hide(team: Team) -> str:
    """No listing shows the account "N" any more; nothing says that it is gone."""
    (own,) = team.named("N")
    team.hidden.add(own)
    team.access_is_told = False
    return own


@dataclass
class Late(Team):
    """A team whose listings hide accounts until a time."""

    shown_at: float = 0.0

    def _shown(self) -> dict[str, ObservedAccount]:
        return self.all if self.now() >= self.shown_at else super()._shown()


@KINDS
def test_an_account_that_is_missing_for_seconds_is_not_bought_again(kind: str) -> None:
    """The update waits for it."""
    team = Late()
    stack = in_memory(team)
    stack.up(said(kind))
    own, bought = hide(team), team.purchases
    team.clock += 10
    team.shown_at = team.clock + 40
    stack.refresh()
    team.clock += 10
    stack.preview(said(kind))
    stack.up(said(kind))
    assert team.purchases == bought
    assert own in stack.all_ids()


@KINDS
def test_an_account_in_whose_place_another_is_bought_is_named(
    team: Team, stack: Stack, kind: str
) -> None:
    stack.up(said(kind))
    own, bought = hide(team), team.purchases
    stack.refresh()
    team.clock += 3600
    stack.up(said(kind))
    assert team.purchases == bought + 1
    assert any("in no listing, and replaced" in line and own in line for line in stack.lines.kept)


@KINDS
def test_an_update_that_first_misses_an_account_says_so(
    team: Team, stack: Stack, kind: str
) -> None:
    stack.up(said(kind))
    hide(team)
    with pytest.raises(Refused, match="not as the state says") as refused:
        stack.up({**said(kind), "n": account()})
    assert "is as it was last asked for" not in str(refused.value)
    assert "no listing shows" in str(refused.value)


@dataclass
class WithoutSettings(Team):
    """A team whose answers lack the settings for a while, and in which a patch replaces them."""

    lacks: bool = False

    def _shown(self) -> dict[str, ObservedAccount]:
        shown = super()._shown()
        if not self.lacks:
            return shown
        return {key: one.model_copy(update={"settings": None}) for key, one in shown.items()}


@KINDS
def test_settings_that_an_answer_lacks_are_not_lost(kind: str) -> None:
    team = WithoutSettings()
    stack = in_memory(team)
    stack.up(said(kind, settings={"enableStories": False}))
    (own,) = team.named("N")
    by_hand = {"enableStories": False, "notifyUsers": ["boss"]}
    team.change(own, settings=by_hand)
    team.lacks = True
    with suppress(Failed, Refused):
        stack.up(said(kind, settings={"enableStories": True}))
    assert team.all[own].settings == by_hand
    team.lacks = False
    stack.up(said(kind, settings={"enableStories": True}))
    assert team.all[own].settings == {**by_hand, "enableStories": True}


def test_a_purchase_without_the_intent_names_the_intent_of_its_provider(stack: Stack) -> None:
    stack.up({"two": account(nickname="M")})
    one = replace(account(nickname="N"), provider="us")
    with pytest.raises(Failed, match="a --target for the resource chatdaddy-intent-us, too"):
        stack.up({"two": account(nickname="M"), "one": one}, only="one", intent=False)


@KINDS
def test_an_account_that_no_listing_shows_and_that_is_known_is_named(
    team: Team, stack: Stack, kind: str
) -> None:
    """So it is if it was deleted for good, and the payments service still has its bills."""
    stack.up(said(kind))
    (own,) = team.named("N")
    team.hidden.add(own)
    for run in (stack.refresh, lambda: stack.up(said(kind))):
        run()
        assert any(own in line and "no listing shows" in line for line in stack.lines.kept)
    assert own in stack.all_ids()
