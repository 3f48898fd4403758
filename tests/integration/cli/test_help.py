"""`--help`, completion, and exit codes of the commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SCREENS
from tests.support.command import Command
from tests.support.screens import Screens

COMMANDS = {
    "": (),
    "accounts": ("accounts",),
    "login": ("login",),
    "doctor": ("doctor",),
    "fleet": ("fleet",),
    "fleet-check": ("fleet", "check"),
    "fleet-diff": ("fleet", "diff"),
    "fleet-export": ("fleet", "export"),
    "fleet-schema": ("fleet", "schema"),
}


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.mark.locked
@pytest.mark.parametrize("name", COMMANDS)
def test_help(bare: Command, name: str) -> None:
    bare.env["COLUMNS"] = "100"
    ran = bare.run(*COMMANDS[name], "--help")
    Screens(SCREENS).check(f"help-{name}".rstrip("-"), ran.screen)
    for line in ran.out.splitlines():
        if line.strip().startswith("chatdaddy-pulumi "):
            assert_is_a_command(bare, line.split("|")[0].split(">")[0].split("#")[0])


def assert_is_a_command(bare: Command, line: str) -> None:
    """The words of an example are a command, and its options exist."""
    words = line.strip().split()[1:]
    options = [word for word in words if word.startswith("-") and word != "-"]
    path = words[: 2 if words[0] in ("fleet", "sandbox") else 1]
    told = bare.run(*path, "--help").ok().out
    for option in options:
        assert f"{option} " in told or f"{option}," in told, line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(bare: Command, shell: str) -> None:
    bare.env["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    script = bare.run("--show-completion", shell).ok().out
    assert "_CHATDADDY_PULUMI_COMPLETE" in script


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("chatdaddy-pulumi ", "accounts doctor fleet login sandbox"),
        ("chatdaddy-pulumi fleet ", "check diff export schema"),
        ("chatdaddy-pulumi accounts --state ", "archived close connecting deleted open"),
        ("chatdaddy-pulumi fleet export --format ", "csv json yaml"),
    ],
)
def test_completions(bare: Command, words: str, offered: str) -> None:
    bare.env |= {
        "_CHATDADDY_PULUMI_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split())),
    }
    assert sorted(bare.run().out.split()) == offered.split()


def test_an_unknown_command(bare: Command) -> None:
    ran = bare.run("acounts")
    assert ran.exit_code == 2
    assert "No such command 'acounts'" in ran.err
    assert "Traceback" not in ran.err


def test_help_and_completion_import_little(bare: Command) -> None:
    """Neither Pulumi nor the API client is imported for help and completion."""
    code = (
        "import sys; from chatdaddy_pulumi.cli import app; "
        "print([name for name in ('pulumi', 'httpx', 'pydantic') if name in sys.modules])"
    )
    python = str(Path(bare.environment()["PATH"].split(":")[0]) / "python")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
