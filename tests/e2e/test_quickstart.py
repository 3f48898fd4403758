"""The quickstart in the README runs on each engine of this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.command import warm_environment
from tests.support.engine import ENGINES, Stack
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

pytestmark = pytest.mark.slow  # each test starts processes

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_quickstart_buys_changes_and_removes_one_account(
    engine: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    project = tmp_path / "quickstart"
    program = project / "examples" / "quickstart"
    program.mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "quickstart" / "__main__.py", program)
    settings = (ROOT / "Pulumi.yaml").read_text()
    assert "main: examples/quickstart/" in settings
    # The real engine needs a real environment.
    own = sys.prefix if engine == "pulumi" else warm_environment(tmp_path / "venv")
    settings = settings.replace("virtualenv: .venv", f"virtualenv: {own}")
    (project / "Pulumi.yaml").write_text(settings)
    stack = Stack(
        project,
        engine=engine,
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        workdir=tmp_path,
    )
    shown = stack.up()
    assert shown.exit_code == 0, shown.output
    assert sandbox.writes() == {"POST /im/accounts": 1}
    assert stack.outputs()["alice"].startswith("acc")

    stack.set_config("chatdaddy-quickstart:tier", "unlimited")
    assert stack.up("--skip-preview").exit_code == 0
    assert sandbox.writes() == {"POST /im/accounts": 1, "PATCH /im/accounts/{id}": 1}

    assert stack.destroy().exit_code == 0
    assert sandbox.totals()["DELETE /im/accounts/{id}"] == 1
    assert REFRESH_TOKEN not in shown.output
