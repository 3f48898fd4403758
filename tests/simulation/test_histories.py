"""Histories of ordinary life, from fixed seeds and from `found.py`. A seed replays exactly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.found import FOUND
from tests.simulation.history import generate
from tests.simulation.play import play

#: The seeds that one test plays, about 15 seconds of work.
CHUNK = 75
FIRST = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_ordinary_life_breaks_no_rule(chunk: int) -> None:
    first = FIRST + chunk * CHUNK
    for seed in range(first, first + CHUNK):
        played = play(generate(seed))
        told = f"python -m tests.simulation --seed {seed} --histories 1 --shrink"
        assert played.violation is None, "\n".join([*played.story, told])


@pytest.mark.parametrize("name", FOUND)
def test_a_found_history_breaks_no_rule(name: str) -> None:
    played = play(FOUND[name])
    assert played.violation is None, "\n".join(played.story)


@pytest.mark.slow
def test_a_seed_replays_byte_for_byte() -> None:
    """In another process, in which strings have other hashes."""
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
