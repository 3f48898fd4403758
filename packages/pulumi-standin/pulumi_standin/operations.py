"""The operations of the commands `sandbox up|preview|refresh|destroy|outputs`.

Each returns the exit code, and raises `EngineError` for errors that a person can correct.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc
from rich.console import Console

from pulumi_standin import render, urns
from pulumi_standin.builtin_provider import Builtins
from pulumi_standin.checkpoint import Checkpoint
from pulumi_standin.deployment import Deployment
from pulumi_standin.display import Display
from pulumi_standin.dynamic_provider import DynamicProvider
from pulumi_standin.engine_service import EngineService
from pulumi_standin.errors import EngineError
from pulumi_standin.executor import Executor
from pulumi_standin.hooks import Callbacks, Hooks
from pulumi_standin.program import PythonProgram
from pulumi_standin.provider_registry import Hosts, ProviderRegistry
from pulumi_standin.resource_monitor import ResourceMonitor
from pulumi_standin.rpc import Server
from pulumi_standin.run import Options, Run
from pulumi_standin.state import State
from pulumi_standin.targets import Targets
from pulumi_standin.values import Secret, unwrap
from pulumi_standin.visible import visible, visible_json
from pulumi_standin.workspace import Settings, Workspace

FAILED = 1


@dataclass(frozen=True)
class _Kind:
    """An operation on a stack, and its names."""

    noun: str
    title: str
    with_program: bool = False
    refresh_only: bool = False


_UP = _Kind("update", "Updating", with_program=True)
_REFRESH = _Kind("refresh", "Refreshing", refresh_only=True)
_DESTROY = _Kind("destroy", "Destroying")


def preview(settings: Settings, console: Console) -> int:
    """Show what `up` would do."""
    workspace = _open(settings, console)
    return _verdict(workspace, *_once(workspace, _UP, dry_run=True), "were proposed")


def up(settings: Settings, console: Console) -> int:
    """Bring the stack to what the program says."""
    return _change(settings, console, _UP)


def refresh(settings: Settings, console: Console) -> int:
    """Read every resource into the state."""
    return _change(settings, console, _REFRESH)


def destroy(settings: Settings, console: Console) -> int:
    """Delete every resource of the stack."""
    return _change(settings, console, _DESTROY)


def outputs(settings: Settings, console: Console) -> int:
    """Print the stack's outputs."""
    workspace = Workspace(settings, console)
    workspace.open()
    stack = next((s for s in workspace.resources if s.type == urns.ROOT_TYPE), None)
    if not workspace.deployment:
        raise EngineError(f"no stack named {settings.stack!r} found")
    found = (stack.outputs or {}) if stack else {}
    if settings.show_secrets:
        found = unwrap(found)
    if settings.as_json:
        text = json.dumps(_plain(found), indent=2, ensure_ascii=False, sort_keys=True)
        print(visible_json(text))  # noqa: T201
    else:
        for key in sorted(found):
            line = visible(f"{key}: {render.one_line(found[key])}")
            console.print(line, markup=False, soft_wrap=True)
    return 0


BY_NAME = {"up": up, "preview": preview, "refresh": refresh, "destroy": destroy, "outputs": outputs}


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _open(settings: Settings, console: Console) -> Workspace:
    workspace = Workspace(settings, console)
    workspace.open()
    workspace.check_stack()
    return workspace


def _change(settings: Settings, console: Console, kind: _Kind) -> int:
    """The preview, the question, and the change itself."""
    workspace = Workspace(settings, console)
    with workspace.file.locked():
        workspace.open()
        workspace.check_stack()
        if not settings.skip_preview:
            ok, _ = _once(workspace, kind, dry_run=True)
            if not ok:
                return FAILED
            if settings.confirm is not None and not settings.confirm(f"{kind.title}: go on?"):
                console.print("confirmation declined, nothing was done")
                return FAILED
        return _verdict(workspace, *_once(workspace, kind, dry_run=False), "occurred")


def _verdict(workspace: Workspace, ok: bool, changes: int, what: str) -> int:
    if ok and changes and workspace.settings.expect_no_changes:
        text = f"error: no changes were expected but changes {what}"
        workspace.console.print(text, style="red")
        return FAILED
    return 0 if ok else FAILED


def _once(workspace: Workspace, kind: _Kind, *, dry_run: bool) -> tuple[bool, int]:
    """One run. Returns whether it succeeded, and how many resources it changed or would change."""
    settings = workspace.settings
    title = f"Previewing {kind.noun}" if dry_run else kind.title
    display = workspace.display(title, preview=dry_run)
    options = Options(
        dry_run=dry_run,
        parallel=settings.parallel or 4 * (os.cpu_count() or 1),
        refresh=settings.refresh or kind.refresh_only,
        refresh_only=kind.refresh_only,
        continue_on_error=settings.continue_on_error,
        targets=Targets(settings.target),
        target_dependents=settings.target_dependents,
        replace_targets=Targets(settings.replace),
    )
    try:
        ok = asyncio.run(_run(workspace, options, display, kind.with_program))
    finally:
        display.stop()
    return ok, display.changes


async def _run(
    workspace: Workspace, options: Options, display: Display, with_program: bool
) -> bool:
    """One run, with its own server, program and provider hosts."""
    server = Server()

    def start() -> Coroutine[Any, Any, DynamicProvider]:
        return workspace.start_host(server.address, lambda line: display.message("info", "", line))

    def warn(urn: str, text: str) -> None:
        display.message("warning", urn, text)

    hosts = Hosts(start)
    config = workspace.config
    news: dict[str, State] = {}
    builtins = Builtins(news, workspace.saved_resources)
    run = Run(
        project=workspace.project.name,
        stack=workspace.stack,
        options=options,
        checkpoint=Checkpoint(
            None if options.dry_run else workspace.file,
            workspace.crypter,
            [state.copy() for state in workspace.resources],
            workspace.interrupted,
        ),
        registry=ProviderRegistry(hosts.start, workspace.check_provider, builtins),
        hooks=Hooks(Callbacks(), options.dry_run, warn),
        messages=display,
        news=news,
    )
    secrets_marked = {
        key: Secret(value) if key in config.secrets else value
        for key, value in config.values.items()
    }
    deployment = Deployment(run, Executor(run, display), secrets_marked, workspace.trust)
    engine_pb2_grpc.add_EngineServicer_to_server(EngineService(display), server.grpc)
    program = None
    if with_program:
        root = str(workspace.project.root)
        monitor = ResourceMonitor(run, deployment, builtins, config, root)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server.grpc)
    await server.start()
    if with_program or any(state.provider for state in workspace.resources):
        hosts.warm_up()
    if with_program:
        program = PythonProgram(
            monitor, server.address, workspace.python, workspace.project, config, workspace.env
        )
    try:
        with _interrupts(run, display, program):
            ok = await deployment.execute(program)
    finally:
        await hosts.close()
        await server.stop()
    display.finish(run.verdict)
    return ok


@contextmanager
def _interrupts(run: Run, display: Display, program: PythonProgram | None) -> Iterator[None]:
    """The first Ctrl-C lets running steps finish, the second one ends the run at once."""
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    def interrupt() -> None:
        if run.cancelled:
            display.stop()
            os._exit(130)
        display.note("^C received; canceling. To terminate immediately, press ^C again.")
        run.cancelled = True
        run.stop()
        tasks.append(loop.create_task(run.registry.cancel()))
        if program is not None:
            tasks.append(loop.create_task(program.kill()))

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
