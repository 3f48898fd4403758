"""`python -m pulumi_standin up|preview|refresh|destroy|outputs`: the engine as a command."""

import typer

from pulumi_standin.command import add_to

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
add_to(app)
app(prog_name="python -m pulumi_standin")
