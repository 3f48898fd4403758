"""The commands `up`, `preview`, `refresh`, `destroy` and `outputs`, for a typer application.

The parameters' names are those of `workspace.Settings`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_standin.visible import visible

if TYPE_CHECKING:  # the engine is imported when a command runs
    from pulumi_standin.provider_trust import MayLoad
    from pulumi_standin.workspace import MayReach

Given = dict[str, Any]

#: Makes pairs of the values of `--secret` and `--secret-file`.
ReadSecrets = Callable[[Iterable[str], Iterable[str]], list[str]]

Cwd = Annotated[
    Path, typer.Option("-C", "--cwd", exists=True, file_okay=False, help="The project's folder.")
]
Stack = Annotated[str, typer.Option("-s", "--stack", help="The stack.")]
StateDir = Annotated[
    Path | None, typer.Option(help="Where states are kept.  [default: .sandbox in the project]")
]
Config = Annotated[
    list[str] | None,
    typer.Option("-c", "--config", metavar="KEY=VALUE", help="Set in the stack's configuration."),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", metavar="KEY[=VALUE]", help="The same, encrypted; KEY alone asks."),
]
SecretFiles = Annotated[
    list[str] | None,
    typer.Option("--secret-file", metavar="KEY=FILE", help="The same from a file; - is stdin."),
]
Parallel = Annotated[
    int, typer.Option("-p", "--parallel", min=0, help="Steps at once.  [default: 4 a processor]")
]
DoRefresh = Annotated[bool, typer.Option("-r", "--refresh", help="Refresh first.")]
Target = Annotated[
    list[str] | None,
    typer.Option("-t", "--target", metavar="URN", help="Only this resource; may be repeated."),
]
TargetDependents = Annotated[
    bool, typer.Option("--target-dependents", help="Also what depends on a target.")
]
Replace = Annotated[
    list[str] | None,
    typer.Option("--replace", metavar="URN", help="Replace this resource; may be repeated."),
]
ContinueOnError = Annotated[
    bool, typer.Option("--continue-on-error", help="Go on with the others if one fails.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Go on after the preview unasked.")]
SkipPreview = Annotated[bool, typer.Option("-f", "--skip-preview", help="Without a preview.")]
Diff = Annotated[bool, typer.Option("--diff", help="Show what differs, property by property.")]
ExpectNoChanges = Annotated[bool, typer.Option("--expect-no-changes", help="Fail on any change.")]
ShowSecrets = Annotated[bool, typer.Option("--show-secrets", help="In the clear.")]
SuppressOutputs = Annotated[bool, typer.Option("--suppress-outputs", help="Without outputs.")]
ClearPendingCreates = Annotated[
    bool, typer.Option("--clear-pending-creates", help="Forget creates that were cut off.")
]
AsJson = Annotated[bool, typer.Option("-j", "--json", help="As JSON.")]


def add_to(
    app: typer.Typer,
    *,
    read_secrets: ReadSecrets | None = None,
    may_reach: MayReach | None = None,
    may_load: MayLoad | None = None,
) -> None:
    """Add the commands to a group. The rules are those of `workspace.Settings`.

    `read_secrets` makes ``KEY=VALUE`` of the values of `--secret` and `--secret-file`.
    """
    for command in (up, preview, refresh, destroy, outputs):
        app.command()(_running(command, read_secrets or _read_secrets, may_reach, may_load))


def _read_secrets(given: Iterable[str], files: Iterable[str]) -> list[str]:
    """``KEY=VALUE`` as given, or with the value from a file."""
    pairs = [one.partition("=") for one in files]
    return [*given, *(f"{key}={Path(path).read_text().strip()}" for key, _, path in pairs)]


def _running(
    command: Callable[..., Given],
    read_secrets: ReadSecrets,
    may_reach: MayReach | None,
    may_load: MayLoad | None,
) -> Callable[..., None]:
    """The command for typer: with its parameters and its function."""

    @wraps(command)
    def run(**arguments: Any) -> None:
        given = {**command(**arguments), "may_reach": may_reach, "may_load": may_load}
        files = given.pop("secret_files", None)
        if files or given.get("secrets"):
            given["secrets"] = read_secrets(given.get("secrets") or [], files or [])
        _run(command.__name__, given)

    return run


def up(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    config: Config = None,
    secrets: Secrets = None,
    secret_files: SecretFiles = None,
    parallel: Parallel = 0,
    refresh: DoRefresh = False,
    target: Target = None,
    target_dependents: TargetDependents = False,
    replace: Replace = None,
    continue_on_error: ContinueOnError = False,
    yes: Yes = False,
    skip_preview: SkipPreview = False,
    diff: Diff = False,
    expect_no_changes: ExpectNoChanges = False,
    show_secrets: ShowSecrets = False,
    suppress_outputs: SuppressOutputs = False,
) -> Given:
    """Bring a project's stack to what its program says, on the stand-in engine."""
    return locals()


def preview(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    config: Config = None,
    secrets: Secrets = None,
    secret_files: SecretFiles = None,
    parallel: Parallel = 0,
    refresh: DoRefresh = False,
    target: Target = None,
    target_dependents: TargetDependents = False,
    replace: Replace = None,
    diff: Diff = False,
    expect_no_changes: ExpectNoChanges = False,
    show_secrets: ShowSecrets = False,
    suppress_outputs: SuppressOutputs = False,
) -> Given:
    """Show what `up` would do."""
    return {**locals(), "yes": True}


def refresh(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    parallel: Parallel = 0,
    target: Target = None,
    target_dependents: TargetDependents = False,
    yes: Yes = False,
    skip_preview: SkipPreview = False,
    diff: Diff = False,
    expect_no_changes: ExpectNoChanges = False,
    show_secrets: ShowSecrets = False,
    suppress_outputs: SuppressOutputs = False,
    clear_pending_creates: ClearPendingCreates = False,
) -> Given:
    """Read every resource of a stack into its state."""
    return locals()


def destroy(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    parallel: Parallel = 0,
    refresh: DoRefresh = False,
    target: Target = None,
    target_dependents: TargetDependents = False,
    continue_on_error: ContinueOnError = False,
    yes: Yes = False,
    skip_preview: SkipPreview = False,
    diff: Diff = False,
    show_secrets: ShowSecrets = False,
    suppress_outputs: SuppressOutputs = False,
) -> Given:
    """Delete every resource of a stack."""
    return locals()


def outputs(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    as_json: AsJson = False,
    show_secrets: ShowSecrets = False,
) -> Given:
    """Print a stack's outputs."""
    return {**locals(), "yes": True}


def _run(operation: str, given: dict[str, Any]) -> None:
    """Run the operation with that name and the options as its settings, and exit."""
    from pulumi_standin import operations
    from pulumi_standin.display import console
    from pulumi_standin.errors import EngineError
    from pulumi_standin.values import Unsupported
    from pulumi_standin.workspace import Settings

    unasked = given.pop("yes") or given.get("skip_preview")
    settings = Settings(**{k: v for k, v in given.items() if v is not None})
    if not unasked:
        if not sys.stdin.isatty():
            _stop("--yes or --skip-preview must be passed in to proceed without a terminal")
        settings.confirm = typer.confirm
    try:
        code = operations.BY_NAME[operation](settings, console())
    except (EngineError, Unsupported) as error:
        _stop(str(error))
    raise typer.Exit(code)


def _stop(message: str) -> None:
    typer.echo(f"error: {visible(message)}", err=True)
    raise typer.Exit(1)
