"""Whole-stack tests: the stand-in engine runs the program on an emulated ChatDaddy."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent


class Stack:
    """A copy of the project, and an emulated ChatDaddy."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.environment = {
            **os.environ,
            "CHATDADDY_BASE_URL": url,
            "CHATDADDY_TEAM_ID": "team-sandbox-000000000001",
            "CHATDADDY_REFRESH_TOKEN": "sandbox-refresh-token",  # the emulator's own; no secret
            "PULUMI_CONFIG_PASSPHRASE": "a-test",
        }

    def run(self, operation: str) -> subprocess.CompletedProcess[str]:
        yes = [] if operation == "preview" else ["--yes"]
        return subprocess.run(
            ["chatdaddy-pulumi", "sandbox", operation, *yes],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, old: str, new: str) -> None:
        file = self.folder / "customers.py"
        file.write_text(file.read_text().replace(old, new))

    @property
    def purchases(self) -> int:
        with urllib.request.urlopen(f"{self.url}/_sandbox/ledger") as answer:
            ledger: dict[str, Any] = json.load(answer)
        return int(ledger["purchases"])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("test_*", ".*", "__pycache__"))
    server = subprocess.Popen(
        ["chatdaddy-pulumi", "sandbox", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None
        yield Stack(folder, found[0])
    finally:
        server.terminate()
        server.wait()
        if server.stdout:
            server.stdout.close()


def test_a_customer_is_bought_once_and_a_cut_off_list_is_refused(stack: Stack) -> None:
    done = stack.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.purchases == 3

    again = stack.run("up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert stack.purchases == 3

    stack.edit(', "birch-sons": "basic", "cedar-dental": "basic"', "")
    refused = stack.run("preview")
    assert refused.returncode == 1
    assert "max_removals" in refused.stdout + refused.stderr
