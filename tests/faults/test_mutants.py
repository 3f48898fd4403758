"""Each rule holds, and its scenario fails if the function that implements it is broken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rules import RULES, play


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("name", RULES)
def test_each_rule_holds(name: str) -> None:
    play(RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_each_mutant_fails(name: str, patch: pytest.MonkeyPatch) -> None:
    RULES[name].break_it(patch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        play(RULES[name])


def test_every_rule_has_a_scenario() -> None:
    assert {rule.number for rule in RULES.values()} == set(range(1, 13))
