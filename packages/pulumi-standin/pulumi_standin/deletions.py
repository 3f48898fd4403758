"""The deletions at the end of a run. The rules are those of `GenerateDeletes` in
step_generator.go.
"""

from __future__ import annotations

from pulumi_standin.dependents import all_dependents, dependents_to_replace
from pulumi_standin.errors import Failed
from pulumi_standin.planner import Planner
from pulumi_standin.run import Run
from pulumi_standin.state import State
from pulumi_standin.steps import Delete, RemovePendingReplace, Step, left_alone


async def plan_deletions(run: Run, planner: Planner) -> tuple[list[Step], list[list[Step]]]:
    """Steps for resources that stay unchanged, and for those that are deleted, in groups.

    A resource is deleted if it is pending deletion or was not registered, and if the run includes
    it.
    Raises `Failed`, after the error was shown.
    """
    allowed = await _may_be_deleted(run, planner)
    sames: list[Step] = []
    steps: dict[State, Step] = {}
    for state in run.base:
        if allowed is not None and state.urn not in allowed:
            if not planner.is_operated_on(state.urn):
                sames.append(left_alone(state))
            continue
        if state.delete:
            if state in planner.deleted_early:
                continue
            run.deleting.add(state.urn)
            steps[state] = Delete(state, None, replacing=True)
        elif not planner.is_operated_on(state.urn):
            run.deleting.add(state.urn)
            steps[state] = (
                RemovePendingReplace(state, None)
                if state.pending_replacement
                else Delete(state, None)
            )
        else:
            continue
        await run.ensure_provider(state.provider)
    _check_targets(run, steps)
    return sames, [[steps[state] for state in wave] for wave in run.graph.waves(list(steps))]


async def _may_be_deleted(run: Run, planner: Planner) -> set[str] | None:
    """The URNs of the targets and of what is deleted with them. None for everything."""
    if not run.options.targets:
        return None
    allowed: set[str] = set()
    roots = [state for state in run.base if run.options.targets.names(state.urn)]
    targets = all_dependents(run, roots)
    for state in run.base:
        if state.urn in targets:
            allowed.add(state.urn)
            found = await dependents_to_replace(run, state, planner.planned)
            allowed.update(dependent.urn for dependent in found)
    return allowed


def _check_targets(run: Run, steps: dict[State, Step]) -> None:
    """Refuse to delete a resource that depends on a target and is no target, unless that is
    allowed.
    """
    if run.options.target_dependents:
        return
    refused = [state.urn for state in steps if state.urn not in run.options.targets]
    for urn in refused:
        run.error(
            urn,
            f"Resource '{urn}' will be destroyed but was not specified in --target list.\n"
            "Either include resource in --target list or pass --target-dependents to proceed.",
        )
        run.fail_but_go_on()
    if refused and not run.dry_run:
        raise Failed
