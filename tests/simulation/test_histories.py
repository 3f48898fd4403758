"""Histories of ordinary life, from fixed seeds and from `found.py`. A seed replays exactly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.api import CALM, Faults
from tests.simulation.found import FOUND
from tests.simulation.history import (
    OTHER_TEAM,
    TEAM,
    TOKEN,
    EditStep,
    RunStep,
    SettingStep,
    Step,
    Stop,
    WaitStep,
    generate,
)
from tests.simulation.play import play
from tests.simulation.program import Block, Change, Entry, ProviderBlock

#: The seeds that one test plays. Together, the tests play about a minute.
CHUNK = 25
FIRST = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_ordinary_life_breaks_no_rule(chunk: int) -> None:
    first = FIRST + chunk * CHUNK
    for seed in range(first, first + CHUNK):
        played = play(generate(seed))
        told = f"python -m tests.simulation --seed {seed} --histories 1 --shrink"
        assert played.violation is None, "\n".join([*played.story, told])


#: It buys 650 accounts, which takes ten seconds.
LONG = "killed 25 minutes after the begun mark, then another machine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.stories] if one == LONG else []) for one in FOUND],
)
def test_a_found_history_breaks_no_rule(name: str) -> None:
    played = play(FOUND[name])
    assert played.violation is None, "\n".join(played.story)


@pytest.mark.parametrize("kind", ["fleet", "account", "provider"])
@pytest.mark.parametrize("end", ["killed", "no answer"])
def test_another_team_buys_nothing_while_a_purchase_is_open(kind: str, end: str) -> None:
    """The stack holds nothing, so only the intent knows its team. The person expects nothing
    there.
    """
    slow = Faults(slow=1.0, slow_s=400.0)
    stop = Stop("kill", 1, 0.05, "POST /im/accounts") if end == "killed" else None

    def up(stop: Stop | None = None, faults: Faults = CALM) -> RunStep:
        return RunStep("dev", 7, "up", skip_preview=True, faults=faults, stop=stop)

    def provider(team: str) -> Change:
        return Change("provider", (ProviderBlock("us", team, TOKEN),))

    block = Block("account", "one", {"": Entry(1)})
    if kind != "account":
        block = Block("fleet", "one", {"k0": Entry(1)}, provider="us" if kind == "provider" else "")
    change: Step = SettingStep("dev", team=OTHER_TEAM)
    if kind == "provider":
        change = EditStep("dev", (provider(OTHER_TEAM),))
    played = play(
        generate(1).but(
            steps=(
                EditStep("dev", (provider(TEAM), Change("declare", (block,)))),
                up(stop, slow),
                change,
                up(),
                WaitStep(4000.0),
                up(),
            )
        )
    )
    assert played.violation is None, "\n".join(played.story)
    assert played.purchases == 1, "\n".join(played.story)


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
