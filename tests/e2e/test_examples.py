"""The examples run on the stand-in engine, as their READMEs say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import warm_environment
from tests.support.engine import Stack, copy_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.slow


def stack_of(example: str, server: Sandbox, folder: Path) -> Stack:
    return Stack(
        copy_project(EXAMPLES / example, folder / example),
        engine="stand-in",
        workdir=folder,
        env={
            "CHATDADDY_BASE_URL": server.url,
            "CHATDADDY_TEAM_ID": TEAM_ID,
            "CHATDADDY_REFRESH_TOKEN": REFRESH_TOKEN,
        },
    )


def test_account(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = stack_of("account", sandbox, tmp_path)
    assert stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"POST /im/accounts": 4}

    stack.up("--skip-preview", "-c", "plan=unlimited").ok()
    assert sandbox.writes()["PATCH /im/accounts/{id}"] == 1

    refused = stack.preview("-c", "plan=limited")
    assert refused.exit_code == 1
    assert "allow_history_loss" in refused.output

    stack.up("--skip-preview", "-c", "plan=limited", "-c", "allow_history_loss=true").ok()
    assert sandbox.writes()["PATCH /im/accounts/{id}"] == 2

    theirs = sandbox.call("POST", "/im/accounts", json={"type": "wa", "tier": LIMITED}).json()
    stack.up("--skip-preview", "-c", f"existing={theirs['accountId']}").ok()
    assert stack.outputs()["taken_over"] == theirs["accountId"]

    stack.destroy().ok()
    live = [a for a in sandbox.accounts() if not a.get("deletedAt") and not a.get("archiveState")]
    assert [a["accountId"] for a in live] == [theirs["accountId"]], "retained"


def test_fleet_yaml(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = stack_of("fleet-yaml", sandbox, tmp_path)
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"POST /im/accounts": 25}
    assert len(stack.outputs()["account_ids"]) == 25

    file = stack.project / "fleet.yaml"
    before = file.read_text()
    file.write_text(before.replace("nickname: Iris Optics", "tier: unlimited\n    nickname: Iris"))
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"POST /im/accounts": 25, "PATCH /im/accounts/{id}": 1}

    file.write_text(before[: len(before) // 2].rsplit("\n  ", 1)[0] + "\n")
    refused = stack.preview()
    assert refused.exit_code == 1
    assert "max_removals" in refused.output

    file.write_text(before.replace("tier:", "teir:", 1))
    wrong = stack.preview()
    assert wrong.exit_code == 1
    assert "did you mean 'tier'?" in wrong.output
    assert "Traceback" not in wrong.output

    stack.destroy().ok()
    assert [a for a in sandbox.accounts() if not a.get("deletedAt")] == []


def test_gitops(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = stack_of("gitops", sandbox, tmp_path)
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"POST /im/accounts": 12}

    file = stack.project / "fleet.csv"
    rows = file.read_text().splitlines()
    file.write_text("\n".join(rows[:-1]))
    protected = stack.preview()
    assert protected.exit_code == 1
    assert "protect" in protected.output

    stack.set_config("chatdaddy-gitops:maxRemovals", "2")
    file.write_text("\n".join(rows[:-3]))
    refused = stack.preview()
    assert refused.exit_code == 1
    assert "max_removals=2" in refused.output

    file.write_text("\n".join(rows[:-1]))
    stack.up("--skip-preview").ok()
    assert [a["nickname"] for a in sandbox.accounts() if a.get("archiveState")] == ["Lark Books"]


def test_testing(tmp_path: Path) -> None:
    """The example's own tests pass, run as its README says."""
    copy_project(EXAMPLES / "testing", tmp_path / "testing")
    own = warm_environment(tmp_path / ".venv") / "bin"
    path = os.pathsep.join([str(own), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "testing",
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


LIMITED = "limited_msg_no_chat_history"
