"""The limits of a fleet, as arguments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.limits import (
    FleetLimits,
    Limit,
    Limits,
    read_concurrency,
    read_limits,
)
from tests.unit.spec.values import JSON


@pytest.mark.parametrize(
    ("given_", "held", "number"),
    [(12, 100, 12), (12.0, 100, 12), ("12", 100, 12), ("10%", 97, 9), ("12.5 %", 100, 12)],
)
def test_a_limit_is_a_number_or_a_share(given_: object, held: int, number: int) -> None:
    assert Limit.parse(given_).of(held) == number


@pytest.mark.parametrize(
    "given_",
    [-1, True, 1.5, "1.5", "ten", "101%", "", None, [], "-5%", "nan%", "\u0661", "9" * 400],
)
def test_a_limit_of_another_form_is_refused(given_: object) -> None:
    with pytest.raises(ValueError, match=r"^is .*, but must be"):
        Limit.parse(given_)


@pytest.mark.parametrize(
    "given_", [FleetLimits("20%", 3), {"max_purchases": "20%", "max_removals": 3.0}]
)
def test_the_limits_of_a_fleet(given_: Any) -> None:
    found = read_limits(given_)
    assert found == (Limits(Limit(percent=20), Limit(number=3)), [], [])


@pytest.mark.parametrize("given_", [None, {}, {"max_removals": None}, FleetLimits()])
def test_no_limits(given_: Any) -> None:
    assert read_limits(given_) == (Limits(), [], [])


def test_every_problem_of_the_limits_is_named() -> None:
    found = read_limits({"max_removal": 3, "max_purchases": "some", "max_removals": -1})
    assert found.problems == [
        ("limits.max_removal", "is not a limit of a fleet; did you mean 'max_removals'?"),
        (
            "limits.max_purchases",
            "is 'some', but must be a number such as 12, or a share: '10%'",
        ),
        ("limits.max_removals", "is -1, but must be a number such as 12, or a share: '10%'"),
    ]
    assert read_limits([]).problems == []  # no limits
    assert read_limits("all").problems == [("limits", "is 'all', but must be a mapping of limits")]


def test_limits_that_are_not_known_yet() -> None:
    assert read_limits({"max_purchases": 3, "max_removals": UNKNOWN}) == (
        Limits(Limit(number=3)),
        [],
        ["max_removals"],
    )
    assert read_limits(UNKNOWN).unknown == ["max_purchases", "max_removals"]


@pytest.mark.parametrize(
    ("given_", "number"), [(None, None), (UNKNOWN, None), (16.0, 16), (64, 64)]
)
def test_concurrency(given_: Any, number: int | None) -> None:
    assert read_concurrency(given_) == (number, [])


@pytest.mark.parametrize("given_", [0, 65, 1.5, "16", True, float("nan"), float("inf"), []])
def test_concurrency_of_another_form_is_refused(given_: Any) -> None:
    number, (problem,) = read_concurrency(given_)
    assert number is None
    assert problem.property == "concurrency"
    assert problem.reason.endswith("but must be a whole number from 1 to 64")


@given(JSON)
def test_any_content_is_read_or_refused(anything: Any) -> None:
    for problem in (*read_limits(anything).problems, *read_concurrency(anything)[1]):
        assert problem.reason.isprintable()
