"""The sources of team and token: flags, the stack in the folder, the environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Team
from tests.support.command import Command
from tests.support.engine import PASSPHRASE
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID

pytestmark = pytest.mark.slow  # each test starts processes

needs_pulumi = [
    pytest.mark.real_engine,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="`pulumi` is not on PATH"),
]


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """A command without settings in the environment."""
    return Command(tmp_path)


@pytest.fixture
def token_file(tmp_path: Path) -> Iterator[Path]:
    """A file that is removed after the test, because the suite ends with a search for secrets in
    files.
    """
    file = tmp_path / "token"
    file.write_text(f"{REFRESH_TOKEN}\n")
    yield file
    file.unlink()


def project(command: Command, team: Team, salt: str = "", secret: str = "") -> None:
    """A project with a stack `dev`, and its secret if there is one."""
    (command.folder / "Pulumi.yaml").write_text(
        f"name: p\nruntime: python\nconfig:\n  chatdaddy:baseUrl: {team.sandbox.url}\n"
    )
    (command.folder / "Pulumi.dev.yaml").write_text(
        f"encryptionsalt: '{salt}'\nconfig:\n  chatdaddy:teamId: {TEAM_ID}\n"
        + (f"  chatdaddy:refreshToken:\n    secure: '{secret}'\n" if secret else "")
    )


@pytest.fixture
def sealed() -> tuple[str, str]:
    """A salt and the token, encrypted like Pulumi encrypts them."""
    import base64
    import hashlib

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = os.urandom(8), os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), salt, 1_000_000, 32)
    body = AESGCM(key).encrypt(nonce, REFRESH_TOKEN.encode(), None)
    text = [base64.b64encode(part).decode() for part in (salt, nonce, body)]
    return f"v1:{text[0]}:v1:{text[1]}:", f"v1:{text[1]}:{text[2]}"


def test_the_first_missing_setting_is_named(bare: Command) -> None:
    ran = bare.run("accounts")
    assert ran.exit_code == 1
    assert ran.err.startswith("error: chatdaddy:teamId is not set")
    assert "--team-id" in ran.err
    bare.env["CHATDADDY_TEAM_ID"] = TEAM_ID
    told = bare.run("accounts").err
    assert told.startswith("error: chatdaddy:refreshToken is not set")
    assert "--refresh-token-file" in told


def test_flags_with_a_file(team: Team, bare: Command, token_file: Path) -> None:
    where = ("--team-id", TEAM_ID, "--base-url", team.sandbox.url)
    bare.run("accounts", *where, "--refresh-token-file", str(token_file)).ok()
    bare.run("accounts", *where, "--refresh-token-file", "-", input=f"{REFRESH_TOKEN}\n").ok()


def test_an_api_token_in_a_file(team: Team, bare: Command) -> None:
    body = {"reason": "test", "scopes": ["ACCOUNT_READ"]}
    token = team.sandbox.call("POST", "/auth/api-token", json=body).json()["token"]
    where = ("--team-id", TEAM_ID, "--base-url", team.sandbox.url)
    bare.run("accounts", *where, "--api-token-file", "-", input=token).ok()


def test_a_token_that_is_typed_is_not_shown(team: Team, bare: Command) -> None:
    arguments = ("accounts", "--team-id", TEAM_ID, "--base-url", team.sandbox.url, "--ask-token")
    with bare.in_terminal(*arguments) as terminal:
        terminal.wait_for("the refresh token: ")
        terminal.type(f"{REFRESH_TOKEN}\n")
        assert terminal.end() == 0
    assert "Acorn Bakery" in terminal.text
    assert REFRESH_TOKEN not in terminal.raw


def test_ctrl_c_at_the_prompt(bare: Command) -> None:
    with bare.in_terminal("accounts", "--team-id", TEAM_ID, "--ask-token") as terminal:
        terminal.wait_for("the refresh token: ")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--refresh-token-file", "missing"), 1, "missing can't be read: No such file"),
        (("--refresh-token-file", "empty"), 1, "empty is empty"),
        (("--refresh-token-file", "binary"), 1, "binary can't be read: it is not text"),
        (("--ask-token",), 2, "there is no terminal to ask"),
        (("--ask-token", "--refresh-token-file", "x"), 2, "give one of"),
        (("--stack", "dev"), 1, "there is no Pulumi.yaml"),
    ],
)
def test_an_unreadable_source_is_a_one_line_error(
    bare: Command, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (bare.folder / "empty").touch()
    (bare.folder / "binary").write_bytes(b"\xff\xfe\x00")
    ran = bare.run("accounts", "--team-id", TEAM_ID, *arguments)
    assert ran.exit_code == code
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_stack_s_file_and_passphrase(
    team: Team, bare: Command, sealed: tuple[str, str]
) -> None:
    project(bare, team, *sealed)
    bare.env["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    assert "Acorn Bakery" in bare.run("accounts").ok().out
    inside = bare.folder / "deeper"
    inside.mkdir()
    assert "Acorn Bakery" in bare.run("accounts", cwd=inside).ok().out
    assert "Acorn Bakery" in bare.run("accounts", "-C", "..", "-s", "dev", cwd=inside).ok().out

    # The stack has priority over the environment, and a flag over both.
    bare.env["CHATDADDY_TEAM_ID"] = "another-team"
    bare.run("accounts").ok()
    refused = bare.run("accounts", "--team-id", "another-team")
    assert "another-team" in refused.err


def test_a_wrong_or_missing_passphrase(team: Team, bare: Command, sealed: tuple[str, str]) -> None:
    project(bare, team, *sealed)
    bare.env["PULUMI_CONFIG_PASSPHRASE"] = "wrong"
    assert bare.run("accounts").err == (
        "error: incorrect passphrase: check PULUMI_CONFIG_PASSPHRASE\n"
    )
    del bare.env["PULUMI_CONFIG_PASSPHRASE"]
    told = bare.run("accounts").err
    assert "PULUMI_CONFIG_PASSPHRASE is not set" in told
    assert "--no-stack" in told


def test_settings_of_a_project_without_a_stack(team: Team, bare: Command) -> None:
    (bare.folder / "Pulumi.yaml").write_text(
        f"name: p\nruntime: python\nconfig:\n  chatdaddy:teamId: {TEAM_ID}\n"
        f"  chatdaddy:baseUrl:\n    value: {team.sandbox.url}\n"
    )
    bare.env["CHATDADDY_REFRESH_TOKEN"] = REFRESH_TOKEN
    bare.run("accounts").ok()
    assert bare.run("accounts", "--no-stack").exit_code == 1


def test_a_folder_or_stack_that_is_not_there_is_refused(team: Team, bare: Command) -> None:
    """The environment may be of another team."""
    project(bare, team)
    bare.env |= {"CHATDADDY_TEAM_ID": TEAM_ID, "CHATDADDY_REFRESH_TOKEN": REFRESH_TOKEN}
    bare.run("accounts", "--stack", "dev").ok()
    told = bare.run("accounts", "--stack", "prod").err
    assert told == f"error: the project {bare.folder} has no stack 'prod'\n"
    for command in (("accounts",), ("sandbox", "destroy", "--yes")):
        ran = bare.run(*command, "--cwd", "typo")
        assert ran.exit_code == 2
        assert "'typo' does not exist" in ran.err.replace("\n", " ")


def test_all_wrong_settings_are_told_at_once(bare: Command) -> None:
    bare.env["CHATDADDY_CONCURRENCY"] = "many"
    told = bare.run("accounts").err
    assert "chatdaddy:teamId is not set" in told
    assert "or give --team-id" in told
    assert "chatdaddy:refreshToken is not set" in told
    assert "chatdaddy:concurrency must be a whole number" in told


@pytest.mark.parametrize("broken", ["a: [", "- a\n"])
def test_a_broken_project_is_a_one_line_error(bare: Command, broken: str) -> None:
    (bare.folder / "Pulumi.yaml").write_text(broken)
    ran = bare.run("accounts")
    assert ran.exit_code == 1
    assert "Pulumi.yaml can't be read" in ran.err
    assert len(ran.err.splitlines()) == 1


class TestRealStack:
    pytestmark = needs_pulumi

    def test_pulumi_s_own_configuration(self, team: Team, bare: Command) -> None:
        import subprocess

        (bare.folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
        bare.env["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
        for arguments, given in (
            (("stack", "init", "prod"), ""),
            (("config", "set", "chatdaddy:teamId", TEAM_ID), ""),
            (("config", "set", "chatdaddy:baseUrl", team.sandbox.url), ""),
            (("config", "set", "--secret", "chatdaddy:refreshToken"), REFRESH_TOKEN),
        ):
            subprocess.run(
                ["pulumi", *arguments, "--non-interactive"],
                cwd=bare.folder,
                env=bare.environment(),
                input=given,
                capture_output=True,
                text=True,
                check=True,
            )
        assert "Acorn Bakery" in bare.run("accounts").ok().out
        # If the file is not enough, the command asks the CLI, for example for secrets of a service.
        file = bare.folder / "Pulumi.prod.yaml"
        file.write_text(f"environment:\n  imports: []\n{file.read_text()}")
        assert "prod" in bare.run("accounts", "--stack", "prod").screen
