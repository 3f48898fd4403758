"""How many accounts of a fleet one run may buy and remove."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.nearest import nearest
from chatdaddy_pulumi.spec.problem import Problem, shown

MOST_CONCURRENCY = 64


@dataclass(frozen=True)
class FleetLimits:
    """How many accounts one run may buy and remove, checked at the preview.

    Each is a number (``12``) or a share of the accounts that the fleet holds (``"10%"``).
    """

    max_purchases: int | str | None = None
    """There is no limit if it is left out."""
    max_removals: int | str | None = None
    """The default is a share of the fleet, and never all of it. `pulumi destroy` is not limited."""


@dataclass(frozen=True)
class Limit:
    """A number, or a share of the accounts that the fleet holds before the run."""

    number: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, given: object) -> Limit:
        """From ``12``, ``"12"`` or ``"10%"``.

        Raises:
            ValueError: it has another form, or is out of range.
        """
        if isinstance(given, float) and given.is_integer():  # JSON may have whole numbers as floats
            given = int(given)
        if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
            return cls(number=given)
        match = (
            re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(%?)\s*", given)
            if isinstance(given, str)
            else None
        )
        if match is None:
            must_be = "must be a number such as 12, or a share: '10%'"
            raise ValueError(f"is {shown(given)}, but {must_be}")
        if match[2]:
            if float(match[1]) > 100:
                raise ValueError(f"is {shown(given)}, but must be at most '100%'")
            return cls(percent=float(match[1]))
        return cls.parse(float(match[1]))

    def of(self, held: int) -> int:
        """The number of accounts, rounded down."""
        if self.number is not None:
            return self.number
        return int(held * (self.percent or 0) / 100)

    def __str__(self) -> str:
        return f"{self.number:,}" if self.number is not None else f"{self.percent:g} %"


class Limits(NamedTuple):
    """A fleet's limits. A limit that is not given, or not known yet, is None."""

    max_purchases: Limit | None = None
    max_removals: Limit | None = None


class LimitsReading(NamedTuple):
    limits: Limits
    problems: list[Problem]
    #: The limits that are not known yet.
    unknown: list[str]


def read_limits(given: FleetLimits | Mapping[str, Any] | str | None) -> LimitsReading:
    """The limits, and every problem by its property, such as ``limits.max_removals``."""
    if given == UNKNOWN:
        return LimitsReading(Limits(), [], list(Limits._fields))
    said: Any = vars(given) if isinstance(given, FleetLimits) else given or {}
    if not isinstance(said, Mapping):
        reason = f"is {shown(said)}, but must be a mapping of limits"
        return LimitsReading(Limits(), [Problem("limits", reason)], [])
    found: dict[str, Limit] = {}
    problems: list[Problem] = []
    unknown: list[str] = []
    for name, value in said.items():
        if name not in Limits._fields:
            hint = nearest(str(name), Limits._fields)
            problems.append(Problem.of(f"limits.{name}", f"is not a limit of a fleet{hint}"))
        elif value == UNKNOWN:
            unknown.append(name)
        elif value is not None:
            try:
                found[name] = Limit.parse(value)
            except ValueError as error:
                problems.append(Problem.of(f"limits.{name}", str(error)))
    return LimitsReading(Limits(**found), problems, unknown)


def read_concurrency(given: Any) -> tuple[int | None, list[Problem]]:
    """The most accounts worked on at once; None if it is not given, or not known yet."""
    if given is None or given == UNKNOWN:
        return None, []
    whole = isinstance(given, (int, float)) and not isinstance(given, bool)
    if whole and 1 <= given <= MOST_CONCURRENCY and float(given).is_integer():
        return int(given), []
    reason = f"is {shown(given)}, but must be a whole number from 1 to {MOST_CONCURRENCY}"
    return None, [Problem("concurrency", reason)]
