"""Histories of ordinary life: fixed seeds, those that once failed, and that they replay exactly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.found import FOUND
from tests.simulation.history import generate
from tests.simulation.play import play

#: Seeds that a test plays: about 15 seconds' worth.
CHUNK = 75
FIRST = 20_000


#: Stories that break a rule today: each is to be mended, and then leaves this list.
OPEN = {}

_STORIES = [
    pytest.param(name, marks=pytest.mark.xfail(reason="an open fault", strict=True))
    if name in OPEN
    else name
    for name in FOUND
]


@pytest.mark.slow
@pytest.mark.open_fault
@pytest.mark.parametrize("chunk", range(4))
def test_ordinary_life_breaks_no_rule(chunk: int) -> None:
    first = FIRST + chunk * CHUNK
    for seed in range(first, first + CHUNK):
        played = play(generate(seed))
        told = f"python -m tests.simulation --seed {seed} --histories 1 --shrink"
        assert played.violation is None, "\n".join([*played.story, told])


@pytest.mark.parametrize("name", _STORIES)
def test_what_once_broke_a_rule_breaks_none(name: str) -> None:
    played = play(FOUND[name])
    assert played.violation is None, "\n".join(played.story)


def test_a_seed_replays_byte_for_byte() -> None:
    """In another process, where texts have other hashes."""
    code = (
        "from tests.simulation.history import generate\n"
        "from tests.simulation.play import play\n"
        "print(*(play(generate(seed)).digest for seed in range(8)))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
