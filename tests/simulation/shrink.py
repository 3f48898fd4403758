"""Shrink a failing history to a few lines that a person can read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tests.simulation.api import CALM, calmer
from tests.simulation.history import EditStep, History, RunStep, Step
from tests.simulation.program import Block, Change

#: Plays the history and returns how it fails, or "".
Fails = Callable[[History], str]


def shrink(history: History, fails: Fails, *, most: int = 400) -> History:
    """Return a smaller history that fails in the same way.

    Args:
        history: A history that fails.
        fails: Plays a history, and returns how it fails. IDs and numbers may differ.
        most: The maximum number of histories that are played.
    """
    wanted = _kind(fails(history))
    left = most

    def still_fails(candidate: History) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and _kind(fails(candidate)) == wanted

    best = history
    while left > 0:
        before = best
        for smaller in (_fewer_steps, _simpler_steps, _plainer):
            best = smaller(best, still_fails)
        if best == before:
            break
    return best


def _kind(failure: str) -> str:
    """The kind of a failure: its message without IDs and numbers."""
    words = re.sub(r"acc[\w-]+|\b(dev|prod) \d+|'[^']*'|\b[a-z]*\d+(/\w+)?", "·", failure)
    return words[:130]


def _fewer_steps(history: History, still_fails: Callable[[History], bool]) -> History:
    """Remove chunks of steps, large ones first."""
    steps = list(history.steps)
    size = max(1, len(steps) // 2)
    while True:
        start = 0
        while start < len(steps):
            candidate = history.but(steps=tuple(steps[:start] + steps[start + size :]))
            if len(candidate.steps) < len(steps) and still_fails(candidate):
                steps = list(candidate.steps)
            else:
                start += size
        if size == 1:
            return history.but(steps=tuple(steps))
        size //= 2


def _simpler_steps(history: History, still_fails: Callable[[History], bool]) -> History:
    steps = list(history.steps)
    for number in range(len(steps)):
        again = True
        while again:
            again = False
            for simpler in _simpler(steps[number]):
                candidate = history.but(steps=(*steps[:number], simpler, *steps[number + 1 :]))
                if still_fails(candidate):
                    steps[number], again = simpler, True
                    break
    return history.but(steps=tuple(steps))


def _simpler(step: Step) -> Iterator[Step]:
    if isinstance(step, EditStep):
        for number, change in enumerate(step.changes):
            before, after = step.changes[:number], step.changes[number + 1 :]
            yield replace(step, changes=(*before, *after))
            for plainer in _plainer_changes(change):
                yield replace(step, changes=(*before, plainer, *after))
    elif isinstance(step, RunStep):
        yield from _calmer_runs(step)


def _calmer_runs(step: RunStep) -> Iterable[RunStep]:
    if step.stop is not None:
        yield replace(step, stop=None)
    if step.faults != CALM:
        yield replace(step, faults=CALM)
        for faults in calmer(step.faults):
            if faults != CALM:
                yield replace(step, faults=faults)
    usual = RunStep(step.stack, step.seed, step.operation)
    for name in ("refresh", "targets", "replaces", "continue_on_error"):
        if getattr(step, name) != getattr(usual, name):
            yield replace(step, **{name: getattr(usual, name)})
    if not step.skip_preview and step.operation != "preview":
        yield replace(step, skip_preview=True)


def _plainer_changes(change: Change) -> Iterator[Change]:
    """The same edit with fewer arguments in the block that it declares."""
    if change.what != "declare":
        return
    (block,) = change.args
    assert isinstance(block, Block)
    usual = Block(block.kind, block.name)
    if block.kind == "fleet":
        for key in block.entries:
            rest = {other: entry for other, entry in block.entries.items() if other != key}
            yield Change("declare", (replace(block, entries=rest),))
    for name, value in vars(block).items():
        if name != "entries" and value != getattr(usual, name):
            yield Change("declare", (replace(block, **{name: getattr(usual, name)}),))
    for key, entry in block.entries.items():
        for plainer in (
            replace(entry, nickname=None),
            replace(entry, on_delete=None),
            replace(entry, existing=None),
        ):
            if plainer != entry:
                entries = {**block.entries, key: plainer}
                yield Change("declare", (replace(block, entries=entries),))


def _plainer(history: History, still_fails: Callable[[History], bool]) -> History:
    for changes in ({"in_environment": False}, {"page": 100}, {"page_base": 0}):
        candidate = history.but(**changes)
        if candidate != history and still_fails(candidate):
            history = candidate
    return history
