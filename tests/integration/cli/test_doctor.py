"""`chatdaddy-pulumi doctor`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SCREENS, Team
from tests.support.command import Command, Ran
from tests.support.screens import Screens

pytestmark = pytest.mark.slow  # each test starts processes

ITEMS = ["limitedMsgNoHistoryAccountDay", "unlimitedMsgHistoryAccountDay"]


@pytest.fixture
def command(own_team: Team, tmp_path: Path) -> Command:
    """A team without problems."""
    billing(own_team, autoChargeItems=ITEMS)
    folder = tmp_path / "folder"
    folder.mkdir()
    found = Command.against(own_team.sandbox, folder)
    found.with_pulumi('[ "$1" = version ] && echo v3.260.0')
    return found


def billing(team: Team, **changes: object) -> None:
    team.sandbox.call("PATCH", "/payments/team-detail", json=changes).raise_for_status()


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str, Ran], None]:
    def compare(name: str, ran: Ran) -> None:
        shown = re.sub(r"(Python +|chatdaddy-pulumi  +|SDK +)[\d.]+", r"\1N", ran.screen)
        Screens(SCREENS, also={str(tmp_path): "DIR"}).check(name, shown)

    return compare


def verdicts(ran: Ran) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in json.loads(ran.out)["checks"]}


def test_no_problems(command: Command, check: Callable[[str, Ran], None]) -> None:
    check("doctor-right", command.run("doctor"))


def test_no_settings(command: Command, check: Callable[[str, Ran], None]) -> None:
    command.env = {"PATH": command.env["PATH"]}
    check("doctor-nothing-set", command.run("doctor"))


def test_a_token_that_is_refused(command: Command, check: Callable[[str, Ran], None]) -> None:
    command.env["CHATDADDY_REFRESH_TOKEN"] = "a-token-that-has-ended"
    check("doctor-refused", command.run("doctor"))


def test_a_locked_team_without_auto_charge(
    own_team: Team, command: Command, check: Callable[[str, Ran], None]
) -> None:
    billing(own_team, autoChargeItems=[], lockAccount=True)
    check("doctor-billing", command.run("doctor"))


def test_auto_charge_of_one_tier_is_enough(own_team: Team, command: Command) -> None:
    billing(own_team, autoChargeItems=ITEMS[:1])
    ran = command.run("doctor", "--json").ok()
    assert verdicts(ran)["auto-charge"] == "warning"


def test_a_read_only_token(
    own_team: Team, command: Command, check: Callable[[str, Ran], None]
) -> None:
    body = {"reason": "test", "scopes": ["ACCOUNT_READ"]}
    token = own_team.sandbox.call("POST", "/auth/api-token", json=body).json()["token"]
    del command.env["CHATDADDY_REFRESH_TOKEN"]
    ran = command.run("doctor", "--api-token-file", "-", input=token)
    check("doctor-scopes", ran)
    assert ran.exit_code == 1


def test_both_tokens(command: Command) -> None:
    command.env["CHATDADDY_API_TOKEN"] = "not-used"
    ran = command.run("doctor", "--json").ok()
    token = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "token")
    assert token["verdict"] == "warning"
    assert token["found"] == "refresh token (environment); an API token is set, too, and not used"


def test_another_team(command: Command) -> None:
    ran = command.run("doctor", "--team-id", "team-of-others", "--json")
    assert ran.exit_code == 1
    access = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "access")
    assert access["verdict"] == "wrong"
    assert access["remedy"].startswith("set the right team ID")


def test_an_unreachable_server(command: Command) -> None:
    ran = command.run("doctor", "--base-url", "http://127.0.0.1:9", "--json")
    assert ran.exit_code == 1
    access = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "access")
    assert access["verdict"] == "wrong"
    assert access["remedy"] == "check the network and the address"


def test_without_pulumi(command: Command) -> None:
    command.without_pulumi()
    ran = command.run("doctor", "--json")
    assert verdicts(ran)["engine"] == "warning", "the stand-in is installed"


def test_a_stack_that_cannot_be_read(command: Command, check: Callable[[str, Ran], None]) -> None:
    (command.folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (command.folder / "Pulumi.dev.yaml").write_text(
        "encryptionsalt: v1:AAAAAAAAAAA=:v1:x:y\n"
        "config:\n  chatdaddy:refreshToken:\n    secure: v1:AAAA:AAAA\n"
    )
    command.env["PULUMI_CONFIG_PASSPHRASE"] = "wrong"
    check("doctor-stack", command.run("doctor", "--stack", "dev"))


def test_it_changes_nothing(own_team: Team, command: Command) -> None:
    own_team.sandbox.forget_requests()
    command.run("doctor").ok()
    assert own_team.sandbox.writes() == {}
