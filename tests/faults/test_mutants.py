"""Each rule is kept; and with the one function that keeps it broken, its story turns red."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rules import RULES, play


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_kept(name: str) -> None:
    play(RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_a_mutant_is_found(name: str, patch: pytest.MonkeyPatch) -> None:
    RULES[name].break_it(patch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        play(RULES[name])


def test_every_rule_has_a_story() -> None:
    assert {rule.number for rule in RULES.values()} == set(range(1, 13))
