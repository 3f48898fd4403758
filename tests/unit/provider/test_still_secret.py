"""What was a secret stays one, as long as ChatDaddy has it, and nothing else becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.provider import Declaration, Late, Stack, account, fleet
from tests.support.team import Team
from tests.unit.provider.test_late_names import KINDS, problem, said
from tests.unit.provider.test_orders import MINUTE, killed_up

HUSH = "hush hush"


def secret_settings(**given: str) -> Declaration:
    return replace(account(settings=given), secrets=("settings",))


def test_a_secret_that_another_account_has_by_chance_is_none_there(
    team: Team, stack: Stack
) -> None:
    secret = secret_settings(language="english")
    stack.up({"x": secret, "y": account()})
    team.change(stack.of("y").id, settings={"language": "english", "greeting": "Welcome"})
    stack.refresh()
    for nickname in ("y1", "y2"):
        stack.up({"x": secret, "y": account(nickname=nickname)})
        assert "Welcome" in stack.in_clear()


def test_a_dropped_secret_stays_one_until_it_is_gone(team: Team, stack: Stack) -> None:
    stack.up({"x": secret_settings(key="hush hush")})
    own = stack.of("x").id
    team.change(own, settings={"key": "hush hush", "zone": "Europe/Berlin"})
    stack.refresh()
    for nickname in ("x1", "x2"):
        stack.up({"x": account(nickname=nickname, settings={"color": "blue"})})
        assert "hush hush" not in stack.in_clear()
    team.change(own, settings={"color": "blue", "zone": "Europe/Berlin"})
    stack.refresh()
    stack.up({"x": account(nickname="x3", settings={"color": "blue"})})
    stack.up({"x": account(nickname="x4", settings={"color": "blue"})})
    assert "Europe/Berlin" in stack.in_clear()


def test_a_secret_that_becomes_plain_is_shown(team: Team, stack: Stack) -> None:
    """Also if the account has settings that no program has declared."""
    secret = secret_settings(language="english")
    stack.up({"x": secret})
    team.change(stack.of("x").id, settings={"language": "english", "zone": "Europe/Berlin"})
    stack.refresh()
    for nickname in ("x1", "x2"):
        stack.up({"x": replace(account(nickname=nickname, **secret.given), secrets=())})
    assert "english" in stack.in_clear()


@KINDS
@pytest.mark.parametrize("then", ["preview", "up"])
def test_a_secret_late_nickname_is_not_shown(
    team: Team, stack: Stack, kind: str, then: str
) -> None:
    name = "accounts[]" if kind == "entry" else "nickname"
    program = {n: replace(d, secrets=(name,)) for n, d in said(kind, Late(HUSH)).items()}
    killed_up(team, stack, program)
    team.clock += 5 * MINUTE
    if then == "preview":
        stack.preview(program)
    else:
        problem(stack, program)
    lines = [*stack.lines.kept, *stack.lines.warnings, *stack.lines.passing]
    assert any("interrupted run" in line for line in lines)
    assert not any(HUSH in line for line in lines)


@pytest.mark.parametrize("first", ["account", "fleet"])
def test_a_secret_stays_one_by_way_of_a_fleet(team: Team, stack: Stack, first: str) -> None:
    secret: Mapping[str, Any] = {"settings": {"key": HUSH}}
    if first == "account":
        stack.up({"x": replace(account(nickname="x", **secret), secrets=("settings",))})
    else:
        stack.up({"customers": replace(fleet({"x": secret}), secrets=("accounts[]",))})
    stack.up({"customers": fleet({"x": {}})})
    stack.up({"x": account(nickname="x")})
    (own,) = team.all.values()
    assert (own.settings or {}).get("key") == HUSH  # ChatDaddy still has it
    assert HUSH not in stack.in_clear()
