"""What was a secret in the program stays one in the state and on the screen, wherever it goes."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.conftest import Case
from tests.acceptance.test_ordinary_life import impatient

pytestmark = [pytest.mark.slow, pytest.mark.stories]

#: A secret key and a secret nickname or setting.
KEY, WORD = "patient-4711", "hush hush one"

SECRET_NICKNAME = f"pulumi.Output.secret({{'a': {{'nickname': {WORD!r}}}}})"
SECRET_SETTING = f"{{'webhookKey': pulumi.Output.secret({WORD!r})}}"


def shown(case: Case, output: str = "") -> list[str]:
    """Where the state or the output has a secret in clear."""
    found = [
        f"{one['urn']} {part}.{name}"
        for one in case.stack.resources()
        for part in ("inputs", "outputs")
        for name, value in (one.get(part) or {}).items()
        if any(word in json.dumps(value, ensure_ascii=False) for word in (KEY, WORD))
    ]
    return found + [word for word in (KEY, WORD) if word in output]


def refuse_patches(case: Case) -> None:
    case.server.fault("PATCH", "/im/accounts/{id}", "status", times=9, status=402, message="no")


def id_of(case: Case, nickname: str) -> str:
    (found,) = [one["accountId"] for one in case.server.accounts() if one["nickname"] == nickname]
    return str(found)


@pytest.mark.parametrize("why", ["a patch is refused", "a limit refuses"])
def test_a_fleet_whose_entries_are_no_secret_any_more(case: Case, why: str) -> None:
    case.up(f"AccountFleet('f', {SECRET_NICKNAME})")
    plain = "AccountFleet('f', {'a': {'nickname': 'plain'}"
    if why == "a limit refuses":
        out = case.up(f"{plain}, 'b': {{}}}}, limits={{'max_purchases': 0}})", fails=True)
    else:
        refuse_patches(case)
        out = case.up(f"{plain}}})", fails=True)
    assert shown(case, out) == []
    case.server.clear_faults()
    case.up(f"{plain}}})")
    assert shown(case) == []
    assert "plain" in json.dumps(case.stack.resources()), "it is no secret any more"


@pytest.mark.parametrize("new", ["settings={'color': 'blue'}", "assignees=['u1']"])
def test_a_secret_setting_that_the_program_drops(case: Case, new: str) -> None:
    """ChatDaddy keeps it, so the output `settings` has it."""
    case.up(f"Account('wa', settings={SECRET_SETTING})")
    case.up(f"Account('wa', {new})")
    assert shown(case) == []
    case.stack.refresh("--skip-preview").ok()
    case.up(f"Account('wa', nickname='another', {new})")
    assert shown(case) == []


def test_an_entry_with_a_secret_setting_becomes_an_account(case: Case) -> None:
    case.up(f"AccountFleet('f', {{'a': {{'settings': {SECRET_SETTING}}}}})")
    case.up("Account('a')")
    assert shown(case) == []


@pytest.mark.parametrize("to", ["fleet", "account"])
def test_a_secret_entry_is_adopted_in_clear_and_a_patch_is_refused(case: Case, to: str) -> None:
    case.up(f"AccountFleet('f', {SECRET_NICKNAME})", "AccountFleet('g', {})")
    adopted = f"adopt={id_of(case, WORD)!r}, nickname='plain'"
    taker = f"AccountFleet('g', {{'x': dict({adopted})}})" if to == "fleet" else ""
    refuse_patches(case)
    case.program("AccountFleet('f', pulumi.Output.secret({}))", taker or f"Account('x', {adopted})")
    out = case.stack.up("--skip-preview").output
    assert shown(case, out) == []


def test_another_fleet_collides_with_a_secret_entry(case: Case) -> None:
    secret = f"AccountFleet('f', pulumi.Output.secret({{{KEY!r}: {{'nickname': 'desk'}}}}))"
    case.up(secret)
    taker = f"AccountFleet('g', {{'x': {{'adopt': {id_of(case, 'desk')!r}}}}})"
    assert shown(case, case.up(secret, taker, fails=True)) == []


def test_an_entry_moves_to_a_secret_fleet_that_fails(case: Case) -> None:
    case.up("AccountFleet('g', {'x': {'nickname': 'desk'}, 'y': {}})")
    entries = f"{{{KEY!r}: {{'adopt': {id_of(case, 'desk')!r}}}, 'new': {{}}}}"
    out = case.up(
        "AccountFleet('g', {'y': {}})",
        f"AccountFleet('f', pulumi.Output.secret({entries}), limits={{'max_purchases': 0}})",
        fails=True,
    )
    assert shown(case, out) == []


def test_a_secret_fleet_that_is_declared_late(case: Case) -> None:
    out = case.up(
        "import asyncio",
        "async def slow():",
        "    await asyncio.sleep(0.3)",
        "Account('first')",
        f"fleet = lambda _: AccountFleet('f', pulumi.Output.secret({{{KEY!r}: {{}}}}))",
        "pulumi.Output.from_input(slow()).apply(fleet)",
    )
    assert shown(case, out) == []


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_what_becomes_a_secret(case: Case, kind: str) -> None:
    plain, secret = {
        "account": (f"Account('f', nickname={WORD!r})",) * 2,
        "fleet": (f"AccountFleet('f', {{{KEY!r}: {{'nickname': {WORD!r}}}}})",) * 2,
    }[kind]
    secret = secret.replace(", nickname=", ", nickname=pulumi.Output.secret(")
    secret = secret.replace("'f', {", "'f', pulumi.Output.secret({").replace(")", "))")
    case.up(plain)
    case.up(secret)
    assert shown(case) == []
    assert case.server.writes() == {}
    case.stack.preview("--expect-no-changes").ok()


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_late_secret_whose_purchase_has_no_answer(case: Case, kind: str) -> None:
    impatient(case)
    first = "a = Account('a')"
    secret, resource = {
        "account": (repr(WORD), "Account('b', nickname={})"),
        "fleet": (f"{{{KEY!r}: {{'nickname': {WORD!r}}}}}", "AccountFleet('b', {})"),
    }[kind]
    late = resource.format(f"a.account_id.apply(lambda _: pulumi.Output.secret({secret}))")
    case.up(first)
    case.server.fault("POST", "/im/accounts", "slow", times=9, delay_ms=40_000)
    assert shown(case, case.up(first, late, fails=True)) == []
    assert shown(case, case.stack.up("--skip-preview").output) == []
