"""The engine's calls to a provider, and their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pulumi_standin.property_paths import Path
from pulumi_standin.state import State
from pulumi_standin.values import Props


class ProviderError(Exception):
    """What a provider answered instead of a result; the message as it gave it."""


class DiffUnavailable(Exception):
    """The provider's configuration is known only after the update; the message is for people."""


@dataclass
class Failure:
    """One property that `check` refused."""

    property: str
    reason: str


@dataclass
class Diff:
    """What `diff` answered; `changes` is None if the provider can't tell.

    `paths` are the changes inside of properties, if it is the engine that has compared them.
    """

    changes: bool | None
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False
    changed: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


@dataclass
class Read:
    """What `read` answered; an empty `id` is a resource that is gone."""

    id: str
    inputs: Props | None
    outputs: Props


class Provider(Protocol):
    """What the planner and the steps ask of a provider."""

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
