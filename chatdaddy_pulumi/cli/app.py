"""The command's tree: each group of commands is a module beside this one."""

from __future__ import annotations

import typer

from chatdaddy_pulumi.cli import fleet, sandbox

app = typer.Typer(
    name="chatdaddy-pulumi",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="ChatDaddy accounts as code: try it on this machine, without an account or a network.",
)
app.add_typer(fleet.app, name="fleet")
app.add_typer(sandbox.app, name="sandbox")


@app.callback()
def root() -> None:
    """ChatDaddy accounts as code."""
