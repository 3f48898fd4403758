"""The command's tree: each group of commands is a module beside this one."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from chatdaddy_pulumi.cli import fleet, no_sandbox

app = typer.Typer(
    name="chatdaddy-pulumi",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="ChatDaddy accounts as code: try it on this machine, without an account or a network.",
)
app.add_typer(fleet.app, name="fleet")
if missing := no_sandbox.missing():
    app.command("sandbox", **no_sandbox.TAKES_ANYTHING)(no_sandbox.command(missing))
else:
    from chatdaddy_pulumi.cli import sandbox

    app.add_typer(sandbox.app, name="sandbox")


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(version("chatdaddy-pulumi"))
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_tell_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """ChatDaddy accounts as code."""
