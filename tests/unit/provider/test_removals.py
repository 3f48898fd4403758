"""What is removed, and what is not: also if the program is run for it, or declares things late."""

from __future__ import annotations

import pytest

from tests.support.provider import Late, Program, Stack, account, fleet, in_memory
from tests.support.team import Team


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
def stack(team: Team) -> Stack:
    return in_memory(team)


BOTH: Program = {"alice": account(), "f": fleet({"x": {}, "y": {}})}


def test_a_destroy_that_runs_the_program_removes_what_the_program_declares(
    team: Team, stack: Stack
) -> None:
    stack.up(BOTH)
    stack.destroy(BOTH)
    assert team.live() == set()


def test_a_destroy_that_runs_the_program_removes_what_two_resources_hold(
    team: Team, stack: Stack
) -> None:
    stack.up({"alice": account()})
    program: Program = {"bob": account(nickname="alice")}
    stack.up(program, only="bob")
    assert stack.of("alice").id == stack.of("bob").id
    stack.destroy(program)
    assert team.live() == set()


def test_of_old_and_new_the_milder_removal_counts_for_what_is_declared_late(
    team: Team, stack: Stack
) -> None:
    stack.up({"alice": account(late=True)})
    alice = stack.of("alice").id
    stack.up({"alice": account(late=True, type="mock", on_delete="retain")})
    assert team.live() == {alice, stack.of("alice").id}


def test_of_old_and_new_the_milder_removal_counts_if_the_new_one_is_known_late(
    team: Team, stack: Stack
) -> None:
    stack.up({"alice": account()})
    alice = stack.of("alice").id
    stack.up({"alice": account(type="mock", on_delete=Late("retain"))})
    assert team.live() == {alice, stack.of("alice").id}
