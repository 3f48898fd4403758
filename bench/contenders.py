"""What is compared, and what each is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Operation = Literal["up", "unchanged preview", "refresh", "one change", "all changed", "destroy"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

#: Milliseconds until the API answers.
LATENCY_MS = 50
#: The most calls at once that the client makes by default; the least is worked out with it.
AT_ONCE = 64
#: Accounts in a page of a listing.
PAGE = 100


@dataclass(frozen=True)
class Contender:
    """A program of `programs/`, with settings of its own."""

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
    """The calls that change something: a contender that makes others did something else."""
    return {
        "up": {"POST": accounts},
        "one change": {"PATCH": 1},
        "all changed": {"PATCH": accounts},
        "destroy": {"DELETE": accounts},
    }.get(operation, {})


def least_calls(operation: Operation, accounts: int) -> int:
    """The fewest calls that this API allows for it."""
    if operation == "refresh":
        return math.ceil(accounts / PAGE)
    return sum(expected_writes(operation, accounts).values())


def least_s(operation: Operation, accounts: int, empty_s: float) -> float:
    """What no contender can be faster than: an empty stack's operation, and the calls' time."""
    turns = math.ceil(least_calls(operation, accounts) / AT_ONCE)
    return empty_s + turns * LATENCY_MS / 1000
