"""What is installed is what the lock says, byte by byte, and from nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()

#: One locked package: its pin, its marker, and what follows it up to the next one.
_PINNED = re.compile(
    r"^(?P<name>[a-z0-9][\w.-]*)==(?P<version>\S+)(?P<rest>.*?)(?=^\S|\Z)", re.M | re.S
)


def test_every_package_is_pinned_with_hashes() -> None:
    pins = list(_PINNED.finditer(LOCK))
    assert len(pins) > 30
    for pin in pins:
        assert "--hash=sha256:" in pin["rest"], pin["name"]
    lines = [line for line in LOCK.splitlines() if line and line[0] not in "# "]
    assert len(lines) == len(pins)


def test_nothing_comes_from_an_address() -> None:
    assert not re.search(r"https?://|git\+|file:|--(extra-)?index-url|--find-links|^-e", LOCK)


def test_setup_installs_nothing_without_its_hash() -> None:
    assert "--require-hashes" in (ROOT / "scripts" / "setup.py").read_text()
