"""Histories end alike in the simulation and with real processes, and a difference is found.

`python -m tests.simulation.replay` plays more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.mutants import Mutant, mutated
from tests.simulation.replay.replay import replay
from tests.simulation.replay.seen import About, Pairs, Seen, Shown
from tests.simulation.replay.teams import Server
from tests.support.engine import ENGINES, Engine
from tests.support.warm import Clock

#: Seeds, and how many commands of each.
SAMPLE = {17: 3, 73: 4}

#: An update does not notice that a tier change loses chats.
LOSES_CHATS = Mutant(
    "lifecycle/tiers.py",
    "def loses_history(",
    "def loses_history(*_: object) -> bool:\n    return False\n\n\ndef _unused(",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", SAMPLE)
def test_a_history_ends_alike(seed: int, engine: Engine, server: Server) -> None:
    replayed = replay(seed, engine, server, most=SAMPLE[seed])
    assert replayed.difference == "", "\n".join(replayed.story)
    assert replayed.purchases


@pytest.mark.slow
def test_a_broken_core_is_a_difference(server: Server) -> None:
    with mutated(LOSES_CHATS) as package:
        replayed = replay(30, "stand-in", server, most=2, package=package)
    assert 'patch {"tier": "limited' in replayed.difference


ALICE = About(
    Shown("team", "alice", "wa", "limited", "live"), (("buy", "'alice', wa"),), ("dev alice",)
)
BOB = replace(ALICE, shown=replace(ALICE.shown, nickname="bob"), places=("dev bob",))


def test_ids_may_differ() -> None:
    pairs = Pairs()
    assert (
        pairs.differences(Seen(True, {"a": ALICE, "b": BOB}), Seen(True, {"1": BOB, "2": ALICE}))
        == []
    )
    assert pairs.other == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (replace(ALICE, shown=replace(ALICE.shown, tier="unlimited")), "unlimited"),
        (replace(ALICE, deeds=()), "done: nothing"),
        (replace(ALICE, deeds=2 * ALICE.deeds), "buy 'alice', wa; buy"),
        (replace(ALICE, places=("dev other",)), "held by dev other"),
    ],
)
def test_what_differs_is_told(other: About, says: str) -> None:
    for pairs in (Pairs(), Pairs({"a": "1"})):
        told = pairs.differences(Seen(True, {"a": ALICE}), Seen(True, {"1": other}))
        assert says in "\n".join(told)


def test_another_outcome_differs() -> None:
    (told,) = Pairs().differences(Seen(True, {}), Seen(False, {}))
    assert told == "it ends well in the simulation, badly with processes"


def test_accounts_that_change_places_differ() -> None:
    """Although their nicknames and types are the same."""
    pairs = Pairs({"a": "1", "b": "2"})
    here = Seen(True, {"a": ALICE, "b": replace(ALICE, places=("dev other",))})
    there = Seen(True, {"2": ALICE, "1": replace(ALICE, places=("dev other",))})
    assert len(pairs.differences(here, there)) == 2


def test_only_our_package_sees_the_clock_ahead() -> None:
    now = Clock(lambda: 1.0)
    now.ahead_s = 60.0
    code = compile("seen = now()", "", "exec")
    names = {"now": now, "__name__": "chatdaddy_pulumi.lifecycle.facts"}
    exec(code, names)
    assert (names["seen"], now()) == (61.0, 1.0)
