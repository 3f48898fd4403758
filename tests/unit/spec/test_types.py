"""What programs import of the rules: it costs little, and an editor knows the words."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec import rules, types


@pytest.mark.parametrize(
    ("words", "kind", "short"),
    [
        (types.TierWord, Tier, ["limited", "unlimited"]),
        (types.TypeWord, AccountType, []),
        (types.LoginTypeWord, LoginType, []),
        (types.OnDeleteWord, OnDelete, []),
        (types.ExistingWord, Existing, []),
    ],
)
def test_the_words_are_those_of_the_rules(
    words: object, kind: type[Enum], short: list[str]
) -> None:
    assert [*get_args(words)] == [*short, *(member.value for member in kind)]


def test_the_names_are_those_of_the_rules() -> None:
    assert set(types.AccountSettings.__annotations__) == set(rules.SETTINGS)
    assert set(types.FleetDefaults.__annotations__) == set(rules.SHARED)
    assert set(types.AccountArgs.__annotations__) == set(rules.ENTRY)


def test_programs_import_nothing_heavy_for_it() -> None:
    code = (
        "import sys; from chatdaddy_pulumi.spec import "
        "UNKNOWN, account, files, identity, limits, nicknames, reading, types; "
        "assert not {'pydantic', 'httpx', 'pulumi', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PROGRAM = """\
import pulumi
from chatdaddy_pulumi import AccountArgs, FleetDefaults, Tier, load_fleet

late: pulumi.Output[str] = pulumi.Output.from_input("Alice")
many: pulumi.Output[dict[str, str]] = pulumi.Output.from_input({"geoLocation": "HK"})
fine: dict[str, AccountArgs | None] = {
    "a": None,
    "b": {"tier": "limited", "type": "wa", "aliases": ["old"], "assignees": [late, "u1"]},
    "c": {"nickname": late, "tier": Tier.LIMITED, "settings": {"notifyUsers": ["u1"]}},
    "d": {"settings": many},
    **load_fleet("fleet.yaml"),
}
usual: FleetDefaults = {"existing": "allow"}
wrong: list[AccountArgs] = [
    {"teir": "limited"},  # red
    {"tier": "limitd"},  # red
    {"settings": {"notifyUsers": True}},  # red
    {"settings": {"geoLocaton": "HK"}},  # red
]
odd: FleetDefaults = {"nickname": "a"}  # red
"""


@pytest.mark.slow
def test_a_type_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    found = [int(line.split(":")[1]) for line in done.stdout.splitlines() if "error:" in line]
    lines = enumerate(PROGRAM.splitlines(), 1)
    assert found == [number for number, line in lines if line.endswith("# red")], done.stdout
