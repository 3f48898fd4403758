"""`sandbox up` reads secrets from files and from a prompt, so that they need not be arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Team
from tests.support.command import Command
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID

KEY = "chatdaddy:refreshToken"


@pytest.fixture
def command(team: Team, tmp_path: Path) -> Command:
    (tmp_path / "Pulumi.yaml").write_text(
        "name: p\nruntime: python\nconfig:\n"
        f"  chatdaddy:baseUrl: {team.sandbox.url}\n  chatdaddy:teamId: {TEAM_ID}\n"
    )
    (tmp_path / "__main__.py").touch()
    return Command(tmp_path, {"PULUMI_CONFIG_PASSPHRASE": "x"})


@pytest.fixture
def token_file(tmp_path: Path) -> Iterator[Path]:
    """A file that is removed after the test, because the suite ends with a search for secrets in
    files.
    """
    file = tmp_path / "token"
    file.write_text(f"{REFRESH_TOKEN}\n")
    yield file
    file.unlink()


def assert_kept(command: Command) -> None:
    """The stack's file contains the encrypted token."""
    text = (command.folder / "Pulumi.dev.yaml").read_text()
    assert "secure: v1:" in text
    assert REFRESH_TOKEN not in text
    command.run("accounts", "--stack", "dev").ok()


def test_from_a_file(command: Command, token_file: Path) -> None:
    command.run("sandbox", "preview", "--secret-file", f"{KEY}={token_file}").ok()
    assert_kept(command)


def test_from_standard_input(command: Command) -> None:
    command.run(
        *("sandbox", "preview", "--secret-file", f"{KEY}=-"), input=f"{REFRESH_TOKEN}\n"
    ).ok()
    assert_kept(command)


def test_typed(command: Command) -> None:
    with command.in_terminal("sandbox", "preview", "--secret", KEY) as terminal:
        terminal.wait_for(f"{KEY}: ")
        terminal.type(f"{REFRESH_TOKEN}\n")
        assert terminal.end() == 0
        assert REFRESH_TOKEN not in terminal.raw
    assert_kept(command)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--secret", KEY), 2, "there is no terminal to ask"),
        (("--secret-file", KEY), 2, "expected KEY=FILE"),
        (("--secret-file", f"{KEY}=missing"), 1, "missing can't be read"),
    ],
)
def test_wrong(command: Command, arguments: tuple[str, ...], code: int, told: str) -> None:
    ran = command.run("sandbox", "preview", *arguments)
    assert ran.exit_code == code
    assert told in ran.err
