"""Wrong programs and their error messages. Each program has its message in a file beside it.

To add a program, or to accept a changed message, run this module with `UPDATE_MESSAGES=1` and
review the difference.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import Stack
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

PROGRAMS = sorted((Path(__file__).parent / "wrong_programs").glob("*.py"))

CLOSING = ("error: preview failed", "error: an unhandled error", "error: Resource monitor has")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_wrong_program_gets_a_message_with_a_remedy(
    program: Path, server: Sandbox, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: wrong\nruntime: python\n")
    shutil.copy(program, project / "__main__.py")
    stack = Stack(
        project,
        engine="stand-in",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        workdir=tmp_path,
    )
    server.forget_requests()
    run = stack.preview()
    assert run.exit_code == 1
    assert "Traceback" not in run.output
    assert set(server.totals()) <= {"POST /auth/token"}, "the intent checks the token"
    errors = [line.strip() for line in run.output.splitlines() if "error:" in line]
    # The engine adds its own lines to every failed preview.
    said = "".join(f"{line}\n" for line in errors if not line.startswith(CLOSING))
    said = re.sub(r" value \{.*\} has a problem", "", said)
    message = program.with_suffix(".txt")
    if os.environ.get("UPDATE_MESSAGES"):
        message.write_text(said)
    # The engine may show problems in any order.
    assert sorted(said.splitlines()) == sorted(message.read_text().splitlines())
