"""The output of a run: messages, progress, differences, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from parity import toys
from pulumi_standin import command

MARK = "the-mark-of-the-stack"


@pytest.mark.slow
def test_messages_progress_and_differences(tmp_path: Path) -> None:
    stack = toys("stand-in", tmp_path, "talk", secrets={"toys:mark": MARK})
    output = stack.up("--skip-preview").ok().output
    said = output.partition("Diagnostics:")[2]
    for line in (
        "printed with [secret]",
        "an information",
        "warning: a warning",
        "a remark from the provider",
        "pulumi-python:dynamic/toys:Toy (talker):\n    on a toy",
    ):
        assert line in said
    assert "1/2 done" in output
    assert "1/2 done" not in said
    changed = stack.preview("--diff", "-c", "toys:stage=2").ok().output
    for line in (
        "~ pulumi-python:dynamic/toys:Toy: (update)",
        '  - stale: "old"',
        '  + fresh: [1, "two"]',
        "      ~ changes: 1 => 2",
        "      ~ secret : [secret] => [secret]",
        "    ~ 1 to update",
    ):
        assert line in changed
    assert "__provider" not in changed
    assert "same" not in changed.partition("Resources:")[0]
    assert MARK not in output + changed
    assert "hush" not in output + changed + str(stack.state())


@pytest.mark.slow
def test_an_error_shows_no_secret_and_no_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    app = typer.Typer()
    command.add_to(app)
    folder = tmp_path / "a\x1b]0;owned\x07\u202eb"
    folder.mkdir()

    def error(*arguments: str) -> str:
        ran = CliRunner().invoke(app, ["preview", "--cwd", str(folder), *arguments])
        assert ran.exit_code == 1
        assert ran.output.rstrip("\n").isprintable()
        return ran.output

    assert "a\\x1b]0;owned" in error()
    (folder / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    assert "--secret: expected KEY=VALUE" in error("--secret", f"={MARK}")
    assert MARK not in error("--secret", f"={MARK}") + error("--config", MARK)
