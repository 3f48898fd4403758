"""The data that the parts of one run share: its options, the old resources, its results."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from pulumi_standin import property_paths, urns
from pulumi_standin.checkpoint import Checkpoint
from pulumi_standin.graph import Graph
from pulumi_standin.hooks import Hooks
from pulumi_standin.provider import Diff, Provider, ProviderError
from pulumi_standin.provider_registry import ProviderRegistry
from pulumi_standin.state import State
from pulumi_standin.targets import Targets
from pulumi_standin.values import Props, contains_secrets, unwrap


class Cancelled(Exception):
    """The run is over, so a pending request gets no answer."""


class Messages(Protocol):
    """Shows messages."""

    def message(
        self, severity: str, urn: str, text: str, *, ephemeral: bool = False, stream: int = 0
    ) -> None: ...


@dataclass
class Options:
    """The options of a run."""

    dry_run: bool = False
    parallel: int = 8
    refresh: bool = False
    refresh_only: bool = False
    continue_on_error: bool = False
    targets: Targets = field(default_factory=Targets)
    target_dependents: bool = False
    replace_targets: Targets = field(default_factory=Targets)


class Run:
    """One preview, update, refresh or destroy of a stack.

    `news` has the resources that the run has registered, by URN. `deleting` has the URNs that it
    deletes.
    """

    def __init__(
        self,
        *,
        project: str,
        stack: str,
        options: Options,
        checkpoint: Checkpoint,
        registry: ProviderRegistry,
        hooks: Hooks,
        messages: Messages,
        news: dict[str, State],
    ) -> None:
        self.project = project
        self.stack = stack
        self.options = options
        self.checkpoint = checkpoint
        self.registry = registry
        self.hooks = hooks
        self.news = news
        self.deleting: set[str] = set()
        self.failed = False
        self.step_failed = False  # which is shown again at the end
        self.cancelled = False  # by the person at the terminal
        self.over = asyncio.Event()  # no new step begins
        self._messages = messages
        self._waiting: set[asyncio.Future[Any]] = set()
        self.index()

    def index(self) -> None:
        """Index the resources before the run, and again after a refresh has changed them."""
        self.olds = {state.urn: state for state in self.base if not state.delete}
        self.graph = Graph(self.base)

    @property
    def dry_run(self) -> bool:
        return self.options.dry_run

    @property
    def base(self) -> list[State]:
        return self.checkpoint.base

    # --- messages

    def error(self, urn: str, text: str) -> None:
        self._messages.message("error", urn, text)

    def warn(self, urn: str, text: str) -> None:
        self._messages.message("warning", urn, text)

    def info(self, urn: str, text: str) -> None:
        self._messages.message("info", urn, text)

    def shown(self, value: Any) -> str:
        """A property value in a message."""
        return "[secret]" if contains_secrets(value) else "{" + str(unwrap(value)) + "}"

    # --- failures

    def fail(self, urn: str = "", text: str = "") -> None:
        """Record that the run has failed. No new step begins."""
        if text:
            self.error(urn, text)
        self.failed = True
        self.stop()

    def fail_but_go_on(self) -> None:
        """A step, or its planning, has failed. The other steps continue."""
        self.failed = self.step_failed = True

    def fail_after_step(self, urn: str, text: str) -> None:
        """A hook after a step has failed: the step succeeded, and the run failed."""
        self.error(urn, text)
        self.fail_but_go_on()
        if not self.options.continue_on_error:
            self.stop()

    @property
    def verdict(self) -> str:
        """The final message for a run that was cancelled or in which a step failed, or None."""
        if not (self.step_failed or self.cancelled):
            return ""
        kind = "preview" if self.dry_run else "update"
        return f"{kind} {'failed' if self.failed else 'canceled'}"

    def stop(self) -> None:
        """Begin no new step, and wait for running ones."""
        self.over.set()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(Cancelled())

    async def result(self, answer: asyncio.Future[Any]) -> None:
        """Wait for an answer. Raises `Cancelled` if the run ends before."""
        if self.over.is_set() and not answer.done():
            raise Cancelled
        self._waiting.add(answer)
        try:
            await answer
        finally:
            self._waiting.discard(answer)

    # --- providers

    async def ensure_provider(self, reference: str) -> None:
        """Start the provider of an old resource. Raises `ProviderError`."""
        if not reference or self.registry.get(reference) is not None:
            return
        urn, identifier = urns.split_reference(reference)
        for state in self.base:
            if state.urn == urn and state.id == identifier:
                await self.registry.same(state, checked=False)
                return
        raise ProviderError(f"could not find provider {reference}")

    def provider_of(self, state: State) -> Provider:
        """Raises `ProviderError`."""
        if state.is_provider:
            return self.registry
        provider = self.registry.get(state.provider)
        if provider is None:
            raise ProviderError(f"unknown provider '{state.provider}' for resource '{state.urn}'")
        return provider

    async def diff_resource(
        self, provider: Provider, old: State, news: Props, ignore_changes: list[str]
    ) -> Diff:
        """Call the provider's diff. If it can't tell, compare the inputs."""
        diff = await provider.diff(old.urn, old, news, self.dry_run, ignore_changes)
        if diff.changes is None:
            after = news
            for text in ignore_changes:
                if path := property_paths.parse(text):
                    after, _ = property_paths.reset(path, old.inputs, after)
            diff.paths = property_paths.changed(unwrap(old.inputs), unwrap(after))
            diff.changed = sorted({str(path[0]) for path in diff.paths})
            diff.changes = bool(diff.changed)
        return diff
