"""A history without what real processes can't be given at an exact moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from tests.simulation.api import CALM
from tests.simulation.history import (
    EditStep,
    GoBackStep,
    HandStep,
    History,
    RunStep,
    SettingStep,
    Step,
    WaitStep,
)

#: Commands after these are left out: they take most of the time.
MOST_COMMANDS = 7

#: How many commands show a preview first.
_PREVIEWED = 0.2


_KINDS: dict[type[Step], str] = {
    EditStep: "edits",
    GoBackStep: "edits",
    HandStep: "changes by hand",
    RunStep: "commands",
    SettingStep: "settings",
    WaitStep: "waits",
}


def calm(history: History, most: int = MOST_COMMANDS) -> tuple[History, Counter[str]]:
    """The history without faults and stops, on one machine. Also, how many steps are left out, and
    how many are changed, by kind.
    """
    random = Random(history.seed)
    changed: Counter[str] = Counter()
    steps: list[Step] = []
    commands = 0
    for step in history.steps:
        if commands == most:
            changed[f"{_KINDS[type(step)]} left out after the last command"] += 1
            continue
        if not isinstance(step, RunStep):
            steps.append(step)
            continue
        commands += 1
        changed["commands without their faults"] += step.faults != CALM
        changed["commands without their stop"] += step.stop is not None
        steps.append(
            replace(
                step,
                faults=CALM,
                stop=None,
                machine="",
                skip_preview=step.operation != "preview"
                and (step.skip_preview or random.random() >= _PREVIEWED),
            )
        )
    # Longer than a command takes, in real and in virtual time, or not at all.
    removal_s = random.choice((0.0, 1000.0))
    return history.but(steps=tuple(steps), removal_s=removal_s), +changed
