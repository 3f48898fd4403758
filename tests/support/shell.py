"""Runs the commands of a page without a person."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def paste(script: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a script, which must succeed, and return its stdout."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
