"""Accounts in components, which may be registered late, and have earlier names."""

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


def renamed(kind: str, *resources: str, inside: str = "None") -> tuple[str, ...]:
    """A program in which the component of type ``Sales`` gets another type."""
    known = "[]" if kind == "Sales" else "[pulumi.Alias(type_='acme:index:Sales')]"
    part = f"part = Part({kind!r}, 'part', inside={inside}, aliases={known})"
    return (COMPONENTS, part, *resources)


INSIDE = pytest.mark.parametrize("inside", ["None", "Part('Region', 'region')"])


@INSIDE
def test_a_component_and_a_key_are_renamed_in_one_run(case: Case, inside: str) -> None:
    fleet = "AccountFleet('f', {{{}, 'bob': {{}}}}, opts=part.inner)"
    case.up(*renamed("Sales", fleet.format("'alice': {}"), inside=inside))
    before = live(case)
    new = fleet.format("'alicia': {'aliases': ['alice']}")
    said = case.preview(*renamed("Support", new, inside=inside))
    assert "bought" not in said
    assert "deleted" not in said
    case.up()
    assert live(case) == {"alicia": before["alice"], "bob": before["bob"]}
    assert set(case.server.writes()) == {"PATCH /im/accounts/{id}"}


def test_a_component_and_an_account_in_it_are_renamed_in_one_run(case: Case) -> None:
    account, inside = "Account('alice', nickname={!r}, opts=part.inner)", "Part('Region', 'region')"
    case.up(*renamed("Sales", account.format("alice"), inside=inside))
    before = live(case)
    said = case.preview(*renamed("Support", account.format("alicia"), inside=inside))
    assert "bought" not in said
    case.up()
    assert live(case) == {"alicia": before["alice"]}


def test_a_component_moves_out_of_another(case: Case) -> None:
    region, fleet = "region = Part('Region', 'region')", "AccountFleet('f', {}, opts=part.inner)"
    case.up(
        COMPONENTS,
        region,
        "part = Part('Sales', 'part', inside=region)",
        fleet.replace("{}", "{'alice': {}, 'bob': {}}"),
    )
    before = live(case)
    case.up(
        COMPONENTS,
        region,
        "part = Part('Sales', 'part', aliases=[pulumi.Alias(parent=region)])",
        fleet.replace("{}", "{'alicia': {'aliases': ['alice']}, 'bob': {}}"),
    )
    assert live(case) == {"alicia": before["alice"], "bob": before["bob"]}


@INSIDE
def test_numbered_keys_in_a_renamed_component_are_refused(case: Case, inside: str) -> None:
    def fleet(*names: str) -> str:
        entries = {str(number): {"nickname": name} for number, name in enumerate(names)}
        return f"AccountFleet('f', {entries!r}, opts=part.inner)"

    case.up(*renamed("Sales", fleet("anna", "bert", "carl"), inside=inside))
    before = live(case)
    case.preview(*renamed("Support", fleet("bert", "carl"), inside=inside), fails=True)
    case.up(fails=True)
    assert live(case) == before


@INSIDE
def test_an_entry_that_was_left_to_another_fleet_stays_listed(case: Case, inside: str) -> None:
    def program(kind: str, entries: str, target: str) -> tuple[str, ...]:
        return renamed(
            kind,
            f"a = AccountFleet('a', {entries}, opts=part.inner)",
            f"AccountFleet('b', {target}, opts=pulumi.ResourceOptions(depends_on=[a]))",
            inside=inside,
        )

    refused = "{'q': {}, 'x': {}, 'new': {}}, limits={'max_purchases': 0}"
    case.up(*program("Sales", "{'x': {}, 'y': {}}", "{'q': {}}"))
    before = live(case)
    case.up(*program("Sales", "{'y': {}}", refused), fails=True)
    case.up(*program("Support", "{'y': {}}", refused), fails=True)
    assert before["x"] in str(case.stack.resources())
    case.up(*program("Support", "{'y': {}}", "{'q': {}, 'x': {}}"))
    assert live(case) == before
    assert before["x"] in str(case.stack.resources())


@pytest.mark.parametrize("how", ["transformation", "transform"])
def test_an_alias_that_the_stack_adds(case: Case, how: str) -> None:
    """The program does not see what a transform does. So the run is refused."""
    case.up("AccountFleet('f', {'alice': {}, 'bob': {}})")
    before = live(case)
    kind = "Transformation" if how == "transformation" else "Transform"
    case.program(
        "def add(args):",
        "    if args.name == 'g' and 'AccountFleet' in args.type_:",
        "        alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(name='f')])",
        "        opts = pulumi.ResourceOptions.merge(args.opts, alias)",
        f"        return pulumi.Resource{kind}Result(args.props, opts)",
        "pulumi.runtime.register_stack_transformation(add)"
        if how == "transformation"
        else "pulumi.runtime.register_resource_transform(add)",
        "AccountFleet('g', {'alicia': {'aliases': ['alice']}, 'bob': {}})",
    )
    run = case.stack.up("--skip-preview")
    if how == "transformation":
        run.ok()
        assert live(case) == {"alicia": before["alice"], "bob": before["bob"]}
    else:
        assert "an alias that this package does not know" in run.output
        assert live(case) == before


def test_an_alias_that_is_awaited(case: Case) -> None:
    case.up("Account('wa', nickname='x')")
    before = live(case)
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic/chatdaddy:Account::wa"
    case.up(
        "import asyncio",
        f"async def old(): return {urn!r}",
        "opts = pulumi.ResourceOptions(aliases=[asyncio.ensure_future(old())])",
        "Account('wb', nickname='x', opts=opts)",
    )
    assert live(case) == before
    assert case.server.writes() == {}


def test_names_may_have_colons(case: Case) -> None:
    fleets = "AccountFleet('eu::shop', {})", "AccountFleet('us::shop', {{'c': {{}}{}}})"
    case.up(fleets[0].replace("{}", "{'alice': {}, 'b': {}}"), fleets[1].format(""))
    before = live(case)
    case.up(
        fleets[0].replace("{}", "{'alicia': {'aliases': ['alice']}}"), fleets[1].format(", 'b': {}")
    )
    assert live(case) == {"alicia": before["alice"], "b": before["b"], "c": before["c"]}
    case.stack.preview("--expect-no-changes").ok()


def test_two_providers_of_one_name_are_refused(case: Case) -> None:
    said = case.up(
        COMPONENTS,
        "from chatdaddy_pulumi import Provider",
        "config = pulumi.Config('chatdaddy')",
        "token = config.require_secret('refreshToken')",
        "for kind in ('Sales', 'Support'):",
        "    opts = Part(kind, kind).inner",
        "    team_id = config.require('teamId')",
        "    team = Provider('team', team_id=team_id, refresh_token=token, opts=opts)",
        "    Account(f'wa-{kind}', opts=pulumi.ResourceOptions(provider=team))",
        fails=True,
    )
    assert "two providers of this program have that name" in said
    assert live(case) == {}


SHOP = """
class Shop(pulumi.ComponentResource):
    def __init__(self, entries, opts=None):
        super().__init__("acme:index:Shop", "shop", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        limits = {"max_removals": "100%"}
        AccountFleet("customers", entries, on_delete="delete_now", limits=limits, opts=inside)
        Account("sales", opts=inside)
"""

KEEP = """
def keep(args):
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(retain_on_delete=True))
    return pulumi.ResourceTransformationResult(args.props, opts)
pulumi.runtime.register_stack_transformation(keep)
"""


@pytest.mark.parametrize("how", ["component", "transformation"])
def test_what_a_component_retains_is_only_forgotten(case: Case, how: str) -> None:
    """The engine inherits the option. A fleet's entries are not resources of their own."""
    opts = ", pulumi.ResourceOptions(retain_on_delete=True)" if how == "component" else ""
    program = (SHOP, "" if how == "component" else KEEP)
    case.up(*program, f"Shop({{'anna': {{}}, 'bert': {{}}}}{opts})")
    before = live(case)
    case.up(*program, f"Shop({{'anna': {{}}}}{opts})")
    assert live(case) == before
    assert case.server.writes() == {}


@pytest.mark.parametrize("how", ["transformation", "transform"])
def test_a_nickname_that_the_stack_changes(case: Case, how: str) -> None:
    """An account moves to where a transformation gives it its nickname. The program does not see
    what a transform does. So the run is refused."""
    case.up("AccountFleet('f', {'prod sales': {}, 'other': {}}, on_delete='delete_now')")
    before = live(case)
    kind = how.capitalize()
    case.program(
        "def prefix(args):",
        "    if args.name == 'sales':",
        "        props = {**args.props, 'nickname': 'prod sales'}",
        f"        return pulumi.Resource{kind}Result(props, args.opts)",
        "pulumi.runtime.register_stack_transformation(prefix)"
        if how == "transformation"
        else "pulumi.runtime.register_resource_transform(prefix)",
        "AccountFleet('f', {'other': {}}, on_delete='delete_now')",
        "Account('sales')",
    )
    run = case.stack.up()
    if how == "transformation":
        run.ok()
    else:
        assert "is changed by a transform" in run.output
    assert live(case) == before
    assert case.server.writes() == {BUY: 2}, "before"


def test_a_subclass_is_the_same_resource(case: Case) -> None:
    shop = (
        "class Shop(Account):",
        "    def __init__(self, name, **arguments):",
        "        super().__init__(name, tier='unlimited', **arguments)",
    )
    case.up(*shop, "Shop('a')")
    before = live(case)
    case.up(*shop, "Shop('a')")
    case.up(*shop, "Shop('b', nickname='a')")
    case.up("Account('b', nickname='a', tier='unlimited')")
    assert live(case) == before
    assert case.server.writes() == {}
