"""When two nicknames are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.spec.nicknames import normal, same

COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "Alice "),
        ("Alice", "\u00a0Alice\t"),
        (COMPOSED, DECOMPOSED),
        (COMPOSED, f" {DECOMPOSED} "),
        (None, ""),
    ],
)
def test_spaces_around_it_and_the_spelling_of_accents_do_not_count(
    one: str | None, other: str | None
) -> None:
    assert same(one, other)
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), [("Alice", "alice"), ("A b", "A  b"), ("e", "\u00e9")])
def test_all_else_counts(one: str, other: str) -> None:
    assert not same(one, other)


@given(st.text())
def test_the_normal_form_is_its_own(nickname: str) -> None:
    assert normal(normal(nickname)) == normal(nickname)
