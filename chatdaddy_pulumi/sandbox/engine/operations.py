"""What the commands `sandbox up|preview|refresh|destroy|outputs` do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from chatdaddy_pulumi.sandbox.engine import guard, render, urns
from chatdaddy_pulumi.sandbox.engine import project as projects
from chatdaddy_pulumi.sandbox.engine import state as states
from chatdaddy_pulumi.sandbox.engine.checkpoint import Snapshot, StateFile
from chatdaddy_pulumi.sandbox.engine.deployment import Deployment, Options
from chatdaddy_pulumi.sandbox.engine.display import Display
from chatdaddy_pulumi.sandbox.engine.hooks import Callbacks, Hooks
from chatdaddy_pulumi.sandbox.engine.monitor import Engine, Monitor, PythonProgram, Server
from chatdaddy_pulumi.sandbox.engine.processes import interpreter, start_host
from chatdaddy_pulumi.sandbox.engine.project import Config, Project
from chatdaddy_pulumi.sandbox.engine.providers import DynamicProvider, Hosts, Registry
from chatdaddy_pulumi.sandbox.engine.values import Props, Secret, unwrap
from chatdaddy_pulumi.sandbox.engine.vault import Vault, passphrase

FAILED = 1


@dataclass
class Settings:
    """The options that the commands have in common."""

    cwd: Path = field(default_factory=Path.cwd)
    stack: str = "dev"
    state_dir: Path | None = None  # default: `.sandbox` in the project's folder
    config: list[str] = field(default_factory=list)  # KEY=VALUE, kept in the stack's file
    secrets: list[str] = field(default_factory=list)  # likewise, encrypted
    parallel: int = 0  # steps at once; 0 is four times the processors
    refresh: bool = False
    skip_preview: bool = False
    diff: bool = False
    show_secrets: bool = False
    suppress_outputs: bool = False
    expect_no_changes: bool = False
    clear_pending_creates: bool = False
    # Asked after the preview, with a question; None goes on unasked.
    confirm: Callable[[str], bool] | None = None


class Workspace:
    """One stack of one project, opened: the state's file, the vault, the configuration."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self.settings = settings
        self.console = console
        self.stack = settings.stack
        projects.check_stack_name(self.stack)
        self.project: Project = projects.load(settings.cwd)
        folder = settings.state_dir or self.project.root / ".sandbox"
        self.file = StateFile(folder.resolve() / f"{self.stack}.json")
        self.python = interpreter(self.project.options.get("virtualenv"), self.project.root)
        name = self.project.name
        self.root = urns.make(self.stack, name, "", urns.ROOT_TYPE, f"{name}-{self.stack}")
        self.env = dict(os.environ)
        # gRPC's remarks on connections that end are not for people.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    def open(self) -> None:
        """Read the state and the configuration; raises `EngineError`."""
        self.deployment = self.file.read()
        kept = (self.deployment.get("secrets_providers") or {}).get("state") or {}
        salt = projects.stack_salt(self.project, self.stack) or kept.get("salt", "")
        phrase = passphrase(self.env)
        self.vault = Vault.open(phrase, salt) if salt else Vault.new(phrase)
        reader = self.vault
        if kept.get("salt", self.vault.salt) != self.vault.salt:
            reader = Vault.open(phrase, kept["salt"])
        self.interrupted = self.deployment.get("pending_operations", [])
        if self.settings.clear_pending_creates:
            self.interrupted = []
        self.resources = [
            states.from_json(data, reader) for data in self.deployment.get("resources", [])
        ]
        plain = projects.pairs(self.settings.config, "--config")
        secret = projects.pairs(self.settings.secrets, "--secret")
        if plain or secret:
            projects.set_config(self.project, self.stack, plain, secret, self.vault)
        self.config: Config = projects.configuration(self.project, self.stack, self.vault)

    def check_local(self) -> None:
        """Raises `EngineError` where the stack is for servers that are not on this machine."""
        guard.check_urls(self.config.values, self.env, f"stack {self.stack}")

    def guard(self, urn: str, config: Props) -> None:
        """Refuse a provider for servers elsewhere: an explicit one, or what an old state holds."""
        guard.check_urls(unwrap(config), self.env, f"provider {urns.name_of(urn)}")

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


async def _run(
    workspace: Workspace, options: Options, display: Display, *, with_program: bool
) -> bool:
    """One run, with its own server and its own provider hosts."""
    server = Server()

    async def start_one() -> DynamicProvider:
        env = {
            **workspace.env,
            "PULUMI_PROJECT": workspace.project.name,
            "PULUMI_CONFIG": "{}",
            **{
                f"PULUMI_RUNTIME_{key.upper()}": str(value)
                for key, value in workspace.project.options.items()
            },
        }
        child, port = await start_host(
            workspace.python,
            server.address,
            env,
            workspace.project.program,
            lambda is_error, line: display.message("info", "", line),
        )
        return DynamicProvider(child, port)

    hosts = Hosts(start_one)
    secrets = workspace.config.secrets
    run = Deployment(
        project=workspace.project.name,
        stack=workspace.stack,
        options=options,
        snapshot=Snapshot(
            None if options.dry_run else workspace.file,
            workspace.vault,
            [state.copy() for state in workspace.resources],
            workspace.interrupted,
        ),
        registry=Registry(hosts.start, workspace.guard),
        hooks=Hooks(
            Callbacks(), options.dry_run, lambda urn, text: display.message("warning", urn, text)
        ),
        events=display,
        config={
            key: Secret(value) if key in secrets else value
            for key, value in workspace.config.values.items()
        },
    )
    monitor = Monitor(run, workspace.project, workspace.config) if with_program else None
    await server.start(monitor, Engine(display))
    if with_program or any(s.provider for s in workspace.resources):
        hosts.warm_up()
    program = None
    if monitor is not None:
        program = PythonProgram(monitor, server, workspace.python, workspace.project, workspace.env)
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            display.stop()
            os._exit(130)
        display.note("^C received; canceling. To terminate immediately, press ^C again.")
        run.cancelled = True
        run.stop()
        tasks.append(loop.create_task(run.registry.cancel()))

    tasks: list[asyncio.Task[None]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        ok = await run.execute(program)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await hosts.close()
        await server.stop()
        display.stop()
    display.finish(run.verdict)
    return ok


def _options(settings: Settings, *, dry_run: bool, refresh: bool, only: bool = False) -> Options:
    parallel = settings.parallel or 4 * (os.cpu_count() or 1)
    return Options(dry_run, parallel, refresh, only)


def _preview_then(
    workspace: Workspace, titles: tuple[str, str], *, refresh: bool, only: bool, program: bool
) -> int:
    settings = workspace.settings
    if not settings.skip_preview:
        display = workspace.display(titles[0], preview=True)
        options = _options(settings, dry_run=True, refresh=refresh, only=only)
        if not asyncio.run(_run(workspace, options, display, with_program=program)):
            return FAILED
        if settings.confirm is not None and not settings.confirm(f"{titles[1]}: go on?"):
            workspace.console.print("confirmation declined, nothing was done")
            return FAILED
    display = workspace.display(titles[1], preview=False)
    options = _options(settings, dry_run=False, refresh=refresh, only=only)
    ok = asyncio.run(_run(workspace, options, display, with_program=program))
    if ok and settings.expect_no_changes and display.changes:
        workspace.console.print("error: no changes were expected but changes occurred", style="red")
        return FAILED
    return 0 if ok else FAILED


def preview(settings: Settings, console: Console) -> int:
    """Show what `up` would do; returns the exit code. Raises `EngineError`."""
    workspace = Workspace(settings, console)
    workspace.open()
    workspace.check_local()
    display = workspace.display("Previewing update", preview=True)
    options = _options(settings, dry_run=True, refresh=settings.refresh)
    ok = asyncio.run(_run(workspace, options, display, with_program=True))
    if ok and settings.expect_no_changes and display.changes:
        console.print("error: no changes were expected but changes were proposed", style="red")
        return FAILED
    return 0 if ok else FAILED


def up(settings: Settings, console: Console) -> int:
    """Bring the stack to what the program says; returns the exit code. Raises `EngineError`."""
    workspace = Workspace(settings, console)
    with workspace.file.locked():
        workspace.open()
        workspace.check_local()
        return _preview_then(
            workspace,
            ("Previewing update", "Updating"),
            refresh=settings.refresh,
            only=False,
            program=True,
        )


def refresh(settings: Settings, console: Console) -> int:
    """Read every resource into the state; returns the exit code. Raises `EngineError`."""
    workspace = Workspace(settings, console)
    with workspace.file.locked():
        workspace.open()
        workspace.check_local()
        return _preview_then(
            workspace,
            ("Previewing refresh", "Refreshing"),
            refresh=True,
            only=True,
            program=False,
        )


def destroy(settings: Settings, console: Console) -> int:
    """Delete every resource of the stack; returns the exit code. Raises `EngineError`."""
    workspace = Workspace(settings, console)
    with workspace.file.locked():
        workspace.open()
        workspace.check_local()
        return _preview_then(
            workspace,
            ("Previewing destroy", "Destroying"),
            refresh=settings.refresh,
            only=False,
            program=False,
        )


def outputs(settings: Settings, console: Console, *, as_json: bool) -> int:
    """Print the stack's outputs; returns the exit code. Raises `EngineError`."""
    workspace = Workspace(settings, console)
    workspace.open()
    stack = next((s for s in workspace.resources if s.type == urns.ROOT_TYPE), None)
    found = (stack.outputs or {}) if stack else {}
    if settings.show_secrets:
        found = {key: unwrap(value) for key, value in found.items()}
    if as_json:
        print(json.dumps(_plain(found), indent=2, ensure_ascii=False, sort_keys=True))  # noqa: T201
    else:
        for key in sorted(found):
            console.print(f"{key}: {render.one_line(found[key])}", markup=False, soft_wrap=True)
    return 0


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
