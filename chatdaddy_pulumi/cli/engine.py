"""`chatdaddy-pulumi sandbox up|preview|refresh|destroy|outputs`: the stand-in engine.

The parameters' names are those of `pulumi_standin.workspace.Settings`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chatdaddy_pulumi.cli.secrets import read_secrets

Cwd = Annotated[Path, typer.Option("-C", "--cwd", help="The project's folder.")]
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


def add_to(app: typer.Typer) -> None:
    """Add the commands to a group."""
    for command in (up, preview, refresh, destroy, outputs):
        app.command()(command)


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
) -> None:
    """Bring a project's stack to what its program says, on the stand-in engine."""
    _run("up", locals())


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
) -> None:
    """Show what `up` would do."""
    _run("preview", {**locals(), "yes": True})


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
) -> None:
    """Read every resource of a stack into its state."""
    _run("refresh", locals())


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
) -> None:
    """Delete every resource of a stack."""
    _run("destroy", locals())


def outputs(
    cwd: Cwd = Path(),
    stack: Stack = "dev",
    state_dir: StateDir = None,
    as_json: AsJson = False,
    show_secrets: ShowSecrets = False,
) -> None:
    """Print a stack's outputs."""
    _run("outputs", {**locals(), "yes": True})


def _run(operation: str, given: dict[str, Any]) -> None:
    """Run an operation of that name with the options as its settings, and end."""
    from chatdaddy_pulumi.cli.local_only import check_urls
    from pulumi_standin import operations
    from pulumi_standin.display import console
    from pulumi_standin.errors import EngineError
    from pulumi_standin.values import Unsupported
    from pulumi_standin.workspace import Settings

    given["secrets"] = read_secrets(given.get("secrets") or (), given.pop("secret_files", ()) or ())
    unasked = given.pop("yes") or given.get("skip_preview")
    settings = Settings(**{k: v for k, v in given.items() if v is not None})
    settings.may_reach = check_urls
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
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)
