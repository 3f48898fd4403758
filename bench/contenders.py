"""The contenders, and the operations of the comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Operation = Literal[
    "up", "unchanged preview", "unchanged up", "refresh", "one change", "all changed", "destroy"
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

#: The API's latency in milliseconds.
LATENCY_MS = 50
#: The client's default maximum of concurrent calls, which the least possible time is based on.
AT_ONCE = 64
#: The number of accounts in a page of a listing.
PAGE = 100


@dataclass(frozen=True)
class Contender:
    """A program of `programs/`, with its settings."""

    name: str
    shown: str
    program: str
    env: tuple[tuple[str, str], ...] = ()
    slow: bool = True


FLEET = Contender("fleet", "`AccountFleet`", "fleet.py", slow=False)
ACCOUNT = Contender("account", "`Account` each", "account.py")
URLLIB = Contender("urllib", "plain resource each (urllib)", "plain.py", (("CLIENT", "urllib"),))
HTTPX = Contender("httpx", "plain resource each (httpx)", "plain.py", (("CLIENT", "httpx"),))
RESTAPI = Contender("restapi", "`restapi_object` each", "restapi.tf")
CONTENDERS = {one.name: one for one in (FLEET, ACCOUNT, URLLIB, HTTPX, RESTAPI)}

TERRAFORMS = ("terraform", "tofu")
PULUMIS = ("pulumi", "stand-in")
ENGINES = {
    "pulumi": "Pulumi",
    "stand-in": "the stand-in engine",
    "terraform": "Terraform",
    "tofu": "OpenTofu",
}


def expected_writes(operation: Operation, accounts: int) -> dict[str, int]:
    """The writes that an operation must make. A measurement with other writes is not valid."""
    return {
        "up": {"POST": accounts},
        "one change": {"PATCH": 1},
        "all changed": {"PATCH": accounts},
        "destroy": {"DELETE": accounts},
    }.get(operation, {})


def least_calls(operation: Operation, accounts: int) -> int:
    """The least number of calls that the operation needs with this API."""
    if operation == "refresh":
        return math.ceil(accounts / PAGE)
    return sum(expected_writes(operation, accounts).values())


def least_s(operation: Operation, accounts: int, empty_s: float) -> float:
    """The least possible time: an empty stack's operation, and the latency of the calls."""
    turns = math.ceil(least_calls(operation, accounts) / AT_ONCE)
    return empty_s + turns * LATENCY_MS / 1000
