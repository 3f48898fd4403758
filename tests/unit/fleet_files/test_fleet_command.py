"""`chatdaddy-pulumi fleet`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chatdaddy_pulumi.cli.app import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fleet", *arguments])


def test_a_valid_file_is_summarised(tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("key,tier\na,\nb,unlimited\nc,limited_msg_no_chat_history\n")
    found = run("check", str(file))
    assert (found.exit_code, found.stdout) == (0, "3 accounts: 2 limited, 1 unlimited\n")


def test_every_problem_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("key,tier\n" + "".join(f"k{n},x\n" for n in range(30)))
    found = run("check", str(file))
    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert len(lines) == 30
    assert lines[0].startswith(f"{file}:2:4: k0: tier is 'x', but must be one of")


def test_a_misspelt_setting_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("a: {settings: {geolocation: x}}\n")
    found = run("check", str(file))
    assert (found.exit_code, found.stdout) == (0, "1 account: 1 limited\n")
    assert found.stderr == (
        "warning: a: the setting 'geolocation' is not known; did you mean 'geoLocation'?\n"
    )


@pytest.mark.parametrize("name", ["missing.csv", "fleet.txt"])
def test_an_unreadable_file_is_a_one_line_error(tmp_path: Path, name: str) -> None:
    found = run("check", str(tmp_path / name))
    assert found.exit_code == 1
    assert len(found.stdout.splitlines()) == 1
