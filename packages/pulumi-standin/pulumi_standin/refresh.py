"""Reading the saved resources before everything else. The rules are those of
`deploymentExecutor.refresh` and `rebuildBaseState`.
"""

from __future__ import annotations

from pulumi_standin.errors import Failed
from pulumi_standin.executor import Executor
from pulumi_standin.run import Run
from pulumi_standin.state import State
from pulumi_standin.steps import Refresh


async def refresh(run: Run, executor: Executor) -> None:
    """Read the resources of the run's targets, or all. Raises `Failed`."""
    steps: dict[State, Refresh] = {}
    for state in _targeted(run):
        await run.ensure_provider(state.provider)
        steps[state] = Refresh(state, None)
    for step in steps.values():
        await executor.submit([step])
    await executor.settle()
    _rebuild(run, steps)
    if run.failed:
        raise Failed


def _targeted(run: Run) -> list[State]:
    targets = run.options.targets.copy()
    found = []
    for state in run.base:
        if run.options.target_dependents and any(
            urn in targets for urn in state.depends_on(provider=False)
        ):
            targets.add(state.urn)
        if state.urn in targets:
            found.append(state)
    return found


def _rebuild(run: Run, steps: dict[State, Refresh]) -> None:
    """Continue with the result, without the resources that are gone."""
    there: set[str] = set()
    parents: dict[str, str] = {}
    kept = []
    for old in run.base:
        new = steps[old].new if old in steps else old
        if new is None:
            parents[old.urn] = old.parent
            continue
        there.add(new.urn)
        kept.append(_without_missing(new, there, parents))
    run.checkpoint.base = kept
    run.index()


def _without_missing(state: State, there: set[str], parents: dict[str, str]) -> State:
    """The state without references to resources that are gone. A child moves to its parent's
    parent.
    """
    state = state.copy()
    state.dependencies = [urn for urn in state.dependencies if urn in there]
    state.property_dependencies = {
        key: kept
        for key, found in state.property_dependencies.items()
        if (kept := [urn for urn in found if urn in there])
    }
    state.replace_with = [urn for urn in state.replace_with if urn in there]
    if state.deleted_with not in there:
        state.deleted_with = ""
    while state.parent and state.parent not in there:
        state.parent = parents.get(state.parent, "")
    return state
