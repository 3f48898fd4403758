"""`chatdaddy-pulumi sandbox …`: the emulated ChatDaddy and the stand-in engine."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Try and test without an account: an emulated ChatDaddy and a stand-in engine.",
)
