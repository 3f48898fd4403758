"""The command's tree. Each command, or group of commands, has a module in this package."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from chatdaddy_pulumi.cli import INTERRUPTED, accounts, doctor, fleet, login, no_sandbox
from chatdaddy_pulumi.cli.console import Failed, fail
from chatdaddy_pulumi.client.text import escaped
from chatdaddy_pulumi.version import __version__


class _Root(TyperGroup):
    """Shows the failure of any command as one line, and sets the exit code."""

    def invoke(self, ctx: Any) -> Any:
        from chatdaddy_pulumi.client import ChatDaddyError

        try:
            return super().invoke(ctx)
        except Failed as error:
            fail(str(error))
            raise typer.Exit(error.code) from None
        except ChatDaddyError as error:
            from chatdaddy_pulumi.provider.settings import with_keys

            fail(escaped(with_keys(str(error))))
            raise typer.Exit(1) from None
        except typer.Abort:  # Ctrl-C at a question
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Root,
    name="chatdaddy-pulumi",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(accounts.accounts)
app.command()(login.login)
app.command()(doctor.doctor)
app.add_typer(fleet.app, name="fleet")
if missing := no_sandbox.missing():
    app.command("sandbox", **no_sandbox.TAKES_ANYTHING)(no_sandbox.command(missing))
else:
    from chatdaddy_pulumi.cli import sandbox

    app.add_typer(sandbox.app, name="sandbox")


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
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
    """ChatDaddy accounts as code.

    \b
    From a team that exists to a repository:
      chatdaddy-pulumi fleet export --output accounts
      cd accounts && pulumi stack init prod
      pulumi up

    \b
    From a repository to phones that are logged in:
      chatdaddy-pulumi login --all

    \b
    If something does not work:
      chatdaddy-pulumi doctor

    \b
    Without a team, on this machine alone:
      chatdaddy-pulumi sandbox serve
    """
