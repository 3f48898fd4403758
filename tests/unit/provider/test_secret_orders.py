"""What a program gives as a secret stays one in what is kept of an interrupted purchase."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import Unknown
from tests.support.provider import (
    INTENT,
    ROOT,
    Declaration,
    Failed,
    Killed,
    Late,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    killed,
)
from tests.support.team import Team

NAME = "qzmark"
PLAIN: Program = {"plain": account()}
SECRET = {
    "nickname": replace(account(nickname=NAME), secrets=("nickname",)),
    "nickname of an entry": replace(fleet({"k": {"nickname": NAME}}), secrets=("accounts[]",)),
    "key": replace(fleet({NAME: {}}), secrets=("accounts",)),
}


def lose_answer(is_done: bool) -> None:
    raise Unknown("cut", call="POST /im/accounts", silent_s=60)


def interrupt(team: Team, stack: Stack, vip: Declaration, how: str) -> None:
    """A purchase whose outcome is not known, after one that is."""
    stack.up(PLAIN)
    if how == "killed":
        with killed(team, done=False), pytest.raises(Killed):
            stack.up({**PLAIN, "vip": vip})
        return
    team.on_purchase = lose_answer
    stack.up({**PLAIN, "vip": vip})
    team.on_purchase = lambda _done: None


def check(stack: Stack) -> None:
    assert NAME not in stack.in_clear()
    assert NAME not in str([stack.lines.kept, stack.lines.warnings])


@pytest.mark.parametrize("vip", SECRET.values(), ids=SECRET)
@pytest.mark.parametrize("how", ["killed", "no answer"])
@pytest.mark.parametrize("appears", [True, False])
def test_a_secret_is_hidden_after_its_entry_was_dropped(
    team: Team, stack: Stack, vip: Declaration, how: str, appears: bool
) -> None:
    interrupt(team, stack, vip, how)
    check(stack)
    bought = team.buy(NAME, by="us").account_id if appears else ""
    for _ in range(2):
        stack.up(PLAIN)
        assert not appears or any(bought in line for line in stack.lines.warnings)
        check(stack)
    stack.destroy()
    assert any(bought in line for line in stack.lines.warnings)
    check(stack)


@pytest.mark.parametrize("vip", SECRET.values(), ids=SECRET)
@pytest.mark.parametrize("how", ["killed", "no answer"])
def test_a_secret_is_hidden_after_its_entry_got_another_provider(
    team: Team, stack: Stack, vip: Declaration, how: str
) -> None:
    interrupt(team, stack, vip, how)
    team.buy(NAME, by="us")
    for _ in range(2):
        stack.up({**PLAIN, "vip": replace(vip, provider="us")}, only="plain")
        check(stack)


@pytest.mark.parametrize("vip", SECRET.values(), ids=SECRET)
@pytest.mark.parametrize("how", ["killed", "no answer"])
def test_a_secret_is_hidden_in_a_destroy(
    team: Team, stack: Stack, vip: Declaration, how: str
) -> None:
    interrupt(team, stack, vip, how)
    if how == "no answer":
        with pytest.raises(Failed, match="may still appear") as failed:
            stack.destroy()
        assert NAME not in str(failed.value)
        check(stack)
        team.buy(NAME, by="us")
    stack.destroy()
    assert stack.lines.warnings
    check(stack)


def test_what_is_no_secret_is_named(team: Team, stack: Stack) -> None:
    vip = replace(account(nickname=NAME), secrets=("settings",))
    interrupt(team, stack, vip, "killed")
    bought = team.buy(NAME, by="us").account_id
    stack.up(PLAIN)
    assert any(f"{bought} ({NAME!r})" in line for line in stack.lines.warnings)
    assert NAME not in stack.in_clear()


@pytest.mark.parametrize("how", ["killed", "no answer"])
def test_an_older_state_says_only_that_there_are_secrets(
    team: Team, stack: Stack, how: str
) -> None:
    interrupt(team, stack, SECRET["nickname"], how)
    intent = stack.saved[f"{ROOT}pulumi-python:dynamic/chatdaddy:Intent::{INTENT}"]
    for part in (intent.inputs, intent.outputs):
        for name in ("__notes", "__unresolved"):
            if name in part:
                text = str(part[name]["value"]).replace('"secrets":["nickname"]', '"x":0')
                part[name] = {**part[name], "value": text}
    stack.up(PLAIN)
    check(stack)
    stack.destroy()
    check(stack)


def test_the_secret_key_of_a_late_entry_is_hidden(team: Team, stack: Stack) -> None:
    late = fleet({NAME: {"nickname": Late("zz")}}, existing="allow")
    interrupt(team, stack, replace(late, secrets=("accounts",)), "killed")
    check(stack)
    for _ in range(2):
        stack.move_to_another_machine()
        stack.up({**PLAIN, "vip": replace(late, secrets=("accounts",))})
        check(stack)


@pytest.mark.parametrize("more", [{}, {"settings": {"z": "plain"}}], ids=["dropped", "others"])
@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("to", ["account", "fleet"])
def test_settings_that_were_secrets_when_they_were_bought_stay_secrets(
    team: Team, stack: Stack, to: str, kind: str, more: dict[str, Any]
) -> None:
    """The program has dropped them since the run that was killed. Nothing has saved their text."""
    settings = {"settings": {"k": "hush hush"}}
    vip = {
        "account": replace(account(nickname="x", **settings), secrets=("settings",)),
        "fleet": replace(fleet({"x": settings}), secrets=("accounts[]",)),
    }[kind]
    interrupt_program(team, stack, {**PLAIN, "vip": vip})
    new = account(nickname="x", **more) if to == "account" else fleet({"x": more})
    stack.up({**PLAIN, "vip" if kind == to else "new": new})
    assert team.purchases == 2
    for _ in range(2):
        assert "hush" not in stack.in_clear()
        assert "hush" not in "\n".join(stack.lines.kept)
        stack.refresh()


@pytest.mark.parametrize("provider", ["", "us"])
def test_the_intent_of_another_provider_shows_no_late_secret_nickname(
    team: Team, stack: Stack, provider: str
) -> None:
    """That provider does not know that it is one."""
    late = replace(fleet({"k": {"nickname": Late(NAME)}}), secrets=("accounts[]",))
    program: Program = {**PLAIN, "f": late, "a": replace(account(), provider=provider)}
    interrupt_program(team, stack, program)
    stack.move_to_another_machine()
    team.clock += 60
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program)
        assert NAME not in "\n".join(stack.lines.kept)


@pytest.mark.parametrize("nickname", [NAME, Late(NAME)], ids=["noted", "late"])
def test_in_a_destroy_the_intent_of_another_provider_shows_no_secret_nickname(
    team: Team, stack: Stack, nickname: Any
) -> None:
    """It does not know what other intents have noted."""
    secret = replace(fleet({"k": {"nickname": nickname}}), secrets=("accounts[]",))
    interrupt_program(team, stack, {**PLAIN, "f": secret, "a": replace(account(), provider="us")})
    (bought,) = team.named(NAME)
    stack.move_to_another_machine()
    stack.destroy()
    assert any(bought in line and "'a'" in line for line in stack.lines.warnings)
    check(stack)


def interrupt_program(team: Team, stack: Stack, program: Program) -> None:
    stack.up(PLAIN)
    with killed(team), pytest.raises(Killed):
        stack.up(program)
