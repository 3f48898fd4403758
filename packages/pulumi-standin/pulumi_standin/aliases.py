"""Resources that have a new URN by an alias. The state then uses the new URN everywhere.

The rules are those of `Snapshot.NormalizeURNReferences` (pkg/resource/deploy/snapshot.go).
"""

from __future__ import annotations

from pulumi_standin import urns
from pulumi_standin.state import State


def normalize(resources: list[State]) -> list[State]:
    """`resources` with every reference to an old URN replaced, and without aliases."""
    if not any(state.aliases for state in resources):
        return resources
    renamed: dict[str, str] = {}
    for state in resources:
        renamed.update(dict.fromkeys(state.aliases, state.urn))
        parent = renamed.get(state.parent, "")
        if parent and urns.qualified_type(parent) != urns.ROOT_TYPE:
            renamed[state.urn] = _below(parent, state.urn)
    return [_with_new_names(state, renamed) for state in resources]


def _below(parent: str, urn: str) -> str:
    stack, project, _, name = urn.split("::", 3)
    return f"{stack}::{project}::{urns.qualified_type(parent)}${urns.type_of(urn)}::{name}"


def _with_new_names(old: State, renamed: dict[str, str]) -> State:
    def now(urn: str) -> str:
        return renamed.get(urn, urn)

    if not (old.aliases or old.urn in renamed or old.depends_on() & renamed.keys()):
        return old
    state = old.copy()
    state.aliases = []
    state.urn = now(old.urn)
    state.parent = now(old.parent)
    state.deleted_with = now(old.deleted_with)
    state.replace_with = [now(urn) for urn in old.replace_with]
    state.dependencies = [now(urn) for urn in old.dependencies]
    if old.provider:
        urn, identifier = urns.split_reference(old.provider)
        state.provider = f"{now(urn)}::{identifier}"
    named = {urn for found in old.property_dependencies.values() for urn in found}
    if named & renamed.keys():
        state.property_dependencies = {
            key: [now(urn) for urn in found]
            for key, found in old.property_dependencies.items()
            if found
        }
    return state
