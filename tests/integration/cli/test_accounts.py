"""`chatdaddy-pulumi accounts`."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest

from tests.integration.cli.conftest import Team
from tests.support.command import ANSI, Command
from tests.support.screens import Screens

SCREENS = {
    "accounts": (),
    "accounts-all": ("--all",),
    "accounts-filtered": ("--state", "close", "--tier", "limited", "--type", "wa"),
    "accounts-gone": ("--state", "deleted", "--state", "archived"),
    "accounts-text": ("birch",),
    "accounts-none": ("no such account",),
    "accounts-json": ("acorn", "--json"),
    "accounts-csv": ("--csv", "--tier", "unlimited"),
    "accounts-both": ("--csv", "--json"),
}


@pytest.mark.parametrize("name", SCREENS)
def test_screens(command: Command, screens: Screens, name: str) -> None:
    screens.check(name, command.run("accounts", *SCREENS[name]).screen)


@pytest.mark.locked
def test_an_unknown_state_is_refused(command: Command, screens: Screens) -> None:
    screens.check("accounts-unknown-state", command.run("accounts", "--state", "closed").screen)


def test_json_and_csv_have_the_same_accounts(team: Team, command: Command) -> None:
    told = json.loads(command.run("accounts", "--all", "--json").ok().out)["accounts"]
    assert {one["id"] for one in told} == set(team.ids.values())
    rows = list(csv.DictReader(io.StringIO(command.run("accounts", "--all", "--csv").ok().out)))
    assert [row["id"] for row in rows] == [one["id"] for one in told]
    assert [row["number"] or None for row in rows] == [one["number"] for one in told]
    evil = next(one for one in told if one["id"] == team.ids["evil"])
    assert evil["nickname"] == "Evil\x1b[31m\u202eName", "JSON has the exact text"


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--csv",)])
def test_no_nickname_controls_the_terminal(command: Command, arguments: tuple[str, ...]) -> None:
    shown = command.run("accounts", *arguments).ok().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_only_terminals_get_colour_and_truncation(command: Command) -> None:
    with command.in_terminal("accounts", columns=80) as terminal:
        assert terminal.end() == 0
    assert "\x1b[32mopen" in terminal.raw
    assert r"Evil\x1b[31…" in terminal.text
    assert not ANSI.search(command.run("accounts").out)


def test_colour_can_be_disabled(command: Command) -> None:
    command.env["NO_COLOR"] = "1"
    with command.in_terminal("accounts") as terminal:
        assert terminal.end() == 0
    assert "\x1b[32m" not in terminal.raw


def test_a_closed_pipe_is_not_an_error(command: Command) -> None:
    process = command.start("accounts", "--all", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) in (0, 1)


def test_all_pages_of_a_large_team_are_read(own_team: Team, command: Command) -> None:
    for number in range(130):
        own_team.buy(str(number), f"Shop {number:03}", tier="limited")
    command.env["CHATDADDY_BASE_URL"] = own_team.sandbox.url
    ran = command.run("accounts").ok()
    assert ran.err == "130 accounts: 130 close\n"
    assert len(ran.out.splitlines()) == 131


def test_ctrl_c_while_it_waits(own_team: Team, command: Command) -> None:
    own_team.sandbox.fault("GET", "/im/accounts", "delay", delay_ms=30_000)
    command.env["CHATDADDY_BASE_URL"] = own_team.sandbox.url
    with command.in_terminal("accounts") as terminal:
        terminal.wait_for("reading the team's accounts")
        while "GET /im/accounts" not in own_team.sandbox.totals():
            time.sleep(0.05)
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.text
        assert "\x1b[?25h" in terminal.raw, "the cursor is shown again"


def test_a_failure_at_chatdaddy_is_a_one_line_error(own_team: Team, command: Command) -> None:
    own_team.sandbox.fault(
        "GET", "/im/accounts", "status", times=9, status=403, message="\x1b[1mNo"
    )
    command.env["CHATDADDY_BASE_URL"] = own_team.sandbox.url
    ran = command.run("accounts")
    assert ran.exit_code == 1
    assert ran.err.startswith("error: ")
    assert len(ran.err.splitlines()) == 1
    assert "\x1b" not in ran.err
