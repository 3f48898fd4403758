"""The code blocks of READMEs and documentation run unchanged."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.command import warm_environment
from tests.support.engine import PASSPHRASE
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox
from tests.support.shell import paste

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

BUY, PATCH = "POST /im/accounts", "PATCH /im/accounts/{id}"
DELETE, ARCHIVE = "DELETE /im/accounts/{id}", "POST /im/accounts/{id}/archive"

#: The calls that the blocks of a page make.
PAGES: Mapping[str, Mapping[str, int]] = {
    "examples/account/README.md": {BUY: 4, PATCH: 1, DELETE: 3, ARCHIVE: 1},
    "examples/api_client/README.md": {BUY: 1, PATCH: 1, DELETE: 1},
    "examples/fleet-yaml/README.md": {BUY: 25, PATCH: 1, DELETE: 25},
    "examples/gitops/README.md": {BUY: 12},
    "docs/engine.md": {BUY: 1, DELETE: 1},
    "docs/sandbox.md": {},
    "packages/pulumi-standin/README.md": {},
}

#: Commands that need the Pulumi CLI, the real ChatDaddy or the internet, or that set up the
#: environment in which the tests run.
ELSEWHERE = r"make setup|pulumi |curl .*https:|uv pip compile|pip install|\. \.venv/bin/activate"


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str, sandbox: Sandbox) -> list[str]:
    """The commands to paste, with the test's server in place of the page's server."""
    told = {
        "http://127.0.0.1:8080": sandbox.url,
        "team-sandbox-000000000001": TEAM_ID,
        "sandbox-refresh-token": REFRESH_TOKEN,
    }
    text = "".join(blocks(page, "sh"))
    for there, here in told.items():
        text = text.replace(there, here)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        line
        for line in lines
        if not re.match(ELSEWHERE, line) and "sandbox serve" not in line and line[:1] != "#"
    ]


@pytest.mark.parametrize("page", PAGES)
def test_shell_runs_when_pasted(page: str, sandbox: Sandbox, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "Pulumi.dev.yaml")
    shutil.copytree(ROOT / "examples", clone / "examples", ignore=ignored)
    shutil.copy(ROOT / "Pulumi.yaml", clone)
    own = warm_environment(clone / ".venv") / "bin"
    (clone / "my-project").mkdir()
    (clone / "my-project" / "Pulumi.yaml").write_text("{name: mine, runtime: python}")
    (clone / "my-project" / "__main__.py").write_text("import pulumi\n\npulumi.export('x', 1)\n")
    script = [
        f"export PATH={own}:{Path(sys.executable).parent}:$PATH",
        f"export PULUMI_CONFIG_PASSPHRASE={PASSPHRASE}",
    ]
    for command in commands(page, sandbox):
        refused = "# refused" in command
        if "--diff" in command:  # the page says to edit the file here
            script.append(
                r"sed -i 's/^  birch-sons:/&\n    tier: unlimited/' examples/*/fleet.yaml"
            )
        script.append(f"if {command}\nthen exit 1; fi" if refused else f"{command} || exit 1")
    assert len(script) > 1
    paste("\n".join(script), clone)
    assert sandbox.writes() == PAGES[page]


#: What the Python blocks of a page expect the reader to define.
BEFORE = """
import asyncio
import random
import time

my_clock, my_sleep = time.time, asyncio.sleep
may_reach, may_load = (lambda *_: None), (lambda _: False)
"""

SCRIPTS = [
    (page, block)
    for page in (
        "docs/api-client.md",
        "packages/chatdaddy-sandbox/README.md",
        "packages/pulumi-standin/README.md",
    )
    for block in blocks(page, "python")
    if "until SIGTERM" not in block
]


@pytest.mark.parametrize(("page", "block"), SCRIPTS)
def test_python_runs_when_pasted(page: str, block: str, sandbox: Sandbox) -> None:
    here = f'REFRESH, urls=ServiceUrls.from_base("{sandbox.url}")'
    block = block.replace('"YOUR-TEAM"', f'"{TEAM_ID}"').replace('"YOUR-TOKEN"', here)
    before = (
        f'{BEFORE}from chatdaddy_pulumi.client import ServiceUrls\nREFRESH = "{REFRESH_TOKEN}"\n'
    )
    after = "\nasyncio.run(test_something())\n" if "test_something" in block else ""
    done = subprocess.run(
        [sys.executable, "-c", before + block + after],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_server_of_the_page_serves() -> None:
    (block,) = (
        one for one in blocks("packages/chatdaddy-sandbox/README.md", "python") if "SIGTERM" in one
    )
    server = subprocess.Popen(
        [sys.executable, "-c", block.replace("8080", "0")], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        assert "listening on" in server.stdout.readline()
        server.terminate()
        server.stdout.read()
    assert server.wait(timeout=20) == 0
