"""The steps of a run, each with one operation. The rules are those of
pkg/resource/deploy/step.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pulumi_standin import state as states
from pulumi_standin.hooks import HookFailed
from pulumi_standin.provider import Diff, ProviderError
from pulumi_standin.run import Run
from pulumi_standin.state import State
from pulumi_standin.values import Props, Secret, deep_equals

_MOST_RETRIES = 100
T = TypeVar("T")


class StepFailed(Exception):
    """The step failed. The message is for people."""


class Protected(StepFailed):
    """The step was not tried, so the other steps continue."""


@dataclass
class Answer:
    """The answer to a registration."""

    state: State
    result: str
    unknown: bool = False  # a create that is skipped: the outputs stay unknown


@dataclass(eq=False)
class Registration:
    """A registration of the program, and the answer that the program waits for."""

    SUCCEEDED, FAILED, SKIPPED = "succeeded", "failed", "skipped"

    answer: asyncio.Future[Answer]

    def done(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass(eq=False)
class Step:
    """One operation on one resource."""

    old: State | None
    new: State | None
    registration: Registration | None = None
    diff: Diff = field(default_factory=lambda: Diff(None))

    op = ""
    # Whether `register_resource_outputs` may follow for the new state.
    logical = True

    @property
    def state(self) -> State:
        state = self.new or self.old
        assert state is not None
        return state

    @property
    def urn(self) -> str:
        return self.state.urn

    async def apply(self, run: Run) -> None:
        """Execute the step. Raises `StepFailed`, `ProviderError` or `HookFailed`."""

    def answer(self, result: str) -> None:
        """Answer the program, if it waits for this step."""
        if self.registration is not None:
            assert self.new is not None
            self.registration.done(Answer(self.new, result))

    async def begin_checkpoint(self, run: Run) -> None:
        """Record in the state that the step has begun."""

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        """Record the result in the state."""


@dataclass(eq=False)
class Same(Step):
    """Nothing to do. Changes that need no call of the provider are saved in the state.

    `untargeted` is for a resource that stays unchanged because it is not a target.
    """

    untargeted: bool = False

    op = "same"

    async def apply(self, run: Run) -> None:
        assert self.old is not None
        assert self.new is not None
        self.new.id = self.old.id
        self.new.outputs = self.old.outputs
        if self.new.is_provider and not self.untargeted:
            # Its configuration counts as unchanged, so the provider gets the old one.
            config = self.new.copy()
            config.inputs = self.old.inputs
            await run.registry.same(config, checked=True)

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        assert self.old is not None
        assert self.new is not None
        if ok:
            run.checkpoint.drop(self.old)
            run.checkpoint.add(self.new)
            if _must_write(self.old, self.new):
                await run.checkpoint.save()


# Any other change is only written together with the next step that must be written (mustWrite).
_COMPARED = (
    *("urn", "type", "custom", "custom_timeouts", "retain_on_delete", "provider", "parent"),
    *("deleted_with", "replace_with", "protect", "dependencies", "resource_hooks"),
)


def _must_write(old: State, new: State) -> bool:
    if any(getattr(old, name) != getattr(new, name) for name in _COMPARED):
        return True
    return not (
        deep_equals(old.inputs, new.inputs)
        and deep_equals(old.outputs or {}, new.outputs or {})
        and deep_equals(old.replacement_trigger, new.replacement_trigger)
    )


def left_alone(old: State, registration: Registration | None = None) -> Same:
    """The step for a resource that stays unchanged because it is not a target."""
    new = old.copy()
    new.id = ""
    return Same(old, new, registration, untargeted=True)


@dataclass(eq=False)
class SkippedCreate(Step):
    """A resource that is not created because it is not a target. Nothing is saved."""

    op = "same"

    def answer(self, result: str) -> None:
        if self.registration is not None:
            assert self.new is not None
            self.registration.done(Answer(self.new, result, unknown=True))


@dataclass(eq=False)
class Create(Step):
    """Create it. `old` is what it replaces, which is deleted later if `pending_delete`."""

    replacing: bool = False
    pending_delete: bool = False

    op = "create"

    def __post_init__(self) -> None:
        if self.replacing:
            self.op = "create-replacement"
            self.logical = False

    async def apply(self, run: Run) -> None:
        new = self.new
        assert new is not None
        await run.hooks.run("before_create", new, new=new)
        identifier, outputs = new.id, new.outputs
        if new.custom:
            provider = run.provider_of(new)
            timeout = new.custom_timeouts.get("create", 0)
            identifier, outputs = await _tried(
                run,
                "create",
                new,
                lambda: provider.create(new.urn, new.inputs, run.dry_run, timeout),
                new=new,
            )
        new.id, new.outputs = identifier, outputs
        new.created = new.modified = states.now()
        if self.replacing and self.pending_delete:
            assert self.old is not None
            self.old.delete = True
        if new.custom:
            await _after(run, "after_create", new, new=new)

    async def begin_checkpoint(self, run: Run) -> None:
        assert self.new is not None
        run.checkpoint.begin(self.new, "creating")
        await run.checkpoint.save()

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        assert self.new is not None
        run.checkpoint.end(self.new)
        if ok:
            run.checkpoint.add(self.new)
            if self.old is not None and self.old.pending_replacement:
                run.checkpoint.drop(self.old)
        await run.checkpoint.save()


@dataclass(eq=False)
class Update(Step):
    """Change it in place."""

    op = "update"

    async def apply(self, run: Run) -> None:
        old, new = self.old, self.new
        assert old is not None
        assert new is not None
        new.id, new.created, new.modified = old.id, old.created, old.modified
        await run.hooks.run("before_update", new, old=old, new=new)
        if new.custom:
            provider = run.provider_of(new)
            new.outputs = await _tried(
                run,
                "update",
                new,
                lambda: provider.update(new.urn, old, new, run.dry_run),
                old=old,
                new=new,
            )
            new.modified = states.now()
        if old.custom:
            await _after(run, "after_update", new, old=old, new=new)

    async def begin_checkpoint(self, run: Run) -> None:
        assert self.new is not None
        run.checkpoint.begin(self.new, "updating")
        await run.checkpoint.save()

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        assert self.old is not None
        assert self.new is not None
        run.checkpoint.end(self.new)
        if ok:
            run.checkpoint.drop(self.old)
            run.checkpoint.add(self.new)
        await run.checkpoint.save()


@dataclass(eq=False)
class Replace(Step):
    """Shown, but not executed: the create and the delete beside it do the work."""

    op = "replace"


@dataclass(eq=False)
class Delete(Step):
    """Delete it. `replacing` means that it is one half of a replacement."""

    replacing: bool = False
    # The resource stays in the state, marked, until its replacement exists.
    pending_replacement: bool = False

    op = "delete"

    def __post_init__(self) -> None:
        assert self.old is not None
        if self.old.external:
            self.op = "discard-replaced" if self.replacing else "discard"
        elif self.replacing:
            self.op = "delete-replaced"
        self.logical = not self.replacing

    async def apply(self, run: Run) -> None:
        old = self.old
        assert old is not None
        await run.hooks.run("before_delete", old, old=old)
        if old.protect and not self.replacing:
            raise Protected(
                f'resource "{old.urn}" cannot be deleted\n'
                "because it is protected. To unprotect the resource, either remove the `protect` "
                "flag from the resource in your Pulumi program and run `pulumi up`, or use the "
                f"command:\n`pulumi state unprotect '{old.urn}'`"
            )
        kept = old.external or old.retain_on_delete or old.deleted_with in run.deleting
        if old.custom and not (run.dry_run or kept):
            provider = run.provider_of(old)
            await _tried(run, "delete", old, lambda: provider.delete(old), old=old)
        if self.pending_replacement:
            old.pending_replacement = True
        await _after(run, "after_delete", old, old=old)

    async def begin_checkpoint(self, run: Run) -> None:
        assert self.old is not None
        run.checkpoint.begin(self.old, "deleting")
        await run.checkpoint.save()

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        assert self.old is not None
        run.checkpoint.end(self.old)
        if ok and not self.old.pending_replacement:
            run.checkpoint.drop(self.old)
        await run.checkpoint.save()


@dataclass(eq=False)
class RemovePendingReplace(Step):
    """Forget a resource that was deleted for a replacement that was never created."""

    op = "remove-pending-replace"
    logical = False

    async def end_checkpoint(self, run: Run, *, ok: bool) -> None:
        assert self.old is not None
        run.checkpoint.drop(self.old)
        await run.checkpoint.save()


@dataclass(eq=False)
class Refresh(Step):
    """Read the current resource. `new` is None after the read if it is gone."""

    op = "refresh"
    logical = False

    async def apply(self, run: Run) -> None:
        old = self.old
        assert old is not None
        self.new = old
        if not old.custom or old.is_provider or old.pending_replacement:
            return
        provider = run.provider_of(old)
        read = await provider.read(old.urn, old)
        if not read.id:
            self.new = None
            return
        new = old.copy()
        new.id = read.id
        new.init_errors = []
        new.inputs = old.inputs if read.inputs is None else read.inputs
        new.outputs = read.outputs
        if not (
            deep_equals(new.inputs, old.inputs) and deep_equals(new.outputs, old.outputs or {})
        ):
            new.modified = states.now()
        self.new = new
        if not old.external:
            # A refresh shows as changed what `up` would change back.
            self.diff = await run.diff_resource(provider, new, old.inputs, old.ignore_changes)

    @property
    def found(self) -> str:
        """The result: `same`, `update` or `delete`."""
        if self.new is None:
            return "delete"
        return "update" if self.new is not self.old and self.diff.changes else "same"


async def _tried(
    run: Run,
    operation: str,
    of: State,
    call: Callable[[], Awaitable[T]],
    *,
    old: State | None = None,
    new: State | None = None,
) -> T:
    """Call `call`, and again while the resource's error hooks request it."""
    errors: list[str] = []
    while True:
        try:
            return await call()
        except ProviderError as error:
            errors.insert(0, str(error))
            if len(errors) >= _MOST_RETRIES:
                run.warn(of.urn, f"maximum number of error hook retries ({_MOST_RETRIES}) reached")
                raise StepFailed("maximum number of error hook retries reached") from None
            try:
                again = await run.hooks.retry(operation, of, errors, old=old, new=new)
            except HookFailed as failure:
                raise HookFailed(f"error hooks execution failed: {failure}") from None
            if not again:
                raise
            count = f"{len(errors)}/{_MOST_RETRIES}"
            run.warn(of.urn, f"retrying {operation} due to on-error hook request ({count})")


async def _after(run: Run, kind: str, of: State, **states_: Any) -> None:
    """Run a hook after the step. If it fails, the step succeeded, and the run fails."""
    try:
        await run.hooks.run(kind, of, **states_)
    except HookFailed as error:
        run.fail_after_step(of.urn, str(error))


def mark_secret_outputs(state: State) -> None:
    """Outputs are secret if the inputs of that name are, or if the program requires it."""
    if not state.outputs:
        return
    marked: Props = {
        key: Secret(value)
        for key, value in state.outputs.items()
        if type(value) is not Secret
        and (
            (key in state.additional_secret_outputs and key != "id")
            or type(state.inputs.get(key)) is Secret
        )
    }
    if marked:
        state.outputs = {**state.outputs, **marked}
