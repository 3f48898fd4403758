"""Accounts in components that wait for something else, so that they are registered late."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Case

pytestmark = [pytest.mark.slow, pytest.mark.stories]

BUY, DELETE = "POST /im/accounts", "DELETE /im/accounts/{id}"

#: Parts of the company, which wait for an account that is new in each run that has a number.
COMPONENTS = """
def new_account(number):
    return [Account(f"new-{number}")] if number else []

class Part(pulumi.ComponentResource):
    def __init__(self, kind, name, number=0, inside=None, aliases=()):
        opts = pulumi.ResourceOptions(
            depends_on=new_account(number), parent=inside, aliases=list(aliases)
        )
        super().__init__(f"acme:index:{kind}", name, None, opts)
        self.inner = pulumi.ResourceOptions(parent=self)
"""


def live(case: Case) -> dict[str, str]:
    """The team's live accounts: nickname → ID. No two of them have one nickname."""
    found = [one for one in case.server.accounts() if not one.get("deletedAt")]
    names = {one["nickname"]: one["accountId"] for one in found}
    assert len(names) == len(found), sorted(one["nickname"] for one in found)
    return {nickname: id_ for nickname, id_ in names.items() if not nickname.startswith("new-")}


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_a_fleet_moves_into_a_component(case: Case, nested: bool) -> None:
    fleet = "AccountFleet('shop', {'anna': {'tier': 'unlimited'}, 'bert': {}}"
    case.up(COMPONENTS, f"{fleet})")
    before = live(case)
    inside = "Part('Region', 'region', 1)" if nested else "None"
    part = f"part = Part('Shop', 'the-shop', {0 if nested else 1}, inside={inside})"
    case.up(COMPONENTS, part, f"{fleet}, opts=part.inner)")
    assert live(case) == before
    assert case.server.writes() == {BUY: 1}, "the account that the component waits for"
    case.stack.preview("--expect-no-changes").ok()


def test_an_account_moves_into_a_component(case: Case) -> None:
    case.up(COMPONENTS, "Account('wa', nickname='the shop')")
    before = live(case)
    case.up(
        COMPONENTS,
        "part = Part('Shop', 'the-shop', 1)",
        "Account('wa', nickname='the shop', opts=part.inner)",
    )
    assert live(case) == before
    assert case.server.writes() == {BUY: 1}


@pytest.mark.parametrize("alias", [False, True], ids=["without an alias", "with an alias"])
def test_the_type_of_a_component_is_renamed(case: Case, alias: bool) -> None:
    """Without an alias, it is another component for the engine."""

    def program(kind: str, number: int) -> tuple[str, str, str, str]:
        known = "[pulumi.Alias(type_='acme:index:Sales')]" if alias else "[]"
        return (
            COMPONENTS,
            f"part = Part({kind!r}, 'part', {number}, aliases={known})",
            "Account('wa', nickname='the shop', opts=part.inner)",
            "AccountFleet('shops', {'anna': {}}, opts=part.inner)",
        )

    case.up(*program("Sales", 0))
    before = live(case)
    case.up(*program("Support", 1))
    assert live(case) == before
    assert case.server.writes() == {BUY: 1}
    case.up(*program("Support", 1))
    assert live(case) == before
    assert case.server.writes() == {}


def two_parts(sales: str, support: str, number: int = 0) -> tuple[str, ...]:
    """Two components whose fleets have one name; the entries of each."""
    return (
        COMPONENTS,
        f"late = Part('Late', 'late', {number})",
        f"AccountFleet('wa', {{{sales}}}, opts=Part('Sales', 'in-sales', inside=late).inner)",
        f"AccountFleet('wa', {{{support}}}, opts=Part('Support', 'in-support', inside=late).inner)",
    )


def test_an_entry_moves_between_fleets_of_one_name(case: Case) -> None:
    case.up(*two_parts("'s1': {}, 's2': {}", "'p1': {}"))
    before = live(case)
    case.up(*two_parts("'s1': {}", "'p1': {}, 's2': {}", 1))
    assert live(case) == before
    assert case.server.writes() == {BUY: 1}


def test_one_of_two_accounts_of_one_name_is_removed(case: Case) -> None:
    account = "Account('wa', nickname='in {}', opts=Part('{}', 'part', {}).inner)"
    sales, support = account.format("sales", "Sales", 0), account.format("support", "Support", 0)
    case.up(COMPONENTS, sales, support)
    before = live(case)
    case.up(COMPONENTS, account.format("sales", "Sales", 1))
    assert live(case) == {"in sales": before["in sales"]}
    assert case.server.writes() == {BUY: 1, DELETE: 1}


def test_an_account_moves_by_an_alias_of_its_parent_and_another_of_its_name_leaves(
    case: Case,
) -> None:
    account = "Account('wa', nickname='in {}', opts=Part('{}', '{}').inner)"
    case.up(COMPONENTS, account.format("a", "Sales", "a"), account.format("b", "Support", "b"))
    before = live(case)
    alias = "pulumi.Alias(parent='urn:pulumi:dev::acceptance::acme:index:Sales::a')"
    case.up(
        COMPONENTS,
        "opts = pulumi.ResourceOptions.merge("
        f"Part('Region', 'c', 1).inner, pulumi.ResourceOptions(aliases=[{alias}]))",
        "Account('wa', nickname='in a', opts=opts)",
    )
    assert live(case) == {"in a": before["in a"]}
    assert case.server.writes() == {BUY: 1, DELETE: 1}


@pytest.mark.parametrize("kind", ["from_input", "secret"])
def test_an_entry_that_is_none_in_an_output_is_an_entry(case: Case, kind: str) -> None:
    """The SDK drops such keys."""
    accounts = "{'a': None, 'b': {'tier': 'limited'}}"
    case.up(f"AccountFleet('f', pulumi.Output.{kind}({accounts}))")
    before = live(case)
    assert set(before) == {"a", "b"}
    case.up(f"AccountFleet('f', {accounts})")
    case.up(f"AccountFleet('f', pulumi.Output.{kind}({accounts}))")
    assert case.server.writes() == {}
    assert live(case) == before
