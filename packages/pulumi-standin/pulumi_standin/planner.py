"""Plans the steps for what the program registers.

The rules are those of pkg/resource/deploy/step_generator.go.
"""

from __future__ import annotations

from typing import Any

from pulumi_standin import property_paths, urns
from pulumi_standin.dependents import (
    dependents_to_replace,
    with_replace_on_changes,
)
from pulumi_standin.errors import Failed
from pulumi_standin.goal import Goal
from pulumi_standin.provider import Diff, DiffUnavailable, Failure, Provider, ProviderError
from pulumi_standin.run import Run
from pulumi_standin.state import State
from pulumi_standin.steps import (
    Create,
    Delete,
    Registration,
    Replace,
    Same,
    SkippedCreate,
    Step,
    Update,
    left_alone,
)
from pulumi_standin.targets import Targets
from pulumi_standin.values import Props, contains_unknowns, deep_equals, unwrap


class Planner:
    """Plans the steps of one run, one registration at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.urns: set[str] = set()
        self.replaced: set[str] = set()
        self.created: set[str] = set()
        # Updated, replaced or unchanged resources. The others are deleted at the end.
        self.operated: set[str] = set()
        self.deleted_early: set[State] = set()
        # From an old URN to the current one, and the other way round.
        self.aliased: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        # In a run that is limited to targets: the targets, and their dependents if requested; what
        # is not created; steps for dependencies of targets that the program does not register.
        self._targets = run.options.targets.copy()
        self._skipped_creates: set[str] = set()
        self._pending_sames: dict[str, Step] = {}

    async def plan(self, goal: Goal, registration: Registration) -> list[Step]:
        """The steps for one registration. Raises `Failed` (after it was shown) or
        `ProviderError`.
        """
        steps = await self._plan(goal, registration)
        return self._validated(steps)

    async def _plan(self, goal: Goal, registration: Registration) -> list[Step]:
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
        provider = self._provider(goal, new)
        recreating = urn in run.deleting
        replace_asked = self._replace_asked(urn, old)
        fresh = recreating or old is None or old.external or replace_asked
        # Providers and the stack itself are always part of the run.
        targeted = new.is_provider or urns.qualified_type(urn) == urns.ROOT_TYPE
        targeted = targeted or self._is_target(new)
        if old is not None:
            new.inputs = self._ignore_changes(urn, goal, old)
        if goal.import_id:
            run.error(urn, "the stand-in engine imports nothing; use `pulumi up`")
            raise Failed
        if not targeted:
            new.inputs = old.inputs if old is not None else {}
        elif provider is not None:
            news = goal.properties if fresh else new.inputs
            olds = None if fresh or old is None else old.inputs
            new.inputs, failures = await provider.check(urn, olds, news, run.dry_run)
            invalid = self._report(new, failures) or invalid
        if targeted:
            self._queue_dependencies(new)
        if invalid:
            raise Failed
        if recreating:
            assert old is not None
            return self._recreate(old, new, registration)
        if old is not None and old.external:
            self.created.add(urn)
            return [
                Create(old, new, registration, replacing=True, pending_delete=True),
                Replace(old, new),
            ]
        if targeted and run.options.targets and self._is_target(new):
            self._targets.add(urn)
        if not targeted:
            if old is None:
                self.operated.add(urn)
                self._skipped_creates.add(urn)
                return [SkippedCreate(None, new, registration)]
            return self._untargeted(urn, old, registration)
        if old is None:
            self.created.add(urn)
            return [Create(None, new, registration)]
        return await self._change(goal, old, new, provider, registration)

    # --- targets

    def _replace_asked(self, urn: str, old: State | None) -> bool:
        """Whether a person requested the replacement, with ``--replace`` or a taint."""
        return self.run.options.replace_targets.names(urn) or (old is not None and old.taint)

    def _is_target(self, state: State) -> bool:
        """Whether the run includes the resource: by name, or because it depends on a target."""
        if state.urn in self.run.options.targets:
            return True
        return self.run.options.target_dependents and any(
            self._targets.names(urn) for urn in state.depends_on()
        )

    @property
    def planned(self) -> set[str]:
        """The URNs for which there are steps."""
        return self.operated | self.created | self.run.deleting

    def _has_step(self, urn: str) -> bool:
        planned = (self.operated, self.created, self.replaced, self.run.deleting)
        return any(urn in urns_ for urns_ in planned)

    def _untargeted(self, urn: str, old: State, registration: Registration | None) -> list[Step]:
        """Leave a resource unchanged, after its dependencies that are not registered yet."""
        if old.delete:
            return []
        run = self.run
        if registration is not None and old.provider and run.registry.get(old.provider) is None:
            provider, _ = urns.split_reference(old.provider)
            if not any(f"{s.urn}::{s.id}" == old.provider for s in run.base):
                raise ProviderError(f"could not find provider {provider} in old state")
            raise ProviderError(
                f"provider {old.provider} for resource {urn} has not been registered yet, this is "
                "due to a change of providers mixed with --target. "
                "Change your program back to the original providers"
            )
        self.urns.add(old.urn)
        self.operated |= {urn, old.urn}
        steps: list[Step] = []
        provider_urn, provider_id = urns.split_reference(old.provider)
        for named in sorted(old.depends_on()):
            if self._has_step(named) or self.is_operated_on(named):
                continue
            found = run.olds.get(named)
            if named == provider_urn and (found is None or found.id != provider_id):
                continue
            if found is None:
                raise ProviderError(f"dependency {named} of untargeted resource {urn} is not there")
            steps += self._untargeted(named, found, None)
        return [*steps, left_alone(old, registration)]

    def _queue_dependencies(self, new: State) -> None:
        """Add steps for dependencies of a target that the program does not register."""
        if not self.run.options.targets:
            return

        def queue(urn: str) -> None:
            old = self.run.olds.get(urn)
            if old is None or self._has_step(urn) or urn in self._pending_sames:
                return
            step = left_alone(old)
            self._pending_sames[urn] = step
            for named in sorted(old.depends_on()):
                queue(named)
            # After its dependencies.
            self._pending_sames[urn] = self._pending_sames.pop(urn)

        for named in sorted(new.depends_on(provider=False)):
            if named not in self.urns:
                queue(named)

    def _validated(self, steps: list[Step]) -> list[Step]:
        """The steps, with those that must come before. Raises `Failed` (after it was shown)."""
        before = []
        for urn, step in self._pending_sames.items():
            if not self._has_step(urn) and not self.is_operated_on(urn):
                self.urns.add(urn)
                self.operated.add(urn)
                before.append(step)
        self._pending_sames = {}
        steps = [*before, *steps]
        run = self.run
        if not (run.options.targets or run.options.replace_targets):
            return steps
        for step in steps:
            if step.new is None or isinstance(step, SkippedCreate):
                continue
            for urn in sorted(step.new.depends_on() & self._skipped_creates):
                run.error(
                    step.urn,
                    f"Resource '{step.urn}' depends on '{urn}' which was was not specified in "
                    "--target list.",
                )
                run.fail_but_go_on()
                if not run.dry_run:
                    raise Failed
                self._skipped_creates.discard(urn)
        return steps

    # --- finding the old resource

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
            path = property_paths.parse(text)
            if path is not None:
                news, ok = property_paths.reset(path, old.inputs, news)
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

    # --- choosing the steps

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
        diff.replaces = with_replace_on_changes(diff, list(goal.replace_on_changes))
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
        if self._replace_asked(new.urn, old):
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
        # A changed provider does not replace its resources: the hosts do not ask for it.
        return old.provider != new.provider and not (old.provider and new.provider)

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
            run.fail_but_go_on()
            if not run.dry_run:
                raise Failed
        self.replaced.add(urn)
        self.operated.add(urn)
        if provider is not None and not self._replace_asked(urn, old):
            # What was copied from the old one is computed again for the new one.
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
        """Delete first what is replaced because of `root`, dependents first."""
        steps: list[Step] = []
        for state in reversed(await dependents_to_replace(self.run, root, self.planned)):
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
                self.run.fail_but_go_on()
                raise Failed
            steps.append(
                Delete(state, None)
                if state.delete
                else Delete(state, None, replacing=True, pending_replacement=True)
            )
            self.run.deleting.add(state.urn)
            self.deleted_early.add(state)
        return steps

    # --- at the end

    def is_operated_on(self, urn: str) -> bool:
        """Whether there is a step for the resource, under its current URN."""
        return self.aliased.get(urn, urn) in self.operated

    def missing_targets(self, targets: Targets, *, registered: bool = True) -> bool:
        """Report the targets that are neither in the state nor in the program."""
        missing = False
        there = {state.urn for state in self.run.base} | (self.urns if registered else set())
        for urn in targets.literals:
            if urn not in there:
                hint = " Did you forget to escape $ in your shell?" if "$" not in urn else ""
                self.run.error("", f"Target '{urn}' could not be found in the stack.{hint}")
                missing = True
        return missing


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
        hide_diff=[property_paths.parse(text) for text in goal.hide_diff],
        replace_on_changes=list(goal.replace_on_changes),
        resource_hooks=goal.hooks or {},
    )
