"""Programs that declare resources while they run, or that do not reach their provider hosts."""

from __future__ import annotations

import time

import pytest

from chatdaddy_pulumi.provider.state import MARK_TYPE
from tests.acceptance.conftest import Case
from tests.support.engine import PULUMI

pytestmark = [pytest.mark.slow, pytest.mark.stories]


def live(case: Case) -> set[tuple[str, str]]:
    """Nickname and type of the team's live accounts."""
    found = [one for one in case.server.accounts() if not one.get("deletedAt")]
    return {(one["nickname"], one["type"]) for one in found}


def declared_late(arguments: str) -> str:
    """A program that declares an account when an output of another is known."""
    return (
        "def later(_: str) -> None:\n"
        f"    Account('late', {arguments})\n"
        "Account('early').account_id.apply(later)"
    )


def test_options_of_an_account_declared_late_apply(case: Case) -> None:
    case.up(declared_late("on_delete='delete'"))
    case.up(declared_late("on_delete='retain', type='mock'"))
    assert live(case) == {("early", "wa"), ("late", "wa"), ("late", "mock")}


def test_an_account_declared_late_is_not_deleted_before_its_replacement(case: Case) -> None:
    case.up(declared_late("opts=pulumi.ResourceOptions(delete_before_replace=True)"))
    urn = "urn:pulumi:dev::acceptance::pulumi-python:dynamic/chatdaddy:Account::late"
    case.server.forget_requests()
    case.stack.up("--skip-preview", "--replace", urn).ok()
    assert case.server.writes() == {}


def test_an_account_that_is_not_declared_because_of_a_failure_is_not_removed(case: Case) -> None:
    """With --continue-on-error, the engine removes resources although the program has not declared
    all.
    """
    case.up("Account('late')")
    program = declared_late("").replace("Account('late', )", "Account('late')")
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


#: A resource of another package: another value replaces it, and it is deleted first. It can't be
#: updated to the value 99.
THING = """
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

class Things(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(f"thing-{props['value']}", props)

    def update(self, id, olds, news):
        raise Exception("no thing")

    def diff(self, id, olds, news):
        if news["value"] == 99:
            return DiffResult(True)
        replaces = [] if olds["value"] == news["value"] else ["value"]
        return DiffResult(bool(replaces), replaces, delete_before_replace=True)

class Thing(Resource):
    value: pulumi.Output[int]

    def __init__(self, name, value):
        super().__init__(Things(), name, {"value": value})
"""
THING_URN = "urn:pulumi:dev::acceptance::pulumi-python:dynamic:Resource::thing"
_WITH_THING = "opts=pulumi.ResourceOptions(replace_with=[thing])"

#: Whether the program declares another account before the one that comes late.
EARLY = pytest.mark.parametrize("early", ["", "Account('early')"], ids=["none early", "one early"])


#: Accounts of two providers beside resources of another package, each of which takes long.
BUSY = """
import time

class SlowThings(Things):
    def create(self, props):
        time.sleep(0.7)
        return CreateResult("slow", props)

class Slow(Resource):
    def __init__(self, name):
        super().__init__(SlowThings(), name, {"value": 1})

from chatdaddy_pulumi import Provider
token = pulumi.Config("chatdaddy").require_secret("refreshToken")
own = [Account(f"own{n}") for n in range(2)]
slow = [Slow(f"slow{n}") for n in range(12)]
team = Provider("team", team_id=pulumi.Config("chatdaddy").require("teamId"), refresh_token=token)
theirs = [Account(f"their{n}", opts=pulumi.ResourceOptions(provider=team)) for n in range(2)]
more = [Slow(f"more{n}") for n in range(12)]
"""


@pytest.mark.parametrize("parallel", ["1", "2", "3"])
def test_the_begun_mark_is_saved_before_a_purchase_beside_slow_resources(
    case: Case, parallel: str
) -> None:
    case.program(THING, BUSY)
    case.server.fault("POST", "/im/accounts", "delay", times=1, delay_ms=2_000)
    run = case.stack.start("up", "--skip-preview", "--parallel", parallel)
    while not case.server.writes():
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    assert any(one.get("outputs") for one in case.stack.resources(MARK_TYPE))
    output, _ = run.communicate()
    assert run.returncode == 0, output
    assert case.server.writes() == {"POST /im/accounts": 4}


def thing(value: int) -> str:
    return f"thing = Thing('thing', {value})"


def after_thing(arguments: str = "") -> str:
    """A program that declares an account when the thing is there."""
    return f"thing.value.apply(lambda _: Account('alice'{arguments}))"


@EARLY
@pytest.mark.parametrize("flags", [(), ("--refresh",), ("--target", THING_URN)], ids=str)
def test_an_account_declared_late_is_not_deleted_first(
    case: Case, early: str, flags: tuple[str, ...]
) -> None:
    """The engine deletes it before the `apply` that declares it."""
    late = after_thing(f", on_delete='delete_now', {_WITH_THING}")
    case.up(THING, early, thing(1), late)
    case.program(THING, early, thing(2), late)
    case.server.forget_requests()
    case.stack.up("--skip-preview", *flags)
    assert case.server.writes() == {}


def test_an_account_of_an_async_program_is_not_deleted_first(case: Case) -> None:
    main = (
        "async def main():\n"
        "    {}\n"
        "    await thing.urn.future()\n"
        f"    Account('alice', on_delete='delete_now', {_WITH_THING})\n"
        "pulumi.Output.from_input(main())"
    )
    case.up(THING, main.format(thing(1)))
    case.program(THING, main.format(thing(2)))
    case.server.forget_requests()
    case.stack.up("--skip-preview")
    assert case.server.writes() == {}


@EARLY
def test_a_failure_of_another_package_with_continue_on_error(case: Case, early: str) -> None:
    """The `apply` that declares the account does not run, since its resource failed."""
    case.up(THING, early, thing(1), after_thing())
    case.program(THING, early, thing(99), after_thing())
    case.server.forget_requests()
    assert case.stack.up("--skip-preview", "--continue-on-error").exit_code != 0
    assert case.server.writes() == {}


@EARLY
def test_a_program_that_declares_nothing_more_removes_its_accounts(case: Case, early: str) -> None:
    case.up(early, "Account('late')")
    case.up("")
    assert live(case) == set()


@pytest.mark.skipif(PULUMI is None, reason="the stand-in has no replace_with")
def test_a_replacement_with_a_target_does_not_delete_the_account(case: Case) -> None:
    """The engine deletes the account first, before it checks any resource of the run."""
    opts = "pulumi.ResourceOptions(replace_with=[thing], delete_before_replace=True)"
    alice = f"Account('alice', on_delete='delete_now', opts={opts})"
    case.up(THING, "thing = Thing('thing', 1)", alice)
    before = case.account()
    case.program(THING, "thing = Thing('thing', 2)", alice)
    case.server.forget_requests()
    case.stack.up("--skip-preview", "--target", THING_URN)
    assert case.server.writes() == {}
    case.up()
    assert case.server.writes() == {}
    assert case.account() == before


def test_a_program_that_ends_with_sys_exit_removes_what_it_drops(case: Case) -> None:
    case.stack.shortcuts = False  # forked processes skip what runs at exit
    end = "import sys; sys.exit(0)"
    case.up("Account('alice')", "Account('bob')", end)
    case.up("Account('alice')", end)
    assert live(case) == {("alice", "wa")}
    case.up(end)
    assert live(case) == set()


def test_hooks_of_the_program_run_once(case: Case) -> None:
    file = case.stack.workdir / "hooks"
    hook = (
        "def note(args):\n"
        f"    with open({str(file)!r}, 'a') as file: file.write(args.name)\n"
        "hook = pulumi.ResourceHook('note', note)\n"
        "hooks = pulumi.ResourceHookBinding(before_create=[hook])\n"
    )
    case.up(hook, "Account('alice', opts=pulumi.ResourceOptions(hooks=hooks))")
    assert file.read_text() == "alice"


def test_a_full_disk_is_told_in_a_line(case: Case) -> None:
    told = case.up(
        "import resource, signal",
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))",
        "Account('a')",
        fails=True,
    )
    assert "Make room in" in told
    assert "Traceback" not in told
    assert not case.server.accounts()
