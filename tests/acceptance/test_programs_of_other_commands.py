"""The program is run for `destroy`, or declares resources while it runs."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Case
from tests.support.engine import PULUMI

pytestmark = [pytest.mark.slow, pytest.mark.stories]


def live(case: Case) -> set[tuple[str, str]]:
    """Nickname and type of the team's live accounts."""
    found = [one for one in case.server.accounts() if not one.get("deletedAt")]
    return {(one["nickname"], one["type"]) for one in found}


def late(arguments: str) -> str:
    """An account that is declared after another one is there."""
    return (
        "def later(_: str) -> None:\n"
        f"    Account('late', {arguments})\n"
        "Account('early').account_id.apply(later)"
    )


@pytest.mark.skipif(PULUMI is None, reason="the stand-in has no --run-program")
def test_a_destroy_that_runs_the_program_removes_everything(case: Case) -> None:
    case.up("Account('alice')", "AccountFleet('f', {'x': {}, 'y': {}})")
    case.stack.destroy("--run-program").ok()
    assert live(case) == set()


def test_what_is_declared_late_is_kept_as_the_program_says(case: Case) -> None:
    case.up(late("on_delete='delete'"))
    case.up(late("on_delete='retain', type='mock'"))
    assert live(case) == {("early", "wa"), ("late", "wa"), ("late", "mock")}


def test_what_is_declared_late_is_not_deleted_to_be_created_again(case: Case) -> None:
    case.up(late("opts=pulumi.ResourceOptions(delete_before_replace=True)"))
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic/chatdaddy:Account::late"
    case.server.forget_requests()
    case.stack.up("--skip-preview", "--replace", urn).ok()
    assert case.server.writes() == {}
