"""The harness can fail: with a protection taken out of the package it turns red, and soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.history import FLEETS, History, Plan, Player, Violation
from tests.faults.kills import Moment
from tests.faults.mutants import MUTANTS, mutated
from tests.faults.program import Entry, Fleet, Program
from tests.faults.world import Team

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FLEETS, reason="there are no fleets yet"),
]


def fleet(*nicknames: str) -> Program:
    entries = {f"key of {nickname}": Entry(nickname) for nickname in nicknames}
    return Program(fleets={"fleet0": Fleet("allow", entries)})


def killed_in_the_middle(history: History, player: Player) -> None:
    player.write(fleet("one", "two", "three", "four"))
    moment = Moment(call=r"POST /im/accounts", phase="answered", nth=2)
    with history.killing(player, "up", "engine", moment):
        pass


def an_answer_lost(history: History, player: Player) -> None:
    player.write(fleet("one", "two"))
    history.world.server.fault("POST", "/im/accounts", "drop_after")
    history.command(player, "up")


def one_of_many_removed(history: History, player: Player) -> None:
    player.write(fleet("customer 1", "one"))
    history.command(player, "up")
    player.write(fleet("one"))


def finished(history: History, player: Player) -> None:
    history.finish(player)
    history.audit()


STORIES = {
    "the intent is taken out": (killed_in_the_middle, "was bought 2 times"),
    "a lost answer is retried": (an_answer_lost, "was bought 2 times"),
    "removal goes by nickname": (one_of_many_removed, "somebody else's acc"),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_mutant_is_found(name: str, team: Team, tmp_path: Path) -> None:
    tell, complaint = STORIES[name]
    with mutated(MUTANTS[name]) as package:
        plan = Plan(seed=1, fleets=True, package=package)
        history = History(plan, team, tmp_path / "history")
        try:
            player = history.players[0]
            tell(history, player)
            with pytest.raises(Violation, match=complaint):
                finished(history, player)
        finally:
            history.close()
