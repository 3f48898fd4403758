"""The vendor's compiled client, installed once on a machine in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sandbox import Sandbox, running

VENDOR = Path(__file__).with_name("vendor")


@dataclass
class Vendor:
    """Runs the vendor's client on node, with its own sandbox."""

    modules: Path
    sandbox: Sandbox

    def node(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """`node …`. The client gets the sandbox's address from the environment."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "NODE_PATH": str(self.modules),
            "NO_PROXY": "127.0.0.1",
            "SANDBOX_URL": self.sandbox.url,
            "TEAM_ID": self.sandbox.team_id,
            "REFRESH_TOKEN": self.sandbox.refresh_token,
        }
        return subprocess.run(
            ["node", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=90,
            check=False,
        )


@pytest.fixture(scope="session")
def vendor_modules() -> Path:
    """The folder `node_modules`. Skip, with the reason, if it can't be installed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"the vendor's client needs {program}, which is not on PATH")
    lock = (VENDOR / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatdaddy-pulumi"
    ready = cache / f"vendor-client-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not ready.exists():
        _install(ready)
    return ready / "node_modules"


def _install(ready: Path) -> None:
    """Install in another folder and then move it, because another worker may do the same."""
    fresh = ready.with_name(f"{ready.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(VENDOR / name, fresh)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=fresh,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(fresh)
        reason = (done.stderr.strip().splitlines() or ["npm gave no reason"])[-1]
        pytest.skip(f"npm could not install the vendor's client: {reason}")
    try:
        fresh.rename(ready)
    except OSError:
        shutil.rmtree(fresh)


@pytest.fixture
def vendor(vendor_modules: Path) -> Iterator[Vendor]:
    """The client, and a sandbox that has what the guide's placeholders stand for."""
    team_id, refresh_token = "put-team-id", "put-your-refresh-token-here"
    with running("--team-id", team_id, "--refresh-token", refresh_token) as sandbox:
        sandbox.team_id, sandbox.refresh_token = team_id, refresh_token
        yield Vendor(vendor_modules, sandbox)
