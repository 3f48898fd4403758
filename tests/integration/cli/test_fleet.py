"""`chatdaddy-pulumi fleet export` and `fleet diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.integration.cli.conftest import Team
from tests.support.command import Command
from tests.support.engine import Stack
from tests.support.sandbox import Sandbox, running
from tests.support.screens import Screens

pytestmark = pytest.mark.slow  # each test starts processes

FORMATS = ("yaml", "json", "csv")


@pytest.mark.parametrize("format", FORMATS)
def test_export_and_its_files(command: Command, screens: Screens, format: str) -> None:
    command.with_pulumi()
    ran = command.run("fleet", "export", "--output", "out", "--format", format)
    screens.check(f"export-{format}", ran.screen)
    folder = command.folder / "out"
    for name in (f"fleet.{format}", "__main__.py", "Pulumi.yaml"):
        screens.check(f"export-{format}.{name}", (folder / name).read_text())
    listed = {path.name for path in folder.iterdir()} - {"fleet.schema.json"}
    assert listed == {f"fleet.{format}", "__main__.py", "Pulumi.yaml"}


def test_export_without_pulumi_names_the_stand_in(team: Team, command: Command) -> None:
    command.without_pulumi()
    shown = command.run("fleet", "export", "--output", "out").err
    assert shown.endswith("next:\n  cd out\n  chatdaddy-pulumi sandbox up\n")


def test_an_exported_file_has_no_problems_and_no_differences(team: Team, command: Command) -> None:
    for format in FORMATS:
        command.run(*("fleet", "export", "-o", format, "--format", format, "--with-settings")).ok()
        file = f"{format}/fleet.{format}"
        assert command.run("fleet", "check", file).ok().out == (
            "5 accounts: 3 limited, 2 unlimited\n"
        )
        found = json.loads(command.run("fleet", "diff", file, "--json").out)
        assert len(found["same"]) == len(found["adopt"]) == 5
        assert not any(found[name] for name in ("buy", "bring_back", "change", "refused"))
        assert {one["id"] for one in found["extra"]} == {
            team.ids[name] for name in ("evil", "no-tier", "no-name")
        }


def test_it_changes_nothing(team: Team, command: Command) -> None:
    team.sandbox.forget_requests()
    command.run("fleet", "export", "-o", "out").ok()
    command.run("fleet", "diff", "out/fleet.yaml")
    assert team.sandbox.writes() == {}


def keys(folder: Path) -> dict[str, str]:
    """The keys by account ID."""
    accounts = yaml.safe_load((folder / "fleet.yaml").read_text())["accounts"]
    return {said["adopt"]: key for key, said in accounts.items()}


def test_filters_change_no_key(command: Command) -> None:
    command.run("fleet", "export", "-o", "all").ok()
    command.run("fleet", "export", "-o", "some", "birch", "--tier", "unlimited").ok()
    some = keys(command.folder / "some")
    assert len(some) == 1
    assert some.items() <= keys(command.folder / "all").items()


def test_existing_files_are_not_overwritten(command: Command, screens: Screens) -> None:
    command.run("fleet", "export", "-o", "out").ok()
    fleet, program = command.folder / "out" / "fleet.yaml", command.folder / "out" / "__main__.py"
    before = fleet.read_text()
    program.write_text("# mine\n")
    screens.check("export-again", command.run("fleet", "export", "-o", "out").screen)
    assert fleet.read_text() == before

    fleet.write_text(before.replace("  acorn-bakery:", "  my-own-key:"))
    command.run("fleet", "export", "-o", "out", "--overwrite").ok()
    assert "my-own-key" in keys(command.folder / "out").values(), "keys stay"
    assert program.read_text() == "# mine\n"
    ran = command.run("fleet", "export", "-o", "out", "--format", "csv", "--overwrite")
    assert ran.exit_code == 1
    assert "holds fleet.yaml already" in ran.err


def test_nothing_to_export(command: Command) -> None:
    ran = command.run("fleet", "export", "-o", "out", "--tier", "none")
    assert ran.exit_code == 1
    assert "none of 1 account can be exported" in ran.err
    assert not (command.folder / "out").exists()


def test_a_folder_that_cannot_be_written(command: Command) -> None:
    (command.folder / "file").touch()
    ran = command.run("fleet", "export", "-o", "file/deeper")
    assert ran.exit_code == 1
    assert "can't be written: Not a directory" in ran.err
    assert len([line for line in ran.err.splitlines() if line.startswith("error")]) == 1


def test_a_locked_team_is_reported(own_team: Team, command: Command) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    own_team.sandbox.call("PATCH", "/payments/team-detail", json={"lockAccount": True})
    command.env["CHATDADDY_BASE_URL"] = own_team.sandbox.url
    assert "The team is locked" in command.run("fleet", "export", "-o", "out").ok().err


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_keys_do_not_depend_on_the_order_of_the_list(
    command: Command, tmp_path: Path, order: str
) -> None:
    with running("--list-order", order, "--max-count", "3") as server:
        team = Team(server)
        for number in range(8):
            team.buy(str(number), "Alice" if number % 2 else "Böb", tier="limited")
        command.env["CHATDADDY_BASE_URL"] = server.url
        command.run("fleet", "export", "-o", order).ok()
        found = keys(tmp_path / order)
        assert found[team.ids["1"]] == "alice"
        assert found[team.ids["0"]] == "bob"
        for number in range(2, 8):
            own = team.ids[str(number)]
            assert found[own] == f"{'alice' if number % 2 else 'bob'}-{own[-4:]}"


FILE = """\
accounts:
  acorn:
    nickname: Acorn Bakery
    tier: limited
  birch:
    nickname: Birch & Sons
  zurich:
    nickname: Café Zürich 🎉
    tier: unlimited
    settings: {geoLocation: HK}
  new:
    nickname: New Shop
  back:
    nickname: Gone Shop
    adopt: GONE
  old:
    nickname: Old Shop
    adopt: OLD
  nobody:
    adopt: acc0000000000000000000000000
  insta:
    nickname: Insta
"""


def test_diff(team: Team, command: Command, screens: Screens) -> None:
    text = FILE.replace("GONE", team.ids["gone"]).replace("OLD", team.ids["old"])
    (command.folder / "fleet.yaml").write_text(text)
    screens.check("diff", command.run("fleet", "diff", "fleet.yaml").screen)
    screens.check("diff-json", command.run("fleet", "diff", "fleet.yaml", "--json").screen)


def test_diff_of_the_same(own_team: Team, command: Command, screens: Screens) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    command.env["CHATDADDY_BASE_URL"] = own_team.sandbox.url
    (command.folder / "fleet.csv").write_text("key,nickname\nacorn,Acorn Bakery\n")
    screens.check("diff-same", command.run("fleet", "diff", "fleet.csv").screen)


@pytest.mark.parametrize(
    ("file", "told"),
    [("missing.yaml", "can't be read"), ("fleet.xlsx", "is a spreadsheet"), ("bad.yaml", "teir")],
)
def test_diff_that_cannot_be_made_ends_with_2(command: Command, file: str, told: str) -> None:
    (command.folder / "bad.yaml").write_text("a:\n  teir: limited\n")
    (command.folder / "fleet.xlsx").touch()
    ran = command.run("fleet", "diff", file)
    assert ran.exit_code == 2
    assert told in ran.err
    assert ran.out == ""


def test_diff_without_an_answer_ends_with_2(command: Command) -> None:
    (command.folder / "fleet.yaml").write_text("a:\n")
    ran = command.run("fleet", "diff", "fleet.yaml", "--base-url", "http://127.0.0.1:9")
    assert ran.exit_code == 2
    assert ran.err.startswith("error: can't connect")


def test_diff_says_what_up_does(own_team: Team, command: Command, tmp_path: Path) -> None:
    """Without a state, the diff shows the purchases and changes that `up` makes."""
    sandbox: Sandbox = own_team.sandbox
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    own_team.buy("birch", "Birch", tier="limited")
    command.env["CHATDADDY_BASE_URL"] = sandbox.url
    command.run("fleet", "export", "-o", "project").ok()
    file = tmp_path / "project" / "fleet.yaml"
    text = file.read_text().replace("nickname: Birch", "nickname: Birch & Sons")
    file.write_text(f"{text}  new:\n    tier: unlimited\n")
    found = json.loads(command.run("fleet", "diff", str(file), "--json").out)
    assert [one["key"] for one in found["buy"]] == ["new"]
    assert [(one["key"], one["changes"]) for one in found["change"]] == [
        ("birch", {"nickname": ["Birch", "Birch & Sons"]})
    ]
    sandbox.forget_requests()
    env = {key: value for key, value in command.env.items() if key.startswith("CHATDADDY")}
    stack = Stack(file.parent, engine="stand-in", workdir=tmp_path / "work", env=env)
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"POST /im/accounts": 1, "PATCH /im/accounts/{id}": 1}
    assert command.run("fleet", "diff", str(file)).exit_code == 0
