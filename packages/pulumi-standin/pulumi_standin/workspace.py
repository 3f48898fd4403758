"""One stack of one project: its files, its state, its configuration, and the environment of its
processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from pulumi_standin import project as projects
from pulumi_standin import stack_config, urns
from pulumi_standin import state as states
from pulumi_standin.crypter import Crypter, passphrase
from pulumi_standin.display import Display
from pulumi_standin.dynamic_provider import DynamicProvider
from pulumi_standin.errors import EngineError
from pulumi_standin.processes import interpreter, start_host
from pulumi_standin.project import Project
from pulumi_standin.provider_trust import MayLoad, ProviderTrust
from pulumi_standin.stack_config import Config
from pulumi_standin.state import State
from pulumi_standin.state_file import StateFile
from pulumi_standin.values import Props, unwrap


class MayReach(Protocol):
    """Refuses a configuration with servers that this run may not call."""

    def __call__(self, config: Mapping[str, object], env: Mapping[str, str], whose: str) -> None:
        """Raise `EngineError` to refuse.

        `config` is the stack's configuration (keys with their namespace) or the inputs of an
        explicit
        provider, with plain secrets. `env` is the environment of the program and of the provider
        hosts.
        `whose` names the configuration in the message.
        """


@dataclass
class Settings:
    """The options that all commands have."""

    cwd: Path = field(default_factory=Path.cwd)
    stack: str = "dev"
    state_dir: Path | None = None  # default: `.sandbox` in the project's folder
    config: list[str] = field(default_factory=list)  # KEY=VALUE, saved in the stack's file
    secrets: list[str] = field(default_factory=list)  # the same, encrypted
    parallel: int = 0  # steps at once; 0 means four times the number of processors
    refresh: bool = False
    target: list[str] = field(default_factory=list)  # URNs, or globs of URNs
    target_dependents: bool = False
    replace: list[str] = field(default_factory=list)  # the same
    continue_on_error: bool = False
    skip_preview: bool = False
    diff: bool = False
    show_secrets: bool = False
    suppress_outputs: bool = False
    expect_no_changes: bool = False
    clear_pending_creates: bool = False
    as_json: bool = False
    # Called after the preview, with a question. None continues without a question.
    confirm: Callable[[str], bool] | None = None
    # Called before anything is run or loaded. None allows every configuration.
    may_reach: MayReach | None = None
    # Called before a provider that only the state names is loaded. None allows every one.
    may_load: MayLoad | None = None


class Workspace:
    """One open stack of one project: the state's file, the crypter, the configuration."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self.settings = settings
        self.console = console
        self.stack = settings.stack
        projects.check_stack_name(self.stack)
        self.project: Project = projects.load(settings.cwd)
        # A folder that a person names may be a link. The one in the project may not.
        given = settings.state_dir.resolve() if settings.state_dir else None
        folder = given or self.project.root / ".sandbox"
        self.file = StateFile(folder / f"{self.stack}.json")
        self.python = interpreter(self.project.options.get("virtualenv"), self.project.root)
        name = self.project.name
        self.root = urns.make(self.stack, name, "", urns.ROOT_TYPE, f"{name}-{self.stack}")
        self.env = dict(os.environ)
        # Warnings of gRPC about connections that end are not for people.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    def open(self) -> None:
        """Read the state and the configuration. Raises `EngineError`."""
        self.deployment = self.file.read()
        self.trust = ProviderTrust(self.settings.may_load)
        salt = stack_config.stack_salt(self.project, self.stack) or self._salt_of(self.deployment)
        phrase = passphrase(self.env)
        self.crypter = Crypter.open(phrase, salt) if salt else Crypter.new(phrase)
        self.interrupted = []
        if not self.settings.clear_pending_creates:
            self.interrupted = self._interrupted_of(self.deployment)
        self.resources = self._resources_of(self.deployment)
        plain = stack_config.pairs(self.settings.config, "--config")
        secret = stack_config.pairs(self.settings.secrets, "--secret")
        if plain or secret:
            stack_config.set_config(self.project, self.stack, plain, secret, self.crypter)
        self.config: Config = stack_config.configuration(self.project, self.stack, self.crypter)

    def saved_resources(self, reference: str) -> list[State]:
        """The current saved state of a stack of this project. Raises `EngineError`."""
        stack = projects.stack_of_reference(self.project, reference)
        deployment = StateFile(self.file.path.with_name(f"{stack}.json")).read()
        if not deployment and stack != self.stack:
            raise EngineError(f'unknown stack "{reference}"')
        return self._resources_of(deployment)

    def _resources_of(self, deployment: dict[str, Any]) -> list[State]:
        crypter = self.crypter
        salt = self._salt_of(deployment)
        if salt not in ("", crypter.salt):
            crypter = Crypter.open(passphrase(self.env), salt)
        with self._undamaged():
            found = states.of_shape(deployment.get("resources"), list[Any], "resources")
            return [states.from_json(data, crypter) for data in found]

    def _salt_of(self, deployment: dict[str, Any]) -> str:
        with self._undamaged():
            found: Any = deployment
            for name in ("secrets_providers", "state"):
                found = states.of_shape(found.get(name), dict[str, Any], name)
            return str(states.of_shape(found.get("salt"), str, "salt"))

    def _interrupted_of(self, deployment: dict[str, Any]) -> list[dict[str, Any]]:
        """The operations that an earlier run left pending."""
        with self._undamaged():
            what = "pending_operations"
            found = states.of_shape(deployment.get(what), list[dict[str, Any]], what)
            for one in found:
                states.of_shape(one.get("type"), str, what)
                resource = states.of_shape(one.get("resource"), dict[str, Any], what)
                if not urns.is_urn(states.of_shape(resource.get("urn"), str, what)):
                    raise ValueError(f"{what} has no URN")
            return list(found)

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Turns any error that a damaged state causes into one line."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            what = f"{type(error).__name__}: {error}"
            raise EngineError(f"the state {self.file.path} is damaged ({what})") from error

    def check_stack(self) -> None:
        """Raises `EngineError` if the stack's configuration has servers that it may not call."""
        if self.settings.may_reach is not None:
            self.settings.may_reach(self.config.values, self.env, f"stack {self.stack}")

    def check_provider(self, urn: str, config: Props) -> None:
        """The same for a provider's configuration, from the program or from the state."""
        if self.settings.may_reach is not None:
            self.settings.may_reach(unwrap(config), self.env, f"provider {urns.name_of(urn)}")

    async def start_host(self, engine: str, show: Callable[[str], None]) -> DynamicProvider:
        """A provider host with the environment that Pulumi gives it. Raises `EngineError`."""
        options = self.project.options.items()
        env = {
            **self.env,
            **{f"PULUMI_RUNTIME_{key.upper()}": str(value) for key, value in options},
            "PULUMI_PROJECT": self.project.name,
            "PULUMI_CONFIG": "{}",
        }
        child, port = await start_host(
            self.python, engine, env, self.project.program, lambda is_error, line: show(line)
        )
        return DynamicProvider(child, port, self.trust)

    def display(self, title: str, *, preview: bool) -> Display:
        return Display(
            self.console,
            title=f"{title} ({self.stack})",
            root=self.root,
            preview=preview,
            diff=self.settings.diff,
            secrets=[self.config.values[key] for key in self.config.secrets],
            show_secrets=self.settings.show_secrets,
            show_outputs=not self.settings.suppress_outputs,
        )
