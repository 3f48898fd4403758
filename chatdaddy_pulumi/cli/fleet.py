"""`chatdaddy-pulumi fleet`: fleet files, without Pulumi and without a network."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check fleet files.")


@app.callback()
def fleet() -> None:
    """Fleet files: YAML, JSON or CSV."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The fleet file.")],
    format: Annotated[
        str | None, typer.Option(help="yaml, json or csv.  [default: by the file's ending]")
    ] = None,
) -> None:
    """Show every problem of a fleet file with its line; exit code 1 where there is one."""
    from chatdaddy_pulumi.spec.files.reading import read_file
    from chatdaddy_pulumi.spec.files.schema import tier_of

    accounts, problems = read_file(file, format)
    if problems:
        for line in problems.lines():
            typer.echo(line)
        raise typer.Exit(1)
    tiers = Counter(tier_of(own) for own in accounts.values())
    count = "1 account" if len(accounts) == 1 else f"{len(accounts):,} accounts"
    each = ", ".join(f"{number:,} {tier}" for tier, number in sorted(tiers.items()))
    typer.echo(f"{count}: {each}" if each else count)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a fleet file, for editors."""
    from chatdaddy_pulumi.spec.files.schema import schema as described

    typer.echo(json.dumps(described(), indent=2))
