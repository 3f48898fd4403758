"""Fleets with unusual keys and values: they work, or are refused with clear errors."""

from __future__ import annotations

import json
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest

from tests.support.engine import Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

pytestmark = pytest.mark.slow

#: Keys that are unusual but harmless.
ODD = [
    "proto__",
    "constructor",
    "../../etc/passwd",
    "a.b[0]",
    '"quoted"',
    "$ref",
    "%2e%2e%2f",
    "{{template}}",
    "O'Brien; DROP TABLE accounts",
    "名前 🎉",
    "k" * 128,
]

#: Invalid entries, each with what the error must name.
WRONG: dict[str, Any] = {
    "number": 5,
    "text": "alice",
    "list": [],
    "tier": {"tier": "platinum"},
    "type": {"type": {"a": 1}},
    "nickname": {"nickname": 17},
    "unknown": {"nikname": "alice"},
    "settings": {"settings": "all"},
    "on_delete": {"on_delete": "explode"},
    "adopt": {"adopt": "../../auth/token"},
    "__proto__": {},
    "__provider": {},
}


def stack_of(sandbox: Sandbox, folder: Path, accounts: dict[str, Any]) -> Stack:
    program = (
        "import pulumi\nimport chatdaddy_pulumi as chatdaddy\n"
        f"fleet = chatdaddy.AccountFleet('f', {pformat(accounts)})\n"
        "pulumi.export('accounts', fleet.accounts)\n"
    )
    return Stack(
        write_project(folder / "project", program),
        engine="stand-in",
        workdir=folder / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
    )


def test_unusual_keys_work(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = stack_of(sandbox, tmp_path, {key: {} for key in ODD})
    stack.up("--skip-preview").ok()
    bought = stack.outputs()["accounts"]
    assert set(bought) == set(ODD)
    nicknames = {account["accountId"]: account["nickname"] for account in sandbox.accounts()}
    assert {entry["account_id"]: key for key, entry in bought.items()} == nicknames
    assert sandbox.ledger()["purchases"] == len(ODD)
    sandbox.forget_requests()
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {}


def test_invalid_entries_are_named_and_nothing_is_bought(sandbox: Sandbox, tmp_path: Path) -> None:
    run = stack_of(sandbox, tmp_path, {**WRONG, "fine": {}}).up("--skip-preview")
    assert run.exit_code == 1
    assert "Traceback" not in run.output
    for key in WRONG:
        assert key in run.output, json.dumps(key)
    assert sandbox.writes() == {}
    assert sandbox.ledger()["purchases"] == 0
