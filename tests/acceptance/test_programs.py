"""Programs that declare resources while they run, or do not reach their provider hosts."""

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


def test_what_would_be_declared_after_a_failure_is_not_removed(case: Case) -> None:
    """The engine goes on to the removals, and the program has not declared everything."""
    case.up("Account('late')")
    program = late("").replace("Account('late', )", "Account('late')")
    refusal = {"status": 402, "message": "Card declined"}
    case.server.fault("POST", "/im/accounts", "status", **refusal)
    case.program(program)
    assert case.stack.up("--skip-preview", "--continue-on-error").exit_code != 0
    assert live(case) == {("late", "wa")}
    case.up(program)
    assert live(case) == {("early", "wa"), ("late", "wa")}
    assert case.server.writes() == {"POST /im/accounts": 1}


def test_another_folder_for_the_programs_temporary_files_is_refused(case: Case) -> None:
    case.up("Account('alice')")
    alice = case.account()["accountId"]
    other = case.stack.workdir / "other"
    other.mkdir()
    folder = f"import tempfile\ntempfile.tempdir = {str(other)!r}"
    output = case.up(folder, f"Account('bob', nickname='alice', adopt={alice!r})", fails=True)
    assert "TMPDIR" in output
    assert case.server.writes() == {}
    assert case.account()["accountId"] == alice


#: A resource that is deleted and created anew if its value changes.
THING = """
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

class Things(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(f"thing-{props['value']}", props)

    def diff(self, id, olds, news):
        replaces = [] if olds["value"] == news["value"] else ["value"]
        return DiffResult(bool(replaces), replaces, delete_before_replace=True)

class Thing(Resource):
    def __init__(self, name, value):
        super().__init__(Things(), name, {"value": value})
"""


@pytest.mark.skipif(PULUMI is None, reason="the stand-in has no replace_with")
def test_what_is_replaced_with_a_target_is_not_deleted(case: Case) -> None:
    """It is deleted to be created anew before anything of the run is checked."""
    opts = "pulumi.ResourceOptions(replace_with=[thing], delete_before_replace=True)"
    alice = f"Account('alice', on_delete='delete_now', opts={opts})"
    case.up(THING, "thing = Thing('thing', 1)", alice)
    before = case.account()
    case.program(THING, "thing = Thing('thing', 2)", alice)
    case.server.forget_requests()
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic:Resource::thing"
    case.stack.up("--skip-preview", "--target", urn)
    assert case.server.writes() == {}
    case.up()
    assert case.server.writes() == {}
    assert case.account() == before
