"""From what the program registers to the steps that get there.

The rules are those of pkg/resource/deploy/step_generator.go; the names follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_standin import paths, urns
from pulumi_standin.errors import Failed
from pulumi_standin.goal import Goal
from pulumi_standin.providers import (
    Diff,
    DiffUnavailable,
    Failure,
    Provider,
    ProviderError,
)
from pulumi_standin.state import State
from pulumi_standin.steps import (
    Create,
    Delete,
    Registration,
    RemovePendingReplace,
    Replace,
    Same,
    Step,
    Update,
)
from pulumi_standin.values import (
    UNKNOWN,
    Props,
    contains_unknowns,
    deep_equals,
    unwrap,
)

if TYPE_CHECKING:
    from pulumi_standin.deployment import Deployment


class Planner:
    """Works out the steps of one run; one registration at a time."""

    def __init__(self, run: Deployment) -> None:
        self.run = run
        self.urns: set[str] = set()
        self.replaced: set[str] = set()
        self.created: set[str] = set()
        # Updated, replaced or left as it was: what is not among these at the end is deleted.
        self.operated: set[str] = set()
        self.deleted_early: set[State] = set()
        # An old name that a resource now goes by another URN, and the other way round.
        self.aliased: dict[str, str] = {}
        self.aliases: dict[str, str] = {}

    async def plan(self, goal: Goal, registration: Registration) -> list[Step]:
        """The steps for one registration; raises `Failed` (shown already) or `ProviderError`."""
        run = self.run
        if goal.parent and goal.parent not in self.urns:
            raise ProviderError(f"could not find parent resource {goal.parent}")
        urn = urns.make(run.stack, run.project, goal.parent, goal.type, goal.name)
        if urn in self.urns:
            run.error(urn, f"Duplicate resource URN '{urn}'; try giving it a unique name")
            raise Failed
        self.urns.add(urn)
        old, invalid = self._find_old(urn, goal)
        new = _wanted(urn, goal, old)
        if old is not None and old.urn != urn:
            new.aliases = [old.urn]
        if new.is_provider:
            run.new_providers[urn] = new
        provider = self._provider(goal, new)
        recreating = urn in run.deleting
        fresh = recreating or old is None or old.external or old.taint
        if old is not None:
            new.inputs = self._ignore_changes(urn, goal, old)
        if goal.import_id:
            run.error(urn, "the stand-in engine imports nothing; use `pulumi up`")
            raise Failed
        if provider is not None:
            news = goal.properties if fresh else new.inputs
            olds = None if fresh or old is None else old.inputs
            new.inputs, failures = await provider.check(urn, olds, news, run.dry_run)
            invalid = self._report(new, failures) or invalid
        if invalid:
            raise Failed
        if recreating:
            assert old is not None
            return self._recreate(old, new, registration)
        if old is None:
            self.created.add(urn)
            return [Create(None, new, registration)]
        if old.external:
            self.created.add(urn)
            return [
                Create(old, new, registration, replacing=True, pending_delete=True),
                Replace(old, new),
            ]
        return await self._change(goal, old, new, provider, registration)

    # --- finding what was there

    def _find_old(self, urn: str, goal: Goal) -> tuple[State | None, bool]:
        run = self.run
        invalid = False
        if urn in self.aliased:
            run.error(
                urn,
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN "
                f"'{self.aliased[urn]}'",
            )
            invalid = True
        for name in (urn, *self._alias_urns(goal)):
            old = run.olds.get(name)
            if old is None:
                continue
            if name != urn:
                claimed = urn if name in self.urns else self.aliased.get(name)
                if claimed:
                    run.error(
                        urn,
                        f"Duplicate resource alias '{name}' applied to resource with URN '{urn}' "
                        f"conflicting with resource with URN '{claimed}'",
                    )
                    invalid = True
                self.aliased[name] = urn
                self.aliases[urn] = name
                run.registry.alias(urn, name)
            return old, invalid
        return None, invalid

    def _alias_urns(self, goal: Goal) -> list[str]:
        own = [self._alias_urn(alias, goal) for alias in goal.aliases]
        found = dict.fromkeys(own)
        if parent_alias := self.aliases.get(goal.parent):
            parent_name = urns.name_of(goal.parent)
            for kind, name in [
                (goal.type, goal.name),
                *((urns.type_of(urn), urns.name_of(urn)) for urn in own),
            ]:
                if name.startswith(parent_name):
                    name = urns.name_of(parent_alias) + name[len(parent_name) :]
                found[urns.make(self.run.stack, self.run.project, parent_alias, kind, name)] = None
        return list(found)

    def _alias_urn(self, alias: Any, goal: Goal) -> str:
        if isinstance(alias, str):
            return alias
        if alias.WhichOneof("alias") == "urn":
            return str(alias.urn)
        spec = alias.spec
        parent = spec.parentUrn if spec.WhichOneof("parent") == "parentUrn" else ""
        parent = self.aliases.get(parent, parent) if parent else goal.parent
        if spec.WhichOneof("parent") == "noParent" and spec.noParent:
            parent = ""
        return urns.make(
            spec.stack or self.run.stack,
            spec.project or self.run.project,
            parent,
            spec.type or goal.type,
            spec.name or goal.name,
        )

    def _provider(self, goal: Goal, new: State) -> Provider | None:
        if not goal.custom:
            return None
        if new.is_provider:
            return self.run.registry
        provider = self.run.registry.get(goal.provider)
        if provider is None:
            self.run.error(new.urn, f"unknown provider '{goal.provider}' for resource '{new.urn}'")
            raise Failed
        return provider

    def _ignore_changes(self, urn: str, goal: Goal, old: State) -> Props:
        news: Any = goal.properties
        lost = []
        for text in goal.ignore_changes:
            path = paths.parse(text)
            if path is not None:
                news, ok = paths.reset(path, old.inputs, news)
                if not ok:
                    lost.append(text)
        if lost:
            joined = ", ".join(lost)
            self.run.info(
                urn,
                f'cannot ignore changes in added or removed elements of the path: "{joined}"',
            )
        props: Props = news
        return props

    def _report(self, new: State, failures: list[Failure]) -> bool:
        for failure in failures:
            what = f"{new.type} resource '{new.name}'"
            if failure.property:
                shown = self.run.shown(new.inputs.get(failure.property))
                self.run.error(
                    new.urn,
                    f"{what}: property {failure.property} value {shown} has a problem: "
                    f"{failure.reason}",
                )
            else:
                self.run.error(new.urn, f"{what} has a problem: {failure.reason}")
        return bool(failures)

    # --- what to do about it

    def _recreate(self, old: State, new: State, registration: Registration) -> list[Step]:
        self.run.deleting.discard(new.urn)
        self.replaced.add(new.urn)
        self.operated.add(new.urn)
        return [Replace(old, new), Create(old, new, registration, replacing=True)]

    async def _change(
        self,
        goal: Goal,
        old: State,
        new: State,
        provider: Provider | None,
        registration: Registration,
    ) -> list[Step]:
        run, urn = self.run, new.urn
        triggered = self._triggered(old, new)
        try:
            diff = Diff(True) if triggered else await self._diff(goal, old, new, provider)
        except DiffUnavailable as error:
            diff = Diff(True)
            run.warn(urn, str(error))
        diff.replaces = self._replace_on_changes(goal, diff)
        if (diff.changes or old.pending_replacement) and (
            diff.replaces or triggered or old.pending_replacement
        ):
            return await self._replace(goal, old, new, provider, diff, registration)
        self.operated.add(urn)
        if diff.changes or old.init_errors:
            return [Update(old, new, registration, diff)]
        return [Same(old, new, registration)]

    def _triggered(self, old: State, new: State) -> bool:
        before, after = unwrap(old.replacement_trigger), unwrap(new.replacement_trigger)
        if contains_unknowns(after) and not self.run.dry_run:
            self.run.error(new.urn, f"replacement trigger contains unknowns for {new.urn}")
            raise Failed
        if contains_unknowns(before) or contains_unknowns(after):
            return True
        return before is not None and after is not None and not deep_equals(before, after)

    async def _diff(self, goal: Goal, old: State, new: State, provider: Provider | None) -> Diff:
        if old.taint:
            return Diff(True, ["id"])
        if any(urn in self.replaced for urn in new.replace_with):
            return Diff(True, ["replaceWith"])
        if new.deleted_with in self.replaced:
            return Diff(True, ["deletedWith"])
        if self._provider_changed(old, new):
            return Diff(True, ["provider"])
        if provider is None:
            return Diff(not deep_equals(old.inputs, new.inputs))
        return await self.run.diff_resource(provider, old, new.inputs, list(goal.ignore_changes))

    def _provider_changed(self, old: State, new: State) -> bool:
        # A provider that changed is no reason to replace what it made: the hosts ask for none.
        return old.provider != new.provider and not (old.provider and new.provider)

    def _replace_on_changes(self, goal: Goal, diff: Diff) -> list[str]:
        if not diff.changes or not goal.replace_on_changes:
            return diff.replaces
        wanted = [path for text in goal.replace_on_changes if (path := paths.parse(text))]
        changed = [key for key in diff.changed if key not in diff.replaces]
        return diff.replaces + [
            key
            for key in changed
            if any(paths.contains(path, paths.parse(key) or [key]) for path in wanted)
        ]

    async def _replace(
        self,
        goal: Goal,
        old: State,
        new: State,
        provider: Provider | None,
        diff: Diff,
        registration: Registration,
    ) -> list[Step]:
        run, urn = self.run, new.urn
        if new.protect and old.protect:
            run.error(
                urn,
                f'unable to replace resource "{urn}"\nas it is currently marked for protection. '
                "To unprotect the resource, remove the `protect` flag from the resource in your "
                "Pulumi program and run `pulumi up`",
            )
            run.failed = run.step_failed = True
            if not run.dry_run:
                raise Failed
        self.replaced.add(urn)
        self.operated.add(urn)
        if provider is not None and not old.taint:
            # What was carried over from the old one is worked out afresh for the new one.
            new.inputs, failures = await provider.check(urn, None, goal.properties, run.dry_run)
            if self._report(new, failures):
                raise Failed
        first = diff.delete_before_replace
        if goal.delete_before_replace is not None:
            first = goal.delete_before_replace
        if not first:
            return [
                Create(old, new, registration, diff, replacing=True, pending_delete=True),
                Replace(old, new, None, diff),
            ]
        steps = await self._delete_dependents(old, urn)
        await run.ensure_provider(old.provider)
        if not old.pending_replacement:
            run.deleting.add(old.urn)
            steps.append(Delete(old, None, replacing=True, pending_replacement=True))
        return [
            *steps,
            Replace(old, new, None, diff),
            Create(old, new, registration, diff, replacing=True),
        ]

    async def _delete_dependents(self, root: State, urn: str) -> list[Step]:
        """Delete first what would be replaced because of `root`, the last to come first."""
        steps: list[Step] = []
        condemned = await self._dependents_to_replace(root)
        known = {*condemned}
        condemned += [
            state
            for state in self.run.olds.values()
            if state not in known and (urn in state.replace_with or state.deleted_with == urn)
        ]
        for state in reversed(condemned):
            if state in self.deleted_early:
                continue
            if state.protect and not state.delete:
                self.run.error(
                    urn,
                    f'unable to replace resource "{state.urn}" as part of replacing "{urn}" as it '
                    "is currently marked for protection. To unprotect the resource, remove the "
                    "`protect` flag from the resource in your Pulumi program and run `pulumi up`, "
                    f"or use the command:\n`pulumi state unprotect '{state.urn}'`",
                )
                self.run.failed = self.run.step_failed = True
                raise Failed
            steps.append(
                Delete(state, None)
                if state.delete
                else Delete(state, None, replacing=True, pending_replacement=True)
            )
            self.run.deleting.add(state.urn)
            self.deleted_early.add(state)
        return steps

    async def _dependents_to_replace(self, root: State) -> list[State]:
        run = self.run
        settled = self.operated | self.created | run.deleting
        replaced = {root.urn}
        found: list[State] = []
        for state in run.graph.depending_on(root, settled):
            if await self._must_follow(state, replaced):
                found.append(state)
                replaced.add(state.urn)
        return found

    async def _must_follow(self, state: State, replaced: set[str]) -> bool:
        """Whether `state` is replaced when those are: its `diff` is asked with unknowns."""
        run = self.run
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
        return bool(diff.replaces)

    # --- at the end

    async def deletions(self) -> list[list[Step]]:
        """Everything that is marked for deletion or was not registered, in waves."""
        run = self.run
        steps: dict[State, Step] = {}
        for state in run.base:
            if state.delete:
                if state in self.deleted_early:
                    continue
                run.deleting.add(state.urn)
                steps[state] = Delete(state, None, replacing=True)
            elif self.aliased.get(state.urn, state.urn) not in self.operated:
                run.deleting.add(state.urn)
                steps[state] = (
                    RemovePendingReplace(state, None)
                    if state.pending_replacement
                    else Delete(state, None)
                )
            else:
                continue
            await run.ensure_provider(state.provider)
        return [[steps[state] for state in wave] for wave in run.graph.waves(list(steps))]


def _wanted(urn: str, goal: Goal, old: State | None) -> State:
    return State(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        inputs=goal.properties,
        parent=goal.parent,
        protect=bool(goal.protect),
        dependencies=list(goal.dependencies),
        provider=goal.provider,
        property_dependencies=goal.property_dependencies or {},
        additional_secret_outputs=list(goal.additional_secret_outputs),
        custom_timeouts=goal.custom_timeouts or {},
        retain_on_delete=bool(goal.retain_on_delete),
        deleted_with=goal.deleted_with,
        replace_with=list(goal.replace_with),
        replacement_trigger=goal.replacement_trigger,
        created=old.created if old else "",
        modified=old.modified if old else "",
        source_position=goal.source_position,
        stack_trace=list(goal.stack_trace),
        ignore_changes=list(goal.ignore_changes),
        hide_diff=[paths.parse(text) for text in goal.hide_diff],
        replace_on_changes=list(goal.replace_on_changes),
        resource_hooks=goal.hooks or {},
    )
