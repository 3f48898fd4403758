"""The command with only the extra `[cli]` installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Runs the command as if a package is not installed.
WITHOUT = "import sys; sys.modules[{!r}] = None; from chatdaddy_pulumi.cli import main; main()"


def run(missing: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(missing), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "args", [["serve", "--port", "0"], ["up", "--yes"], ["outputs"], ["--help"], []], ids=str
)
@pytest.mark.parametrize("missing", ["chatdaddy_sandbox", "pulumi_standin"])
def test_sandbox_says_what_to_install(missing: str, args: list[str]) -> None:
    done = run(missing, "sandbox", *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"chatdaddy-pulumi: the package '{missing.replace('_', '-')}' is not installed; "
        'get it with: pip install "chatdaddy-pulumi[sandbox]"\n'
    )


def test_the_other_commands_work() -> None:
    done = run("chatdaddy_sandbox", "fleet", "schema")
    assert done.returncode == 0, done.stderr
    assert '"$schema"' in done.stdout


def test_without_typer_the_command_says_what_to_install() -> None:
    done = run("typer", "fleet", "schema")
    assert done.returncode == 2
    assert done.stderr == (
        "chatdaddy-pulumi: the package 'typer' is not installed; "
        'get it with: pip install "chatdaddy-pulumi[cli]"\n'
    )
