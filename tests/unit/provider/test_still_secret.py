"""What was a secret stays one, as long as ChatDaddy has it, and nothing else becomes one."""

from __future__ import annotations

from dataclasses import replace

from tests.support.provider import Declaration, Stack, account
from tests.support.team import Team


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
