"""When two nicknames are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.client.nicknames import normal, same

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
def test_outer_spaces_and_unicode_forms_are_ignored(one: str | None, other: str | None) -> None:
    assert same(one, other)
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), [("Alice", "alice"), ("A b", "A  b"), ("e", "\u00e9")])
def test_other_differences_count(one: str, other: str) -> None:
    assert not same(one, other)


@given(st.text())
def test_the_normal_form_is_idempotent(nickname: str) -> None:
    assert normal(normal(nickname)) == normal(nickname)
