"""The dependencies in a list of resources in dependency order.

The rules are those of pkg/resource/graph/dependency_graph.go.
"""

from __future__ import annotations

from collections.abc import Collection

from pulumi_standin.state import State


class Graph:
    """The dependencies in `resources`, which must be in order."""

    def __init__(self, resources: list[State]) -> None:
        self._resources = resources
        self._index = {state: index for index, state in enumerate(resources)}
        self._by_urn: dict[str, list[int]] = {}
        self._children: dict[str, list[int]] = {}
        for index, state in enumerate(resources):
            self._by_urn.setdefault(state.urn, []).append(index)
            if state.parent:
                self._children.setdefault(state.parent, []).append(index)

    def __contains__(self, state: State) -> bool:
        return state in self._index

    def depending_on(
        self, root: State, ignore: Collection[str], *, children: bool = False
    ) -> list[State]:
        """What depends on `root`, directly or not, in order. Children are included on request."""
        found: list[State] = []
        urns = {root.urn}
        for candidate in self._resources[self._index[root] + 1 :]:
            named = candidate.depends_on(parent=children)
            if candidate.urn not in ignore and named & urns:
                found.append(candidate)
                urns.add(candidate.urn)
        return found

    def dependencies_of(self, state: State) -> set[State]:
        """The direct dependencies of `state`. A component includes its children."""
        here = self._index[state]
        found: set[State] = set()
        for urn in state.depends_on():
            for index in self._by_urn.get(urn, ()):
                if index >= here:
                    continue
                candidate = self._resources[index]
                found.add(candidate)
                if not candidate.custom and urn != state.parent:
                    found.update(self._descendants(urn, here))
        return found

    def needed_by(self, state: State) -> set[State]:
        """All dependencies of `state`, direct or not."""
        found: set[State] = set()
        left = [state]
        while left:
            fresh = self.dependencies_of(left.pop()) - found
            found |= fresh
            left += fresh
        return found

    def _descendants(self, urn: str, before: int) -> set[State]:
        found: set[State] = set()
        for index in self._children.get(urn, ()):
            child = self._resources[index]
            if index < before:
                found.add(child)
            found |= self._descendants(child.urn, before)
        return found

    def waves(self, deleted: list[State]) -> list[list[State]]:
        """`deleted` in groups that can be deleted at once. Dependencies come last."""
        left = dict.fromkeys(deleted)
        needs = {state: self.dependencies_of(state) for state in deleted}
        waves: list[list[State]] = []
        while left:
            wave = [state for state in left if not (needs[state] & left.keys())]
            for state in wave:
                del left[state]
            waves.append(wave)
        waves.reverse()
        return waves
