"""Values that ChatDaddy stores in another form than asked for: they are no drift."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from chatdaddy_pulumi.client import ObservedAccount
from tests.support.provider import (
    Failed,
    Killed,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
    killed,
)
from tests.support.team import Team
from tests.unit.provider.test_late_names import told
from tests.unit.provider.test_orders import lost_answers

GIVEN: dict[str, dict[str, Any]] = {
    "false settings are omitted": {
        "settings": {"enableStories": False, "keepDeletedMessages": {"fromMe": False}}
    },
    "assignees are listed once": {"assignees": ["u2", "u1", "u2"]},
    "inner spaces are joined": {"nickname": "A  B"},
}


@dataclass
class Tidy(Team):
    """A team that stores values in its own form."""

    def buy(self, nickname: str, by: str = "them", **attributes: Any) -> ObservedAccount:
        bought = super().buy(nickname, by, **attributes)
        self.change(bought.account_id, nickname=nickname, settings=bought.settings)
        return self.all[bought.account_id]

    def change(self, account_id: str, **attributes: Any) -> None:
        if attributes.get("nickname"):
            attributes["nickname"] = " ".join(attributes["nickname"].split())
        if attributes.get("assignees"):
            attributes["assignees"] = sorted({*attributes["assignees"]})
        if attributes.get("settings"):
            attributes["settings"] = {k: v for k, v in attributes["settings"].items() if v is True}
        super().change(account_id, **attributes)


@pytest.fixture
def tidy() -> Tidy:
    return Tidy()


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_another_form_of_a_value_is_no_drift(tidy: Tidy, kind: str, given: dict[str, Any]) -> None:
    stack = in_memory(tidy)
    program: Program = {
        "account": {"x": account(**given)},
        "fleet": {"x": fleet({"k": given, "o": {}})},
    }[kind]
    stack.up(program)
    for number in range(2):
        assert not told(stack, program | {f"n{number}": account()})
        stack.refresh()
        assert stack.lines.warnings == []
    assert not stack.preview(program | {"n1": account()})


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"enableStories": True}},
        {"assignees": ["u1"]},
        {"nickname": "AB"},
    ],
)
def test_another_value_is_drift(team: Team, stack: Stack, change: dict[str, Any]) -> None:
    given: dict[str, Any] = {one: said for form in GIVEN.values() for one, said in form.items()}
    stack.up({"x": account(**given)})
    team.change(stack.of("x").id, **change)
    assert "not as the state says" in told(stack, {"x": account(**given), "n": account()})
    stack.refresh()
    assert len(stack.lines.warnings) == 1
    stack.up({"x": account(**given)})
    assert not stack.preview({"x": account(**given)})


def test_false_is_sent_to_an_account_that_is_taken_over(team: Team, stack: Stack) -> None:
    """Another default may apply where the answer lacks the setting."""
    theirs = team.buy("x").account_id
    stack.up({"x": account(adopt=theirs, settings={"enableStories": False})})
    assert team.all[theirs].settings == {"enableStories": False}


def test_an_account_moves_to_an_entry_of_its_stored_nickname(tidy: Tidy) -> None:
    stack = in_memory(tidy)
    stack.up({"x": account(nickname="A  B")})
    stack.up({"y": account(nickname="A B")})
    assert tidy.purchases == 1
    assert stack.all_ids() == tidy.live()


@pytest.mark.parametrize("trouble", ["killed", "no answer"])
@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_purchase_is_found_again_by_the_stored_form_of_its_nickname(
    tidy: Tidy, trouble: str, kind: str
) -> None:
    stack = in_memory(tidy)
    given = {"nickname": "A  B"}
    program: Program = {"x": account(**given) if kind == "account" else fleet({"k": given})}
    if trouble == "killed":
        with killed(tidy), pytest.raises(Killed):
            stack.up(program)
    else:
        with lost_answers(tidy), suppress(Failed):
            stack.up(program)
    (own,) = tidy.live()
    for minutes in (1, 16):
        tidy.clock += minutes * 60
        stack.up(program)
    assert tidy.purchases == 1
    assert stack.all_ids() == {own}


def test_a_nickname_is_taken_in_its_stored_form(tidy: Tidy) -> None:
    tidy.buy("A  B")
    with pytest.raises(Refused, match="already has an account"):
        in_memory(tidy).preview({"x": account(nickname="A  B")})


def test_an_entry_is_renamed_and_its_nickname_gets_two_spaces(tidy: Tidy) -> None:
    stack = in_memory(tidy)
    stack.up({"x": fleet({"k": {"nickname": "A B"}, "o": {}})})
    own = stack.ids("x")["k"]
    stack.up({"x": fleet({"k2": {"nickname": "A  B"}, "o": {}})})
    assert stack.ids("x")["k2"] == own
    assert tidy.purchases == 2
