"""Resources that are replaced or deleted because a resource that they depend on is.

The rules are those of `calculateDependentReplacements` and `findDependentCascadeReplacements` in
step_generator.go.
"""

from __future__ import annotations

from pulumi_standin import property_paths, urns
from pulumi_standin.provider import Diff, Provider
from pulumi_standin.run import Run
from pulumi_standin.state import State
from pulumi_standin.values import UNKNOWN


async def dependents_to_replace(run: Run, root: State, settled: set[str]) -> list[State]:
    """The resources that are replaced if `root` is, in order. URNs in `settled` are already
    planned.
    """
    replaced = {root.urn}
    found: list[State] = []
    for state in run.graph.depending_on(root, settled):
        if await _is_replaced(run, state, replaced):
            found.append(state)
            replaced.add(state.urn)
    known = set(found)
    return found + [
        state
        for state in run.olds.values()
        if state not in known and (root.urn in state.replace_with or state.deleted_with == root.urn)
    ]


async def _is_replaced(run: Run, state: State, replaced: set[str]) -> bool:
    """Whether `state` is replaced if those are, according to its `diff` with unknown inputs."""
    if not state.custom or state.external:
        return False
    if state.provider and urns.split_reference(state.provider)[0] in replaced:
        await run.ensure_provider(state.provider)
        return True
    if state.deleted_with in replaced:
        return True
    inputs = {
        key: UNKNOWN if replaced & set(state.property_dependencies.get(key, ())) else value
        for key, value in state.inputs.items()
    }
    if all(value is state.inputs[key] for key, value in inputs.items()):
        return False
    provider: Provider
    if state.is_provider:
        await run.registry.same(state, checked=False)
        provider = run.registry
    else:
        await run.ensure_provider(state.provider)
        provider = run.provider_of(state)
    diff = await provider.diff(state.urn, state, inputs, True, state.ignore_changes)
    return bool(with_replace_on_changes(diff, state.replace_on_changes))


def with_replace_on_changes(diff: Diff, replace_on_changes: list[str]) -> list[str]:
    """The keys that replace: the provider's, and those of the option."""
    if not diff.changes or not replace_on_changes:
        return diff.replaces
    wanted = [path for text in replace_on_changes if (path := property_paths.parse(text))]
    found = list(diff.replaces)
    for changed in [*(property_paths.parse(key) or [key] for key in diff.changed), *diff.paths]:
        key = str(changed[0])
        if key not in found and any(property_paths.contains(path, changed) for path in wanted):
            found.append(key)
    return found


def all_dependents(run: Run, roots: list[State]) -> set[str]:
    """The URNs of `roots`, of their children, and of all that depends on them."""
    found: set[str] = set()
    left = list(roots)
    while left:
        state = left.pop(0)
        if state.urn not in found:
            found.add(state.urn)
            left += run.graph.depending_on(state, found, children=True)
    return found
