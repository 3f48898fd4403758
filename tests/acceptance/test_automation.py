"""Inline programs of the Automation API: one process runs previews and updates."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_programs import THING
from tests.support.engine import PULUMI, engine_env
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.stories,
    pytest.mark.real_engine,
    pytest.mark.skipif(PULUMI is None, reason="`pulumi` is not on PATH"),
]

_SCRIPT = """
import json
import pulumi
from pulumi import automation
from chatdaddy_pulumi import Account, AccountFleet

{things}

settings = {settings!r}

def stack(program):
    found = automation.create_or_select_stack("dev", project_name="inline", program=program)
    for key, value in settings.items():
        found.set_config(key, automation.ConfigValue(value, secret="Token" in key))
    return found

{steps}
"""


def run(server: Sandbox, folder: Path, steps: str, things: str = "") -> str:
    """Run a script that operates a stack with inline programs; return what it prints."""
    (folder / "backend").mkdir(exist_ok=True)
    settings = {
        "chatdaddy:teamId": TEAM_ID,
        "chatdaddy:baseUrl": server.url,
        "chatdaddy:refreshToken": REFRESH_TOKEN,
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(settings=settings, steps=steps, things=things)],
        cwd=folder,
        env={**engine_env(folder), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_programs_of_one_process_keep_what_they_hold(server: Sandbox, tmp_path: Path) -> None:
    """A preview and updates in one process; a rename without an alias; then all is removed."""
    steps = """
def first():
    pulumi.export("id", Account("alice").account_id)
    AccountFleet("customers", {"bob": {}, "carol": {}})

def renamed():
    pulumi.export("id", Account("alice-2", nickname="alice").account_id)
    AccountFleet("clients", {"bob": {}, "carol": {"tier": "unlimited"}})

found = stack(first)
found.preview()
before = found.up().outputs["id"].value
found = stack(renamed)
found.preview()
print(json.dumps([before, found.up().outputs["id"].value]))
"""
    before, after = json.loads(run(server, tmp_path, steps))
    assert before == after
    live = {one["nickname"] for one in server.accounts() if not one.get("deletedAt")}
    assert live == {"alice", "bob", "carol"}
    assert server.writes() == {"POST /im/accounts": 3, "PATCH /im/accounts/{id}": 1}
    run(server, tmp_path, "stack(lambda: None).destroy()")
    assert all(one.get("deletedAt") for one in server.accounts())


@pytest.mark.parametrize("refresh", [False, True])
def test_an_account_is_not_deleted_before_the_program_is_known(
    server: Sandbox, tmp_path: Path, refresh: bool
) -> None:
    """The engine deletes the account before it checks any resource of ours.

    After a refresh in the same run, the provider host runs already and answers at once.
    """
    steps = f"""
THING = "urn:pulumi:dev::inline::pulumi-python:dynamic:Resource::thing"

def program(value):
    def declare():
        thing = Thing("thing", value)
        opts = pulumi.ResourceOptions(replace_with=[thing], delete_before_replace=True)
        Account("alice", on_delete="delete_now", opts=opts)
    return declare

stack(program(1)).up()
try:
    stack(program(2)).up(refresh={refresh}, target=[THING])
except automation.CommandError as error:
    print(error)
"""
    text = run(server, tmp_path, steps, THING)
    assert server.writes() == {"POST /im/accounts": 1}, text


def test_a_component_of_an_inline_program_retains_accounts(server: Sandbox, tmp_path: Path) -> None:
    """It is made before the first resource of this package."""
    steps = """
class Customers(pulumi.ComponentResource):
    def __init__(self, entries, **opts):
        super().__init__("own:index:Customers", "customers", None, pulumi.ResourceOptions(**opts))
        inside = pulumi.ResourceOptions(parent=self)
        AccountFleet("customers", entries, on_delete="delete_now", opts=inside)

stack(lambda: Customers({"alice": {}, "bob": {}}, retain_on_delete=True)).up()
stack(lambda: Customers({"bob": {}}, retain_on_delete=True)).up()
try:
    stack(lambda: Customers({"bob": {}}, deleted_with=Account("other"))).preview()
except automation.CommandError as error:
    print(error)
"""
    text = run(server, tmp_path, steps)
    assert "with deleted_with, its own or that of a component" in text
    live = {one["nickname"] for one in server.accounts() if not one.get("deletedAt")}
    assert live == {"alice", "bob"}
    assert server.writes() == {"POST /im/accounts": 2}
