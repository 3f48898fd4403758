"""The engine's calls to a provider, and their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pulumi_standin.property_paths import Path
from pulumi_standin.state import State
from pulumi_standin.values import Props


class ProviderError(Exception):
    """A provider's error, with its own message."""


class DiffUnavailable(Exception):
    """The provider's configuration is known only after the update. The message is for people."""


@dataclass
class Failure:
    """One property that `check` refused."""

    property: str
    reason: str


@dataclass
class Diff:
    """The result of `diff`. `changes` is None if the provider can't tell.

    `paths` are the changed property paths, if the engine compared the inputs.
    """

    changes: bool | None
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False
    changed: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


@dataclass
class Read:
    """The result of `read`. If `id` is empty, the resource is gone."""

    id: str
    inputs: Props | None
    outputs: Props


class Provider(Protocol):
    """The calls that the planner and the steps make to a provider."""

    async def check(
        self, urn: str, olds: Props | None, news: Props, unknowns: bool
    ) -> tuple[Props, list[Failure]]: ...
    async def diff(
        self, urn: str, old: State, news: Props, unknowns: bool, ignore_changes: list[str]
    ) -> Diff: ...
    async def create(
        self, urn: str, inputs: Props, preview: bool, timeout: float
    ) -> tuple[str, Props]: ...
    async def update(self, urn: str, old: State, new: State, preview: bool) -> Props: ...
    async def read(self, urn: str, old: State) -> Read: ...
    async def delete(self, state: State) -> None: ...
    async def configure(self, urn: str, identifier: str, config: Props) -> None: ...
    async def close(self) -> None: ...
